"""Deciding what a restore would do: pure, on what the snapshots hold and how the workspace stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from automation.stores.backups.entry_path import WORKSPACE, matching, problem_with
from automation.stores.backups.manifest import Entry, Manifest, Problem
from automation.stores.backups.reading import State, state_of_entry

Change = Literal["new", "changed", "same"]


@dataclass(frozen=True, slots=True)
class Copy:
    """A file as one snapshot has it."""

    snapshot_id: str
    entry: Entry
    # What a default restore prefers, in this order: found valid, from a regular snapshot, newest.
    rank: tuple[bool, bool, str]


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
        files: What would be written (`new`, `changed`), and what is as it should be (`same`).
        missing: What was asked for, or is known from other snapshots, and is not in this one: left alone.
        refused: What cannot be restored, and why.
    """

    snapshot_id: str | None
    files: tuple[PlannedFile, ...] = ()
    missing: tuple[str, ...] = ()
    refused: tuple[Problem, ...] = ()

    @property
    def to_write(self) -> tuple[PlannedFile, ...]:
        """The files that a restore would write."""
        return tuple(file for file in self.files if file.change != "same")


@dataclass(frozen=True, slots=True)
class Selection:
    """The copies that a restore is about, by path, and what was asked for in vain."""

    copies: Mapping[str, Copy]
    missing: tuple[str, ...]
    refused: tuple[Problem, ...]


def copies_of(manifest: Manifest) -> dict[str, Copy]:
    """Return each file of a snapshot as a copy."""
    regular = manifest.kind == "regular"
    return {
        entry.path: Copy(manifest.id, entry, (entry.valid is True, regular, manifest.id))
        for entry in manifest.files
    }


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
    return best


def select(copies: Mapping[str, Copy], wanted: Sequence[str], known: Iterable[str] = ()) -> Selection:
    """Choose among copies what a person asked for.

    Args:
        copies: All that could be restored, by path.
        wanted: Paths of files or folders, relative to the workspace; empty means everything.
        known: Paths that other snapshots hold: they are `missing` where these copies do not have them.
    """
    if not wanted:
        return Selection(copies, tuple(sorted(set(known) - copies.keys())), ())
    chosen: dict[str, Copy] = {}
    missing, refused = [], []
    for path in wanted:
        cleaned = path.removeprefix("./").rstrip("/")
        reason = problem_with(cleaned) if cleaned else "is empty"
        if reason is not None or path.startswith("/"):
            refused.append(Problem(path, reason or "is absolute"))
            continue
        found = matching(cleaned, copies)
        chosen.update((each, copies[each]) for each in found)
        if not found:
            missing.append(f"{WORKSPACE}/{cleaned}")
    return Selection(dict(sorted(chosen.items())), tuple(missing), tuple(refused))


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
    return RestorePlan(snapshot_id, tuple(files), selection.missing, (*selection.refused, *refused, *more))


def _change(state: State | None, entry: Entry) -> Change:
    if state is None:
        return "new"
    return "same" if state == state_of_entry(entry) else "changed"
