"""What a file has besides its bytes, and giving it that: owner, mode and time."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# Bits that lend the owner's rights to whoever runs the file: not for one whose owner could not be kept.
SET_ID_BITS = 0o6000


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a file has besides its bytes."""

    mode: int
    owner: int
    group: int
    mtime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Attributes:
        """Take them from a file."""
        return cls(stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns)


def _own(descriptor: int, like: Attributes) -> bool:
    """Give a file its owner, and tell whether that could be done: it takes root, or the same owner."""
    try:
        os.fchown(descriptor, like.owner, like.group)
    except OSError:
        return False
    return True


def dress(descriptor: int, like: Attributes) -> None:
    """Give a file its owner, mode and time: the owner first, for that clears bits of the mode."""
    owned = _own(descriptor, like)
    os.fchmod(descriptor, like.mode if owned else like.mode & ~SET_ID_BITS)
    os.utime(descriptor, ns=(like.mtime_ns, like.mtime_ns))


def dress_folder(path: str | Path, within: int | None, like: Attributes, *, at_least: int = 0) -> None:
    """Give a folder its owner and mode; the bits that lend rights are not kept on folders."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=within)
    try:
        _own(descriptor, like)
        os.fchmod(descriptor, like.mode & 0o1777 | at_least)
    finally:
        os.close(descriptor)


def dress_link(name: str, folder: int | None, path: Path | None, like: Attributes) -> None:
    """Give a link its owner and time; a link's mode means nothing."""
    target = name if path is None else path
    with suppress(OSError):  # only root can, and nothing depends on a link's owner
        os.chown(target, like.owner, like.group, dir_fd=folder, follow_symlinks=False)
    os.utime(target, ns=(like.mtime_ns, like.mtime_ns), dir_fd=folder, follow_symlinks=False)
