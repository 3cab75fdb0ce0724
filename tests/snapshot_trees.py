"""Trees of files for tests of snapshots: values, laid on a disk and looked at again."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from automation.stores.backups.entry_path import is_temporary

# Nothing here survives a power cut anyway, and flushing to memory costs nothing.
_SHARED_MEMORY = "/dev/shm"  # noqa: S108  # only folders with random names are made in it
ROOM = _SHARED_MEMORY if os.access(_SHARED_MEMORY, os.W_OK) else None

# How much longer than in the suite: `BACKUP_TESTS_SCALE=10` kills ten times as often.
SCALE = int(os.environ.get("BACKUP_TESTS_SCALE", "1"))


@dataclass(frozen=True, slots=True)
class Leaf:
    """A file, or a link where `link` says where it points."""

    content: bytes = b""
    mode: int = 0o644
    link: str | None = None


Tree = dict[str, Leaf]


def put(root: Path, path: str, leaf: Leaf) -> None:
    """Write one file or link, in place of what was there; each change goes through `os`."""
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(target):
        target.unlink()
    if leaf.link is not None:
        target.symlink_to(leaf.link)
        return
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, leaf.content)
        os.fchmod(descriptor, leaf.mode)
    finally:
        os.close(descriptor)


def lay(root: Path, tree: Tree) -> None:
    """Write a whole tree."""
    for path, leaf in tree.items():
        put(root, path, leaf)


def look(root: Path) -> Tree:
    """Return all files and links; what a killed restore left is none of them."""
    found: Tree = {}
    for folder, folders, inside in os.walk(root):
        folders[:] = [name for name in folders if not is_temporary(name)]
        for name in (*folders, *inside):
            path = Path(folder) / name
            leaf = leaf_at(path)
            if leaf is not None and not is_temporary(name):
                found[str(path.relative_to(root))] = leaf
    return found


def leaf_at(path: Path) -> Leaf | None:
    """Return what is at one path; None where there is neither a file nor a link."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(status.st_mode):
        return Leaf(mode=0, link=str(path.readlink()))
    if stat.S_ISREG(status.st_mode):
        return Leaf(path.read_bytes(), stat.S_IMODE(status.st_mode))
    return None


def link_to(target: str) -> Leaf:
    """Return a link; its mode means nothing."""
    return Leaf(mode=0, link=target)
