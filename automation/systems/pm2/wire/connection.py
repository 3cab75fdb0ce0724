"""Connecting to one of PM2's sockets, and who is on the other side. Nothing here waits without a limit."""

from __future__ import annotations

import errno
import os
import pwd
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from automation.core.errors import LookFailed
from automation.ports import process_table
from automation.systems.pm2.wire.door import NoAnswer, NoDaemon

MAX_ADDRESS_BYTES = 107  # of the 108 that Linux has, one is the NUL at the end
CREDENTIALS = struct.Struct("3i")  # pid, uid, gid
NOBODY_LISTENS = frozenset({errno.ENOENT, errno.ECONNREFUSED})
DENIED = frozenset({errno.EACCES, errno.EPERM})


@dataclass(frozen=True, slots=True)
class Places:
    """Where one daemon's files are."""

    rpc: Path
    pub: Path
    pid_file: Path


def places(pm2_home: Path, environment: Mapping[str, str]) -> Places:
    """Return where PM2 puts its sockets and its pid file: as PM2 itself finds them."""
    return Places(
        rpc=Path(environment.get("PM2_DAEMON_RPC_PORT") or pm2_home / "rpc.sock"),
        pub=Path(environment.get("PM2_DAEMON_PUB_PORT") or pm2_home / "pub.sock"),
        pid_file=Path(environment.get("PM2_PID_FILE_PATH") or pm2_home / "pm2.pid"),
    )


def refuse_elsewhere(daemon: int, address: Path) -> None:
    """Refuse to judge a daemon that listens where we do not look: it is neither deaf nor ours to restart.

    Raises:
        LookFailed: It was told to listen elsewhere, and we were not.
    """
    told = process_table.environment(daemon).get("PM2_DAEMON_RPC_PORT", "")
    if told and Path(told) != address:
        raise LookFailed(
            f"PM2's daemon (pid {daemon}) listens at {told}, and we look at {address}: "
            "set PM2_DAEMON_RPC_PORT and PM2_DAEMON_PUB_PORT for the guard as they are set for PM2"
        )


def connect(address: Path, pid_file: Path) -> socket.socket:
    """Return a connection that never blocks.

    Raises:
        NoDaemon: Nobody listens there.
        NoAnswer: The daemon takes no more connections.
        LookFailed: The path is too long, or the socket is not ours to use.
    """
    length = len(os.fsencode(address))
    if length > MAX_ADDRESS_BYTES:
        raise LookFailed(
            f"{address}: {length} bytes, and a socket's path has {MAX_ADDRESS_BYTES} at most; "
            "set PM2_HOME to a shorter path"
        )
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        peer.settimeout(0)
        peer.connect(os.fsencode(address))
    except OSError as error:
        peer.close()
        raise _not_connected(address, pid_file, error) from error
    return peer


def peer_pid(peer: socket.socket) -> int:
    """Return the pid of the process that listens on the other side; 0 if it is not in our pid namespace."""
    found = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    pid: int = CREDENTIALS.unpack(found)[0]
    return pid


def file_id(path: Path) -> tuple[int, int] | None:
    """Return what tells one file from another at the same path; None if none is to be seen."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _not_connected(address: Path, pid_file: Path, error: OSError) -> LookFailed:
    """Say in our words why there is no connection."""
    reason = error.strerror or str(error)
    if error.errno in NOBODY_LISTENS:
        left = pid_file.exists() if os.access(pid_file.parent, os.X_OK) else False
        return NoDaemon(f"{address}: no PM2 daemon listens ({reason})", pid_file_left=left)
    if error.errno == errno.EAGAIN:
        return NoAnswer(f"{address}: PM2's daemon takes no more connections; it hangs")
    if error.errno in DENIED:
        return LookFailed(
            f"{address}: permission denied, it belongs to user {_owner(address)}; run as that user"
        )
    return LookFailed(f"{address}: cannot connect to PM2 ({reason})")


def _owner(path: Path) -> str:
    """Name the user of a path, or of the nearest folder above it that we may see."""
    for candidate in (path, *path.parents):
        try:
            uid = candidate.stat().st_uid
        except OSError:
            continue
        try:
            return pwd.getpwuid(uid).pw_name
        except KeyError:
            return str(uid)
    return "unknown"
