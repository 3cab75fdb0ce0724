"""Restoring: what would be overwritten is saved first, each file is written whole, and read again after."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from automation.core.errors import EffectFailed, UsageInvalid
from automation.stores.backups.beneath import PathRefused, folder_beneath, opened_file
from automation.stores.backups.disk import SET_ID_BITS, Attributes, Target, WrongContent
from automation.stores.backups.entry_path import parent_of, split, temporary_name
from automation.stores.backups.listing import read_manifest, readable_manifests
from automation.stores.backups.manifest import Entry, Manifest, Problem
from automation.stores.backups.place import Place, snapshot_ids
from automation.stores.backups.planning import (
    PlannedFile,
    RestorePlan,
    Selection,
    copies_of,
    decide,
    newest_valid,
    select,
)
from automation.stores.backups.reading import State, state_of, state_of_entry
from automation.stores.backups.scanning import reason_of
from automation.stores.backups.taking import Source, take


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did.

    Attributes:
        saved_as: The snapshot of what was overwritten: restoring it undoes this. None: nothing was there.
        written: The files that are now as their copies.
        failed: What could not be restored, and why; each of these files is untouched, unless the reason says
            that it was written.
    """

    saved_as: str | None
    written: tuple[str, ...]
    failed: tuple[Problem, ...]


def plan(place: Place, snapshot_id: str | None, wanted: Sequence[str]) -> RestorePlan:
    """Look at snapshots and files, and decide what a restore would do.

    Raises:
        UsageInvalid: There is no such snapshot.
        RecordDamaged, RecordNewer: Its manifest cannot be used.
        EffectFailed: The snapshots cannot be read.
    """
    selection = _selection(place, snapshot_id, wanted)
    states: dict[str, State | None] = {}
    refused: list[Problem] = []
    for path in selection.copies:
        prefix, inside = split(path)
        root = place.roots.get(prefix)
        if root is None:
            refused.append(Problem(path, f"nobody knows where {prefix}/ belongs here"))
            continue
        try:
            states[path] = state_of(root, inside)
        except (OSError, PathRefused) as error:
            refused.append(Problem(path, reason_of(error)))
    return decide(snapshot_id, selection, states, refused)


def _selection(place: Place, snapshot_id: str | None, wanted: Sequence[str]) -> Selection:
    if snapshot_id is None:
        return select(newest_valid(readable_manifests(place.folder)), wanted)
    if snapshot_id not in snapshot_ids(place.folder):
        raise UsageInvalid(f"there is no snapshot {snapshot_id}; see the list of `backups`")
    copies = copies_of(read_manifest(place.folder, snapshot_id))
    return select(copies, wanted, _known_and_there(place) if not wanted else ())


def _known_and_there(place: Place) -> set[str]:
    """Return the files that any snapshot holds and that are there now."""
    known = {entry.path for manifest in readable_manifests(place.folder) for entry in manifest.files}
    there = set()
    for path in known:
        prefix, inside = split(path)
        root = place.roots.get(prefix)
        if root is not None and os.path.lexists(root / inside):
            there.add(path)
    return there


def restore(place: Place, planned: RestorePlan) -> Restored:
    """Do what a plan says; the caller holds the lock.

    Raises:
        EffectFailed: What would be overwritten could not be saved; nothing was written.
    """
    files = [file for file in planned.to_write if split(file.path)[0] in place.roots]
    saved = _save(place, files, planned.snapshot_id)
    kept = {} if saved is None else {entry.path: entry for entry in saved.files}
    written: list[str] = []
    failed = list(planned.refused)
    for file in files:
        reason = _restore_one(place, file, kept.get(file.path))
        if reason is None:
            written.append(file.path)
        else:
            failed.append(Problem(file.path, reason))
    return Restored(None if saved is None else saved.id, tuple(written), tuple(failed))


def _save(place: Place, files: Sequence[PlannedFile], snapshot_id: str | None) -> Manifest | None:
    """Take a snapshot of what stands where the files go; None when nothing does."""
    paths: dict[str, list[str]] = {}
    for file in files:
        prefix, inside = split(file.path)
        if os.path.lexists(place.roots[prefix] / inside):
            paths.setdefault(prefix, []).append(inside)
    sources = [Source(inner, prefix) for prefix, inner in paths.items()]
    reason = f"before restore of {snapshot_id or 'the newest valid copies'}"
    taken = take(place, sources, reason, "before-restore")
    return None if taken is None else taken[1]


def _restore_one(place: Place, file: PlannedFile, saved: Entry | None) -> str | None:
    """Write one file; return why it could not be, or None."""
    prefix, inside = split(file.path)
    root = place.roots[prefix]
    try:
        _refuse_unsaved(root, inside, saved)
        _write(place, file, root, inside)
        state = state_of(root, inside)
    except EffectFailed as error:
        return str(error)
    except OSError as error:
        return f"cannot be written: {error.strerror or error} (errno {error.errno})"
    return None if _is_as(state, file.copy.entry) else "was written, and reads back differently"


def _refuse_unsaved(root: Path, inside: str, saved: Entry | None) -> None:
    """Overwrite only what lies in the snapshot that was just taken, and has not changed since."""
    state = state_of(root, inside)
    if state is None:
        return
    if saved is None:
        raise EffectFailed("could not be saved first, and so is not overwritten", retryable=False)
    if state != state_of_entry(saved):
        raise EffectFailed("changed while it was being saved, and so is not overwritten")


def _is_as(state: State | None, entry: Entry) -> bool:
    """Compare; where the owner could not be kept, nor are the bits that lend the owner's rights."""
    wanted = state_of_entry(entry)
    return state in (wanted, replace(wanted, mode=wanted.mode & ~SET_ID_BITS))


def _write(place: Place, file: PlannedFile, root: Path, inside: str) -> None:
    parent, name = parent_of(inside)
    entry = file.copy.entry
    like = Attributes(entry.mode, entry.owner, entry.group, entry.mtime_ns)
    make = _folder_maker(place, file)
    with folder_beneath(root, parent, make=make) as folder:
        target = Target(folder, name, temporary_name(place.system))
        if entry.link is not None:
            place.disk.place_link(target, entry.link, like)
            return
        for snapshot_id, path in _copies_with_the_hash(place, file):
            if _place_from(place, place.folder / snapshot_id, path, target, entry):
                return
    raise EffectFailed(
        f"its copy in {file.copy.snapshot_id} is damaged, and no other snapshot has the same bytes",
        retryable=False,
    )


def _folder_maker(place: Place, file: PlannedFile) -> Callable[[int, str, str], None]:
    """Return what makes a missing folder of the workspace, as the snapshot has it."""
    prefix, _ = split(file.path)
    kept = place.folder / file.copy.snapshot_id / prefix

    def make(folder: int, name: str, path: str) -> None:
        try:
            like = Attributes.of((kept / path).lstat())
        except OSError:
            like = None
        place.disk.make_inner_folder(folder, name, like)

    return make


def _copies_with_the_hash(place: Place, file: PlannedFile) -> Iterator[tuple[str, str]]:
    """Yield where the bytes lie: the planned copy, and then, newest first, any other of the same hash."""
    planned, sha256 = (file.copy.snapshot_id, file.path), file.copy.entry.sha256
    yield planned
    for manifest in readable_manifests(place.folder):
        for entry in manifest.files:
            if entry.sha256 == sha256 and (manifest.id, entry.path) != planned:
                yield manifest.id, entry.path


def _place_from(place: Place, snapshot: Path, path: str, target: Target, wanted: Entry) -> bool:
    """Copy a file out of a snapshot; tell whether its bytes were the right ones and are in place."""
    parent, name = parent_of(path)
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(folder_beneath(snapshot, parent, links=False))
            source = stack.enter_context(opened_file(folder, name))
        except OSError:
            return False
        return _place(place, source, target, wanted)


def _place(place: Place, source: int, target: Target, wanted: Entry) -> bool:
    like = Attributes(wanted.mode, wanted.owner, wanted.group, wanted.mtime_ns)
    try:
        place.disk.place_file(target, source, wanted.sha256, like)
    except WrongContent:
        return False
    return True
