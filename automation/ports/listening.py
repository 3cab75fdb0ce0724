"""Who listens on a TCP port of this machine, from /proc; for the rare moment at which it matters."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

LISTEN = "0A"
MOST_LISTENERS = 5000
COMMAND_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket that listens: its port, its inode, and the user that it belongs to."""

    port: int
    inode: int
    uid: int


@dataclass(frozen=True, slots=True)
class Kin:
    """Where a process comes from: its parent and its session."""

    parent: int
    session: int


def listeners(ports: Iterable[int], proc: Path = Path("/proc")) -> tuple[Listener, ...]:
    """Return who listens on these ports, in our network namespace; nothing where /proc does not say."""
    wanted = frozenset(ports)
    return tuple(
        found for table in ("tcp", "tcp6") for found in _table(proc / "net" / table) if found.port in wanted
    )


def _table(path: Path) -> Iterator[Listener]:
    """Yield the sockets that listen, which the kernel writes before all others."""
    try:
        with path.open(encoding="ascii", errors="replace") as lines:
            next(lines, None)
            for _ in range(MOST_LISTENERS):
                fields = next(lines, "").split()
                if len(fields) < 10 or fields[3] != LISTEN:  # noqa: PLR2004  # the inode is the tenth
                    return
                yield Listener(int(fields[1].rpartition(":")[2], 16), int(fields[9]), int(fields[7]))
    except (OSError, ValueError):
        return


def holders(inodes: Iterable[int], proc: Path = Path("/proc")) -> dict[int, tuple[int, ...]]:
    """Return which processes hold these sockets, of those that we may look into. Reads all descriptors."""
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    found: dict[int, tuple[int, ...]] = {}
    for pid in _pids(proc):
        for inode in {wanted[name] for name in _descriptors(proc / str(pid) / "fd") if name in wanted}:
            found[inode] = (*found.get(inode, ()), pid)
    return found


def may_look_into(pid: int, proc: Path = Path("/proc")) -> bool:
    """Tell whether we may see what a process holds."""
    return os.access(proc / str(pid) / "fd", os.R_OK | os.X_OK)


def kin(pid: int, proc: Path = Path("/proc")) -> Kin | None:
    """Return where a process comes from; None where there is no such process."""
    try:
        text = (proc / str(pid) / "stat").read_text("utf-8", "replace")
        fields = text.rpartition(")")[2].split()  # the name before it may hold anything
        return Kin(int(fields[1]), int(fields[3]))
    except (OSError, ValueError, IndexError):
        return None


def command(pid: int, proc: Path = Path("/proc")) -> str:
    """Return a process's command line; empty where it has none, or there is no such process."""
    try:
        with (proc / str(pid) / "cmdline").open("rb") as file:
            data = file.read(COMMAND_BYTES)
    except OSError:
        return ""
    return data.replace(b"\0", b" ").decode("utf-8", "replace").strip()


def _pids(proc: Path) -> Iterator[int]:
    try:
        with os.scandir(proc) as entries:
            yield from [int(entry.name) for entry in entries if entry.name.isdigit()]
    except OSError:
        return


def _descriptors(folder: Path) -> Iterator[str]:
    try:
        numbers = os.listdir(folder)  # noqa: PTH208  # thousands of them: no object for each
    except OSError:
        return
    for number in numbers:
        try:
            yield os.readlink(f"{folder}/{number}")  # noqa: PTH115  # the same
        except OSError:
            continue
