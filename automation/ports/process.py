"""Processes of this machine: who we are, and who lives."""

from __future__ import annotations

import os
import pwd
from pathlib import Path


def start_ticks(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot; None where there is no such process.

    Together with the pid it names a process for good: pids are used again.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
        return int(text.rpartition(")")[2].split()[19])  # field 22; the name before it may hold anything
    except (OSError, ValueError, IndexError):
        return None


def alive(pid: int) -> bool:
    """Tell whether a process lives and is no zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in {"Z", "X"}


def resident_bytes() -> int:
    """Return how much memory this process holds; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def user_name() -> str:
    """Return the name of our effective user; its number where the system has none."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def uid() -> int:
    """Return our effective user id."""
    return os.geteuid()


def owns(path: Path) -> bool:
    """Tell whether our user owns a path, or the nearest folder above it that exists."""
    for candidate in (path, *path.parents):
        try:
            return candidate.stat().st_uid == os.geteuid()
        except FileNotFoundError:
            continue
        except OSError:
            return False
    return False
