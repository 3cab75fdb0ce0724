"""Who is behind a unix socket: the kernel's word, not that of a file."""

from __future__ import annotations

import socket
import struct
from pathlib import Path


def socket_owner(path: Path, *, timeout_s: float = 1.0) -> int | None:
    """Return the pid of the process that listens on a unix socket (SO_PEERCRED); None if nobody does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.settimeout(timeout_s)
        try:
            peer.connect(str(path))
            credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        except (OSError, ValueError):
            return None
    pid: int = struct.unpack("3i", credentials)[0]
    return pid or None
