"""A spot check: a few files of the newest snapshot against the workspace, lest the wrong thing be kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from automation.stores.backups.beneath import PathRefused
from automation.stores.backups.comparing import Row
from automation.stores.backups.entry_path import split
from automation.stores.backups.manifest import Problem
from automation.stores.backups.planning import is_as
from automation.stores.backups.reading import state_of
from automation.stores.backups.stamps import NO_STAMP, stamp_of

# Given all numbers and how many are wanted, chooses some: `random.sample` does.
Choose = Callable[[Sequence[int], int], Collection[int]]


@dataclass(frozen=True, slots=True)
class SpotCheck:
    """What a spot check found.

    Attributes:
        id: The snapshot.
        compared: How many files were looked at.
        changed: Those that were edited or removed since: no fault.
        differing: Those that nobody touched and that are different all the same, and how.
    """

    id: str
    compared: int
    changed: tuple[str, ...] = ()
    differing: tuple[Problem, ...] = ()


def compare(id_: str, rows: Collection[Row], roots: Mapping[str, Path]) -> SpotCheck:
    """Compare files of a snapshot, each with how its original stood then, with how they are now."""
    changed: list[str] = []
    differing: list[Problem] = []
    for row in rows:
        path = row[0].path
        try:
            reason = _difference(row, roots)
        except (OSError, PathRefused):
            changed.append(path)
            continue
        if reason == "":
            changed.append(path)
        elif reason is not None:
            differing.append(Problem(path, reason))
    return SpotCheck(id_, len(rows), tuple(changed), tuple(differing))


def _difference(row: Row, roots: Mapping[str, Path]) -> str | None:
    """Say how a file differs although nobody touched it; empty where somebody did, None where it does not."""
    entry, stamp = row
    prefix, inside = split(entry.path)
    root = roots.get(prefix)
    if root is None:
        return "nobody knows where it belongs here"
    if is_as(state_of(root, inside), entry):
        return None
    untouched = stamp != NO_STAMP and stamp_of((root / inside).lstat()) == stamp
    return "has other bytes than the backup, though nobody changed it since" if untouched else ""
