"""What a list of runs says of one workflow. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from automation.systems.github.records import Run

FAILED = frozenset({"failure", "timed_out", "startup_failure"})
PASSED = "success"
COMPLETED = "completed"
# Their runs say something of somebody's change, and a fork's branch may be called `main` too.
OF_A_CHANGE = frozenset({"pull_request", "pull_request_target", "merge_group"})
KEPT_OF_ONE = 30
KEPT_IN_ALL = 3000


def counted(runs: Iterable[Run], branches: Sequence[str]) -> dict[str, list[Run]]:
    """Return by file the runs that count: those of these branches, of no pull request, newest first."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        if run.branch in branches and run.event not in OF_A_CHANGE:
            found.setdefault(run.path, []).append(run)
    return found


def failed_in_a_row(runs: Iterable[Run]) -> tuple[Run, ...]:
    """Return the failed runs since the last that passed, newest first; others than these two tell nothing."""
    found: list[Run] = []
    for run in runs:
        if run.status == COMPLETED and run.conclusion == PASSED:
            break
        if run.status == COMPLETED and run.conclusion in FAILED:
            found.append(run)
    return tuple(found)


def merged(known: Iterable[Run], new: Iterable[Run]) -> tuple[Run, ...]:
    """Return the runs that are known now, newest first; busy workflows do not push out the rare ones'."""
    by_id = {run.id: run for run in known} | {run.id: run for run in new}
    kept: list[Run] = []
    count: dict[str, int] = {}
    for run in sorted(by_id.values(), key=lambda one: (one.created_at_s, one.id), reverse=True):
        count[run.path] = count.get(run.path, 0) + 1
        if count[run.path] <= KEPT_OF_ONE and len(kept) < KEPT_IN_ALL:
            kept.append(run)
    return tuple(kept)
