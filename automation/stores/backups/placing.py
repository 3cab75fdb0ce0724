"""Putting files of a snapshot where they belong: each whole or not at all, and read again after.

A few are written one by one. Many are first written beside, all of them put on disk together, and then moved
in: a hundred times fewer flushes. What a killed restore leaves of that is one folder, which the next one, and
every backup, knows by its name.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path

from automation.core.errors import AutomationError, EffectFailed
from automation.stores.backups.beneath import Folders, folder_beneath, opened_file
from automation.stores.backups.disk import Attributes, Target, WrongContent
from automation.stores.backups.entry_path import parent_of, split, temporary_name
from automation.stores.backups.listing import stream_entries
from automation.stores.backups.manifest import Entry, Problem
from automation.stores.backups.place import Place, snapshot_ids
from automation.stores.backups.planning import PlannedFile, is_as
from automation.stores.backups.reading import State, state_in, state_of, state_of_entry

STAGED_ABOVE = 32
BATCH_FILES = 8192


@dataclass(frozen=True, slots=True)
class Job:
    """A file to restore, and what the snapshot that was just taken holds in its place."""

    file: PlannedFile
    saved: Entry | None

    @property
    def like(self) -> Attributes:
        """What the file has besides its bytes."""
        entry = self.file.copy.entry
        return Attributes(entry.mode, entry.owner, entry.group, entry.mtime_ns)


@dataclass(slots=True)
class Done:
    """What a restore has done so far."""

    written: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    failed: list[Problem] = field(default_factory=list)

    def note(self, job: Job, reason: str | None) -> None:
        """Note one file: why it could not be restored, or None."""
        path = job.file.path
        if reason is not None:
            self.failed.append(Problem(path, reason))
        elif job.file.change == "removed":
            self.removed.append(path)
        else:
            self.written.append(path)


def restore_one(place: Place, job: Job) -> str | None:
    """Write, or remove, one file; return why it could not be, or None."""
    prefix, inside = split(job.file.path)
    root = place.roots[prefix]
    try:
        _refuse_unsaved(state_of(root, inside), job.saved)
        if job.file.change == "removed":
            _remove(place, root, inside)
            return None
        _write(place, job, root, inside)
        state = state_of(root, inside)
    except (EffectFailed, OSError) as error:
        return _reason(error)
    return _verdict(state, job)


def _reason(error: EffectFailed | OSError) -> str:
    if isinstance(error, OSError):
        return f"cannot be written: {error.strerror or error} (errno {error.errno})"
    return str(error)


def _verdict(state: State | None, job: Job) -> str | None:
    return None if is_as(state, job.file.copy.entry) else "was written, and reads back differently"


def _refuse_unsaved(state: State | None, saved: Entry | None) -> None:
    """Overwrite only what lies in the snapshot that was just taken, and has not changed since."""
    if state is None:
        return
    if saved is None:
        raise EffectFailed("could not be saved first, and so is not overwritten", retryable=False)
    if state != state_of_entry(saved):
        raise EffectFailed("changed while it was being saved, and so is not overwritten")


def _remove(place: Place, root: Path, inside: str) -> None:
    parent, name = parent_of(inside)
    with suppress(FileNotFoundError), folder_beneath(root, parent) as folder:
        place.disk.remove_inner(folder, name)


def _write(place: Place, job: Job, root: Path, inside: str) -> None:
    parent, name = parent_of(inside)
    entry = job.file.copy.entry
    with folder_beneath(root, parent, make=_folder_maker(place, lambda: job)) as folder:
        target = Target(folder, name, temporary_name(place.system))
        if entry.link is not None:
            place.disk.place_link(target, entry.link, job.like)
            return
        for snapshot_id, path in _copies_with_the_hash(place, job.file):
            if _place_from(place, place.folder / snapshot_id, path, target, job):
                return
    raise _no_copy(job)


def _no_copy(job: Job) -> EffectFailed:
    return EffectFailed(
        f"its copy in {job.file.copy.snapshot_id} is damaged, and no other snapshot has the same bytes",
        retryable=False,
    )


def _folder_maker(
    place: Place, current: Callable[[], Job], *, flushed: bool = True
) -> Callable[[int, str, str], None]:
    """Return what makes a missing folder of the workspace, as the snapshot of the current file has it."""

    def make(folder: int, name: str, path: str) -> None:
        file = current().file
        kept = place.folder / file.copy.snapshot_id / split(file.path)[0] / path
        try:
            like = Attributes.of(kept.lstat())
        except OSError:
            like = None
        place.disk.make_inner_folder(folder, name, like, flushed=flushed)

    return make


def _copies_with_the_hash(place: Place, file: PlannedFile) -> Iterator[tuple[str, str]]:
    """Yield where the bytes lie: the planned copy, and then, newest first, any other of the same hash."""
    planned, sha256 = (file.copy.snapshot_id, file.path), file.copy.entry.sha256
    yield planned
    for id_ in reversed(snapshot_ids(place.folder)):
        for entry in stream_entries(place.folder, id_):
            if entry.sha256 == sha256 and entry.link is None and (id_, entry.path) != planned:
                yield id_, entry.path


def _place_from(place: Place, snapshot: Path, path: str, target: Target, job: Job) -> bool:
    """Copy a file out of a snapshot; tell whether its bytes were the right ones and are in place."""
    parent, name = parent_of(path)
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(folder_beneath(snapshot, parent, links=False))
            source = stack.enter_context(opened_file(folder, name))
        except OSError:
            return False
        try:
            place.disk.place_file(target, source, job.file.copy.entry.sha256, job.like)
        except WrongContent:
            return False
        return True


def restore_many(place: Place, jobs: Iterable[Job], done: Done) -> None:
    """Write many files: beside, all of them to disk, and then into their places.

    Raises:
        EffectFailed: The disk cannot be flushed.
    """
    for prefix, those in groupby(jobs, key=lambda job: split(job.file.path)[0]):
        root = place.roots[prefix]
        staging = root / temporary_name(place.system)
        try:
            place.disk.remove(staging)
            place.disk.make_folder(staging)
        except EffectFailed:
            for job in those:  # a root that takes no folder may take the files
                done.note(job, restore_one(place, job))
            continue
        try:
            with folder_beneath(root, staging.name, links=False) as staged:
                while batch := tuple(islice(those, BATCH_FILES)):
                    _restore_batch(_Batch(place, root, staging, staged), batch, done)
        finally:
            place.disk.remove(staging)
        place.disk.flush_all(root)


@dataclass(frozen=True, slots=True)
class _Batch:
    """Where a batch of files is staged: the root, and the open folder in it."""

    place: Place
    root: Path
    staging: Path
    staged: int


def _restore_batch(batch: _Batch, jobs: Iterable[Job], done: Done) -> None:
    """Stage, flush, move in, and read again."""
    ready: list[tuple[str, Job]] = []
    with ExitStack() as stack:
        sources: dict[str, Folders] = {}
        for number, job in enumerate(jobs):
            if job.file.change == "removed" or job.file.copy.entry.link is not None:
                done.note(job, restore_one(batch.place, job))
                continue
            id_ = job.file.copy.snapshot_id
            if id_ not in sources:
                sources[id_] = stack.enter_context(Folders(batch.place.folder / id_, links=False))
            if _stage(batch, str(number), job, sources[id_]):
                ready.append((str(number), job))
            else:  # one by one it is looked for in other snapshots too, and said what is wrong
                done.note(job, restore_one(batch.place, job))
    batch.place.disk.flush_all(batch.staging)
    moved = _move_in(batch, ready, done)
    with Folders(batch.root) as folders:
        for job in moved:
            parent, name = parent_of(split(job.file.path)[1])
            try:
                done.note(job, _verdict(state_in(folders.open(parent), name), job))
            except (EffectFailed, OSError) as error:
                done.note(job, _reason(error))


def _stage(batch: _Batch, name: str, job: Job, folders: Folders) -> bool:
    parent, source_name = parent_of(job.file.path)
    entry = job.file.copy.entry
    try:
        with opened_file(folders.open(parent), source_name) as source:
            batch.place.disk.stage_file(batch.staged, name, source, entry.sha256, job.like, flushed=False)
    except (OSError, AutomationError):
        return False
    return True


def _move_in(batch: _Batch, ready: Sequence[tuple[str, Job]], done: Done) -> list[Job]:
    """Move what is staged to where it belongs, and return what got there."""
    moved: list[Job] = []
    current = [job for _, job in ready[:1]]
    make = _folder_maker(batch.place, lambda: current[0], flushed=False)  # all is, at the end
    with Folders(batch.root, make=make) as folders:
        for name, job in ready:
            current[0] = job
            try:
                _move(batch, name, job, folders)
            except OSError as error:
                if error.errno == errno.EXDEV:
                    done.note(job, restore_one(batch.place, job))
                else:
                    done.note(job, _reason(error))
            except EffectFailed as error:
                done.note(job, _reason(error))
            else:
                moved.append(job)
    return moved


def _move(batch: _Batch, staged: str, job: Job, folders: Folders) -> None:
    parent, name = parent_of(split(job.file.path)[1])
    folder = folders.open(parent)
    try:
        state = state_in(folder, name)
    except FileNotFoundError:
        state = None
    _refuse_unsaved(state, job.saved)
    batch.place.disk.move_in(batch.staged, staged, Target(folder, name, staged))
