"""How each file of the newest snapshot stood when it was taken: what has not moved since is not read again.

A private file beside the snapshots. It only saves work: where it is missing, damaged, of another boot or of
another snapshot, every file is read. Its lines belong to those of the manifest, one to one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from automation.core.errors import EffectFailed
from automation.ports.files import read_whole
from automation.stores.backups.place import STAMPS

# What changed so shortly before the scan may have changed again within the same tick of the file system's
# clock, and look the same.
RACY_NS = 2_000_000_000
_CAP_BYTES = 64 * 1024 * 1024

# Size, mtime, inode and ctime; times in nanoseconds.
Stamp = tuple[int, int, int, int]
NO_STAMP: Stamp = (-1, -1, -1, -1)


@dataclass(frozen=True, slots=True)
class Origin:
    """What stamps are of: a snapshot, this boot, and the root of each of its folders by device and inode."""

    snapshot_id: str
    boot_id: str
    roots: Mapping[str, tuple[int, int]]


def stamp_of(status: os.stat_result) -> Stamp:
    """Return what moves when a file's bytes do."""
    return status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns


def is_racy(stamp: Stamp, scanned_at_ns: int) -> bool:
    """Tell whether a file changed so shortly before a scan that the next one must read it again."""
    return max(stamp[1], stamp[3]) >= scanned_at_ns - RACY_NS


def root_of(path: Path) -> tuple[int, int]:
    """Return a root's device and inode.

    Raises:
        OSError: It is not there.
    """
    status = path.stat()
    return status.st_dev, status.st_ino


class Stamps:
    """Collects the stamps of a snapshot's files, in the order of its manifest."""

    def __init__(self, scanned_at_ns: int) -> None:
        """Begin with none; `scanned_at_ns` is when the scan began, by the clock of the file systems."""
        self._scanned_at_ns = scanned_at_ns
        self._lines = bytearray()
        self._count = 0

    def add(self, stamp: Stamp) -> Stamp:
        """Add the next file's, and return what is kept of it: what is racy must be read again."""
        if is_racy(stamp, self._scanned_at_ns):
            stamp = NO_STAMP
        self._lines += b"%d %d %d %d\n" % stamp
        self._count += 1
        return stamp

    def pieces(self, origin: Origin) -> Iterator[bytes]:
        """Yield the file of these stamps piece by piece."""
        head = {
            "schema": 1,
            "snapshot": origin.snapshot_id,
            "boot": origin.boot_id,
            "roots": {prefix: list(root) for prefix, root in origin.roots.items()},
            "files": self._count,
        }
        yield json.dumps(head).encode("ascii") + b"\n"
        yield bytes(self._lines)


def read_stamps(folder: Path, origin: Origin) -> Iterator[Stamp]:
    """Yield the stamps of a snapshot's files, in the order of its manifest; nothing where they are not its.

    Only roots that are the same as they were count: stamps of others say nothing.
    """
    try:
        data = read_whole(folder / STAMPS, cap=_CAP_BYTES) or b""
        head_line, _, body = data.partition(b"\n")
        del data
        head = json.loads(head_line)
        wanted = {"schema": 1, "snapshot": origin.snapshot_id, "boot": origin.boot_id}
        if not isinstance(head, dict) or any(head.get(key) != value for key, value in wanted.items()):
            return
        roots = {prefix: list(root) for prefix, root in origin.roots.items()}
        if not origin.boot_id or head.get("roots") != roots or head.get("files") != body.count(b"\n"):
            return
    except (EffectFailed, ValueError, RecursionError):
        return
    begin = 0
    while (end := body.find(b"\n", begin)) >= 0:
        yield _stamp(body[begin:end])
        begin = end + 1


def _stamp(line: bytes) -> Stamp:
    try:
        size, mtime_ns, inode, ctime_ns = map(int, line.split())
    except ValueError:
        return NO_STAMP
    return size, mtime_ns, inode, ctime_ns
