"""Deciding what a restore would do: pure, on what the snapshots hold and how the workspace stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from automation.stores.backups.dressing import SET_ID_BITS
from automation.stores.backups.entry_path import WORKSPACE, matching, problem_with
from automation.stores.backups.manifest import Entry, Manifest, Problem
from automation.stores.backups.reading import State, state_of_entry

Change = Literal["new", "changed", "same", "removed"]


@dataclass(frozen=True, slots=True)
class Copy:
    """A file as one snapshot has it."""

    snapshot_id: str
    entry: Entry
    regular: bool = True

    @property
    def rank(self) -> tuple[bool, bool, str]:
        """What a default restore prefers, in this order: found valid, from a regular snapshot, newest."""
        return self.entry.valid is True, self.regular, self.snapshot_id


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """What a restore would do to one file, and the copy that it would take."""

    path: str
    change: Change
    copy: Copy


@dataclass(frozen=True, slots=True)
class RestorePlan:
    """All that a restore would do.

    Attributes:
        snapshot_id: The snapshot; None when each file comes from its own newest valid copy.
        files: What would be written (`new`, `changed`), what is as it should be (`same`), and what the
            restore that this one undoes has made, and nobody changed since (`removed`); by path.
        missing: What was asked for, or is known from other snapshots, and is not in this one: left alone.
        refused: What cannot be restored, and why.
    """

    snapshot_id: str | None
    files: tuple[PlannedFile, ...] = ()
    missing: tuple[str, ...] = ()
    refused: tuple[Problem, ...] = ()

    @property
    def to_write(self) -> tuple[PlannedFile, ...]:
        """The files that a restore would write or remove."""
        return tuple(file for file in self.files if file.change != "same")


NOTHING: Mapping[str, Copy] = {}


@dataclass(frozen=True, slots=True)
class Selection:
    """The copies that a restore is about, by path, and what was asked for in vain."""

    copies: Mapping[str, Copy]
    missing: tuple[str, ...]
    refused: tuple[Problem, ...]
    # Not there when the snapshot was taken: as the restore that took it wrote them.
    absent: Mapping[str, Copy] = field(default_factory=dict)


def copies_of(manifest: Manifest) -> dict[str, Copy]:
    """Return each file of a snapshot as a copy."""
    regular = manifest.kind == "regular"
    return {entry.path: Copy(manifest.id, entry, regular) for entry in manifest.files}


def absent_from(manifest: Manifest) -> dict[str, Copy]:
    """Return what a restore wrote where nothing was, as it wrote it."""
    return {entry.path: Copy(manifest.id, entry) for entry in manifest.absent}


def newest_valid(manifests: Iterable[Manifest]) -> dict[str, Copy]:
    """Return for each file its newest valid copy (safety S21).

    A copy that was found invalid is never one. One that nobody could judge counts only where none was found
    valid, and one that an emergency or a restore put aside only where no regular snapshot has one as good.
    """
    best: dict[str, Copy] = {}
    for manifest in manifests:
        for path, copy in copies_of(manifest).items():
            if copy.entry.valid is not False and (path not in best or best[path].rank < copy.rank):
                best[path] = copy
        del manifest  # or it would stay in memory while the next one is read
    return best


def select(
    copies: Mapping[str, Copy],
    wanted: Sequence[str],
    known: Iterable[str] = (),
    absent: Mapping[str, Copy] = NOTHING,
) -> Selection:
    """Choose among copies what a person asked for.

    Args:
        copies: All that could be restored, by path.
        wanted: Paths of files or folders, relative to the workspace; empty means everything.
        known: Paths that other snapshots hold: they are `missing` where these copies do not have them.
        absent: What a restore wrote where nothing was, by path.
    """
    if not wanted:
        return Selection(copies, tuple(sorted(set(known) - copies.keys() - absent.keys())), (), absent)
    chosen: dict[str, Copy] = {}
    gone: dict[str, Copy] = {}
    missing, refused = [], []
    for path in wanted:
        cleaned = path.removeprefix("./").rstrip("/")
        reason = problem_with(cleaned) if cleaned else "is empty"
        if reason is not None or path.startswith("/"):
            refused.append(Problem(path, reason or "is absolute"))
            continue
        found, found_absent = matching(cleaned, copies), matching(cleaned, absent)
        chosen.update((each, copies[each]) for each in found)
        gone.update((each, absent[each]) for each in found_absent)
        if not found and not found_absent:
            missing.append(f"{WORKSPACE}/{cleaned}")
    return Selection(dict(sorted(chosen.items())), tuple(missing), tuple(refused), gone)


def decide(
    snapshot_id: str | None,
    selection: Selection,
    states: Mapping[str, State | None],
    refused: Sequence[Problem],
) -> RestorePlan:
    """Compare copies with how the files stand.

    Args:
        snapshot_id: The snapshot asked for.
        selection: What is to be restored.
        states: How each of these files stands now; None: not there. What is not in it was refused.
        refused: Why it was.
    """
    files: list[PlannedFile] = []
    more: list[Problem] = []
    for path, copy in selection.copies.items():
        if path not in states:
            continue
        state = states[path]
        if state is not None and state.other is not None:
            more.append(Problem(path, f"{state.other} is in its place: move it away first"))
        else:
            files.append(PlannedFile(path, _change(state, copy.entry), copy))
    for path, copy in selection.absent.items():
        state = states.get(path)
        if state is not None and is_as(state, copy.entry):
            files.append(PlannedFile(path, "removed", copy))
        elif state is not None:
            more.append(Problem(path, "was changed since a restore made it, and so is not removed"))
    files.sort(key=lambda file: file.path)
    return RestorePlan(snapshot_id, tuple(files), selection.missing, (*selection.refused, *refused, *more))


def is_as(state: State | None, entry: Entry) -> bool:
    """Compare; where the owner could not be kept, nor are the bits that lend the owner's rights."""
    wanted = state_of_entry(entry)
    return state in (wanted, replace(wanted, mode=wanted.mode & ~SET_ID_BITS))


def _change(state: State | None, entry: Entry) -> Change:
    if state is None:
        return "new"
    return "same" if state == state_of_entry(entry) else "changed"
