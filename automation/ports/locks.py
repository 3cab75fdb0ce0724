"""Locks between processes, by filelock: each lock file names its holder, and is never deleted."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from automation.core.errors import LockBusy
from automation.ports.files import cannot


class HeldLock:
    """A lock that this process holds until `release`, or its end."""

    def __init__(self, path: Path, lock: FileLock) -> None:
        self._path = path
        self._lock = lock
        self._inode = _inode(path)

    def still_ours(self) -> bool:
        """Tell whether the lock file is still the one that was locked; `git clean -fdx` removes it (S24)."""
        return self._inode is not None and _inode(self._path) == self._inode

    def release(self) -> None:
        """Let go. The file stays: deleting a lock file makes two holders."""
        self._lock.release()


def take_lock(path: Path, *, purpose: str, since: str, timeout_s: float = 0.0) -> HeldLock:
    """Take an exclusive lock between processes, and write into its file who holds it.

    Args:
        path: The lock file; it is made, and never deleted.
        purpose: What for, as the one who has to wait will read it.
        since: The moment, ISO 8601.
        timeout_s: How long to wait for another holder; 0 asks once.

    Raises:
        LockBusy: Another process held it for the whole wait.
        EffectFailed: The lock file cannot be made.
    """
    lock = FileLock(path, timeout=timeout_s, poll_interval=0.02, fallback_to_soft=False)
    try:
        lock.acquire()
        try:
            _write_holder(path, purpose, since)
        except OSError:
            lock.release()
            raise
    except Timeout as error:
        raise LockBusy(path.name, describe_holder(path)) from error
    except (OSError, NotImplementedError) as error:
        raise cannot("lock", path, error if isinstance(error, OSError) else OSError(str(error))) from error
    return HeldLock(path, lock)


@contextmanager
def locked(path: Path, *, purpose: str, since: str, timeout_s: float = 10.0) -> Iterator[HeldLock]:
    """Hold a lock for a block (see take_lock)."""
    held = take_lock(path, purpose=purpose, since=since, timeout_s=timeout_s)
    try:
        yield held
    finally:
        held.release()


def holder(path: Path) -> dict[str, object] | None:
    """Return what the last holder wrote into a lock file: `pid`, `since`, `for`; None if it says nothing."""
    try:
        said = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return said if isinstance(said, dict) else None


def describe_holder(path: Path) -> str:
    """Say who holds a lock, for somebody who has to wait."""
    said = holder(path)
    if said is None:
        return "another process"
    return f"pid {said.get('pid')} since {said.get('since')}, for {said.get('for')}"


def is_locked(path: Path) -> bool:
    """Tell whether any process holds the lock now, without taking it for longer than the question."""
    try:
        take = FileLock(path, timeout=0, fallback_to_soft=False)
        if not path.exists():
            return False
        take.acquire()
    except (Timeout, OSError):
        return True
    take.release()
    return False


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _write_holder(path: Path, purpose: str, since: str) -> None:
    """Name the holder inside the lock file itself: same inode, so the lock stays what it is."""
    text = json.dumps({"pid": os.getpid(), "since": since, "for": purpose})
    with path.open("r+", encoding="utf-8") as file:
        file.truncate(0)
        file.write(text)
