"""Telling whether a backup has anything to do: how the files stand now, against the newest snapshot."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from automation.stores.backups.beneath import Folders, PathRefused
from automation.stores.backups.entry_path import parent_of
from automation.stores.backups.manifest import Entry, Problem
from automation.stores.backups.reading import State, state_in, state_of_entry
from automation.stores.backups.scanning import scan
from automation.stores.backups.stamps import NO_STAMP, Stamp, Stamps, stamp_of

Row = tuple[Entry, Stamp]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a root is backed up, and the folder of the snapshot that it goes to."""

    root: Path
    paths: Sequence[str]
    prefix: str
    avoid: Path


def paired(entries: Iterator[Entry], stamps: Iterator[Stamp]) -> Iterator[Row]:
    """Yield each entry with its stamp; one that nobody kept fits no file."""
    for entry in entries:
        yield entry, next(stamps, NO_STAMP)


class Matching:
    """Finds the rows of a snapshot, asked for in the order of their paths."""

    def __init__(self, rows: Iterator[Row]) -> None:
        """Begin before the first."""
        self._rows = rows
        self._row = next(rows, None)

    def at(self, path: str) -> Row | None:
        """Return what the snapshot has at a path that comes after those that were asked for."""
        while self._row is not None and self._row[0].path < path:
            self._row = next(self._rows, None)
        if self._row is None or self._row[0].path != path:
            return None
        return self._row


def nothing_changed(wanted: Sequence[Wanted], rows: Iterator[Row], stamps: Stamps) -> bool | None:
    """Compare the files with a snapshot, and collect how they stand now.

    Args:
        wanted: What is backed up, in the order of the snapshot's paths.
        rows: The files of the snapshot, in the order of their paths.
        stamps: Takes how each file stands now.

    Returns:
        False as soon as anything has changed; True when nothing has; None when nothing has, but some files
        had to be read to know, so that the stamps are worth keeping.
    """
    row = next(rows, None)
    same: bool | None = True
    for each in wanted:
        with Folders(each.root) as folders:
            for found in scan(each.root, each.paths, avoid=each.avoid):
                if isinstance(found, Problem) or not _can_be_kept(found[1]):
                    continue
                path, status = found
                if row is None or row[0].path != f"{each.prefix}/{path}":
                    if _state(folders, path) is not None:
                        return False
                    continue  # what cannot be read was not in the snapshot, and would not be in this one
                if not _is_same(folders, path, status, row):
                    return False
                if stamps.add(stamp_of(status)) != row[1]:
                    same = None
                row = next(rows, None)
    return same if row is None else False


def _can_be_kept(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)


def _is_same(folders: Folders, path: str, status: os.stat_result, row: Row) -> bool:
    entry, stamp = row
    if stat.S_ISLNK(status.st_mode) != (entry.link is not None):
        return False
    if entry.link is None and (stat.S_IMODE(status.st_mode) != entry.mode or status.st_size != entry.size):
        return False
    return stamp_of(status) == stamp or _state(folders, path) == state_of_entry(entry)


def _state(folders: Folders, path: str) -> State | None:
    """Read how a file stands; None where it cannot be kept."""
    parent, name = parent_of(path)
    try:
        state = state_in(folders.open(parent), name)
    except (OSError, PathRefused):
        return None
    return None if state.other is not None else state
