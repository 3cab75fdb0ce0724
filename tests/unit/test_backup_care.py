"""When snapshots are verified again, and what a spot check calls different."""

from __future__ import annotations

import pytest

from automation.core.moments import to_text
from automation.engine.backup_care import VERIFIED_EVERY_S, Compared, differing, due_for_verification
from automation.stores.backups.manifest import Entry
from automation.stores.backups.reading import State
from automation.stores.backups.store import Snapshot

NOW_S = 1_800_000_000.0
HASH, OTHER = "a" * 64, "b" * 64
ENTRY = Entry("files/a", 1, 0o644, 0, 0, 0, HASH)


def verified_at(*ages_s: float) -> list[Snapshot]:
    return [Snapshot("x", verified_at=to_text(NOW_S - age_s)) for age_s in ages_s]


@pytest.mark.parametrize(
    ("ages_s", "due"),
    [
        ((), False),
        ((VERIFIED_EVERY_S - 1, 5.0), False),
        ((5.0, VERIFIED_EVERY_S), True),
        ((0.0,), False),
        ((-1.0,), True),
    ],
)
def test_verification_is_due_a_day_after_the_oldest_or_when_the_clock_was_set_back(
    ages_s: tuple[float, ...], due: object
) -> None:
    assert due_for_verification(verified_at(*ages_s), NOW_S) is due


def test_one_whose_manifest_cannot_be_read_is_not_due_for_that() -> None:
    assert due_for_verification([Snapshot("x", damage="torn")], NOW_S) is False


@pytest.mark.parametrize(
    ("state", "touched_at_s", "differs"),
    [
        (State(HASH, 0o644), NOW_S - 100, False),
        (State(OTHER, 0o644), NOW_S - 100, True),
        (State(HASH, 0o600), NOW_S - 100, True),
        (State(OTHER, 0o644), NOW_S - 1, False),  # too shortly before to tell which was first
        (State(OTHER, 0o644), NOW_S - 2, False),
        (State(OTHER, 0o644), NOW_S - 2.1, True),
        (State(OTHER, 0o644), NOW_S + 5, False),  # edited since
        (None, NOW_S - 100, False),  # deleted since, or could not look
        (State(OTHER, 0o644), None, False),
    ],
)
def test_a_file_differs_only_when_nobody_has_touched_it_since(
    state: State | None, touched_at_s: float | None, differs: object
) -> None:
    found = differing([Compared(ENTRY, state, touched_at_s)], NOW_S)

    assert (found == ("files/a",)) is differs
