"""Reading files in pieces: their hashes, and how a file stands now."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from automation.stores.backups.beneath import folder_beneath, opened_file
from automation.stores.backups.entry_path import parent_of
from automation.stores.backups.manifest import Entry, text_hash

CHUNK_BYTES = 1024 * 1024

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@dataclass(frozen=True, slots=True)
class State:
    """How a file or link stands: what a comparison with an entry needs. `other` names what is neither."""

    sha256: str = ""
    mode: int = 0
    link: str | None = None
    other: str | None = None


def state_of_entry(entry: Entry) -> State:
    """Return the state that a file has when it is as the entry says; a link's own mode means nothing."""
    return State(entry.sha256, 0 if entry.link is not None else entry.mode, entry.link)


def kind_of(mode: int) -> str | None:
    """Name what is neither a file nor a link: `a socket`, `a pipe`, `a device`, `a folder`."""
    return next((name for test, name in _KINDS if test(mode)), None)


def chunks_of(descriptor: int, size: int) -> Iterator[bytes]:
    """Yield an open file piece by piece, and at most one byte more than the size that it said it had.

    A file that grows while it is read ends here too, and shows by that byte that it grew.
    """
    left = size + 1
    while left > 0 and (chunk := os.read(descriptor, asked := min(left, CHUNK_BYTES))):
        left -= len(chunk)
        yield chunk
        if left == 1 and len(chunk) < asked:
            return  # it was asked for one byte more, and there is none


def hash_of(descriptor: int, size: int | None = None) -> str:
    """Return the SHA-256 of an open file, from where it stands to its end; its size may be known already."""
    digest = hashlib.sha256()
    for chunk in chunks_of(descriptor, os.fstat(descriptor).st_size if size is None else size):
        digest.update(chunk)
    return digest.hexdigest()


def state_of(root: Path, path: str) -> State | None:
    """Return how a file beneath a root stands now; None when it is not there.

    Raises:
        PathRefused: It lies outside, behind a link.
        OSError: It cannot be read.
    """
    parent, name = parent_of(path)
    try:
        with folder_beneath(root, parent) as folder:
            return state_in(folder, name)
    except FileNotFoundError:
        return None


def state_in(folder: int, name: str) -> State:
    """Return how a file of an open folder stands now.

    Raises:
        OSError: It is not there, or cannot be read.
    """
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if stat.S_ISLNK(status.st_mode):
        target = os.readlink(name, dir_fd=folder)
        return State(text_hash(target), 0, target)
    if not stat.S_ISREG(status.st_mode):
        return State(other=kind_of(status.st_mode) or "no file")
    with opened_file(folder, name) as descriptor:
        status = os.fstat(descriptor)
        return State(hash_of(descriptor, status.st_size), stat.S_IMODE(status.st_mode))
