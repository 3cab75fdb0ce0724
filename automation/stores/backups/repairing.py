"""Putting good bytes in the place of a spoiled copy: from the workspace or from another snapshot."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from automation.stores.backups.beneath import Folders, PathRefused, folder_beneath, opened_file
from automation.stores.backups.disk import Attributes, Target, WrongContent
from automation.stores.backups.entry_path import parent_of, split
from automation.stores.backups.listing import read_manifest, stream_entries
from automation.stores.backups.manifest import Entry, Problem
from automation.stores.backups.place import HIDDEN, Place, snapshot_ids

_COPIES_CAP = 20
_STAGED = "copy"


def repair(place: Place, id_: str, bad: Collection[str]) -> tuple[Problem, ...]:
    """Replace copies that a verification found bad; the caller holds the lock.

    A replacement has the hash that the manifest names, and is on disk before it takes the place.

    Args:
        place: Where the snapshots lie.
        id_: The snapshot.
        bad: The paths of its entries that are not as they were taken.

    Returns:
        What was replaced, and from where.

    Raises:
        EffectFailed: The disk says no to any new file.
    """
    wanted = {entry.path: entry for entry in read_manifest(place.folder, id_).files if entry.path in bad}
    if not wanted:
        return ()
    staging = place.folder / f"{HIDDEN}repair"
    place.disk.make_folder(staging)
    try:
        elsewhere = _elsewhere(place.folder, id_, wanted)
        repaired = []
        with folder_beneath(staging, "") as staged, _folders_of(place, id_) as folders:
            for entry in wanted.values():
                source = _replace(place, staged, folders, entry, elsewhere.get(entry.sha256, ()))
                if source is not None:
                    place.disk.sync_folder(place.folder / id_ / parent_of(entry.path)[0])
                    repaired.append(Problem(entry.path, f"was replaced by a copy from {source}"))
        return tuple(repaired)
    finally:
        place.disk.remove(staging)


def _folders_of(place: Place, id_: str) -> Folders:
    def make(folder: int, name: str, _: str) -> None:
        place.disk.make_inner_folder(folder, name, None)

    return Folders(place.folder / id_, links=False, make=make)


def _elsewhere(folder: Path, id_: str, wanted: Mapping[str, Entry]) -> dict[str, list[tuple[str, str]]]:
    """Return by hash where else the same bytes should lie, newest first."""
    found: dict[str, list[tuple[str, str]]] = {entry.sha256: [] for entry in wanted.values()}
    for other in reversed(snapshot_ids(folder)):
        for entry in stream_entries(folder, other):
            places = found.get(entry.sha256)
            is_bad_itself = other == id_ and entry.path in wanted
            if places is not None and entry.link is None and not is_bad_itself and len(places) < _COPIES_CAP:
                places.append((other, entry.path))
    return found


def _replace(
    place: Place, staged: int, folders: Folders, entry: Entry, elsewhere: Collection[tuple[str, str]]
) -> str | None:
    """Replace one copy; return where the new one is from, or None."""
    parent, name = parent_of(entry.path)
    like = Attributes(entry.mode, entry.owner, entry.group, entry.mtime_ns)
    try:
        if entry.link is not None:
            target = Target(folders.open(parent), name, f"{HIDDEN}link")
            place.disk.place_link(target, entry.link, like)
            return "its manifest"
        for said, root, path in _sources(place, entry, elsewhere):
            if _stage(place, staged, root, path, entry, like):
                place.disk.move_in(staged, _STAGED, Target(folders.open(parent), name, _STAGED))
                return said
    except OSError:
        return None  # what is in its place cannot be replaced: it stays bad, and is counted
    return None


def _sources(
    place: Place, entry: Entry, elsewhere: Collection[tuple[str, str]]
) -> Iterator[tuple[str, Path, str]]:
    """Yield where the bytes may lie: how to say it, the root, and the path beneath it."""
    prefix, inside = split(entry.path)
    if prefix in place.roots:
        yield "the workspace", place.roots[prefix], inside
    for id_, path in elsewhere:
        yield id_, place.folder / id_, path


def _stage(place: Place, staged: int, root: Path, path: str, entry: Entry, like: Attributes) -> bool:
    """Make a copy of the wanted bytes; tell whether they were there.

    Raises:
        OSError: The copy cannot be written.
    """
    parent, name = parent_of(path)
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(folder_beneath(root, parent))
            source = stack.enter_context(opened_file(folder, name))
        except (OSError, PathRefused):
            return False
        if os.fstat(source).st_size != entry.size:
            return False
        try:
            place.disk.stage_file(staged, _STAGED, source, entry.sha256, like, flushed=True)
        except WrongContent:
            return False
        return True
