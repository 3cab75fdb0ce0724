"""Restoring: what would be overwritten is saved first, each file is written whole, and read again after."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from automation.core.errors import EffectFailed, UsageInvalid
from automation.stores.backups.beneath import Folders, PathRefused
from automation.stores.backups.comparing import Matching, paired
from automation.stores.backups.entry_path import parent_of, split
from automation.stores.backups.listing import (
    Snapshot,
    read_manifest,
    readable_manifests,
    stream_entries,
    stream_paths_besides,
)
from automation.stores.backups.manifest import Entry, Problem
from automation.stores.backups.place import Place, snapshot_ids
from automation.stores.backups.placing import STAGED_ABOVE, Done, Job, restore_many, restore_one
from automation.stores.backups.planning import (
    Copy,
    PlannedFile,
    RestorePlan,
    Selection,
    absent_from,
    copies_of,
    decide,
    newest_valid,
    select,
)
from automation.stores.backups.reading import State, state_in
from automation.stores.backups.scanning import reason_of
from automation.stores.backups.taking import Order, Source, take


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did.

    Attributes:
        saved_as: The snapshot of what was there before: restoring it undoes this, and removes again what was
            made where nothing was, unless somebody changed it since. None: there was nothing to do.
        written: The files that are now as their copies.
        failed: What could not be restored, and why; each of these files is untouched, unless the reason says
            that it was written.
        removed: The files that an earlier restore had made, and that are gone again.
    """

    saved_as: str | None
    written: tuple[str, ...]
    failed: tuple[Problem, ...]
    removed: tuple[str, ...] = ()


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
    with ExitStack() as stack:
        looks = {prefix: _Look(stack.enter_context(Folders(root))) for prefix, root in place.roots.items()}
        for path in (*selection.copies, *selection.absent):
            prefix, inside = split(path)
            if prefix not in looks:
                refused.append(Problem(path, f"nobody knows where {prefix}/ belongs here"))
                continue
            try:
                states[path] = looks[prefix].at(inside)
            except (OSError, PathRefused) as error:
                refused.append(Problem(path, reason_of(error)))
    return decide(snapshot_id, selection, states, refused)


@dataclass(slots=True)
class _Look:
    """Looks at the files of a root, one after the other; a folder that is not there is looked for once."""

    folders: Folders
    gone: str | None = None

    def at(self, path: str) -> State | None:
        """Return how a file stands now; None when it is not there.

        Raises:
            PathRefused: It lies outside, behind a link.
            OSError: It cannot be read.
        """
        parent, name = parent_of(path)
        if parent == self.gone:
            return None
        try:
            folder = self.folders.open(parent)
        except FileNotFoundError:
            self.gone = parent
            return None
        try:
            return state_in(folder, name)
        except FileNotFoundError:
            return None


def _selection(place: Place, snapshot_id: str | None, wanted: Sequence[str]) -> Selection:
    if snapshot_id is None:
        return select(newest_valid(readable_manifests(place.folder)), wanted)
    if snapshot_id not in snapshot_ids(place.folder):
        raise UsageInvalid(f"there is no snapshot {snapshot_id}; see the list of `backups`")
    manifest = read_manifest(place.folder, snapshot_id)
    copies = copies_of(manifest)
    known = _known_and_there(place, copies) if not wanted else ()
    return select(copies, wanted, known, absent_from(manifest))


def _known_and_there(place: Place, copies: Mapping[str, Copy]) -> set[str]:
    """Return the files that other snapshots hold, these copies do not, and that are there now."""
    known: set[str] = set()
    for id_ in snapshot_ids(place.folder):
        known.update(stream_paths_besides(place.folder, id_, copies))
    return {path for path in known if _is_there(place, path)}


def _is_there(place: Place, path: str) -> bool:
    prefix, inside = split(path)
    root = place.roots.get(prefix)
    return root is not None and os.path.lexists(root / inside)


def restore(place: Place, planned: RestorePlan) -> Restored:
    """Do what a plan says; the caller holds the lock.

    Raises:
        EffectFailed: What would be overwritten could not be saved; nothing was written.
    """
    files = [file for file in planned.to_write if split(file.path)[0] in place.roots]
    saved = _save(place, files, planned.snapshot_id)
    rows = iter(()) if saved is None else paired(stream_entries(place.folder, saved.id), iter(()))
    matching = Matching(rows)
    done = Done(failed=list(planned.refused))
    pairs = ((file, matching.at(file.path)) for file in files)
    jobs = (Job(file, None if row is None else row[0]) for file, row in pairs)
    if len(files) <= STAGED_ABOVE:
        for job in jobs:
            done.note(job, restore_one(place, job))
    else:
        restore_many(place, jobs, done)
    return Restored(
        None if saved is None else saved.id, tuple(done.written), tuple(done.failed), tuple(done.removed)
    )


def _save(place: Place, files: Sequence[PlannedFile], snapshot_id: str | None) -> Snapshot | None:
    """Take a snapshot of what is about to be overwritten or removed, and note what is about to be made.

    Raises:
        EffectFailed: It cannot be taken.
    """
    paths: dict[str, list[str]] = {}
    absent: list[Entry] = []
    for file in files:
        prefix, inside = split(file.path)
        if os.path.lexists(place.roots[prefix] / inside):
            paths.setdefault(prefix, []).append(inside)
        elif file.change != "removed":
            absent.append(file.copy.entry)
    sources = [Source(inner, prefix) for prefix, inner in paths.items()]
    reason = f"before restore of {snapshot_id or 'the newest valid copies'}"
    try:
        return take(place, Order(sources, reason, "before-restore", absent=tuple(absent)))
    except EffectFailed as error:
        raise EffectFailed(f"nothing was restored: what is there cannot be saved first: {error}") from error
