"""When snapshots are verified again."""

from __future__ import annotations

import pytest

from automation.core.moments import to_text
from automation.engine.backup_care import VERIFIED_EVERY_S, due_for_verification
from automation.stores.backups.store import Snapshot

NOW_S = 1_800_000_000.0


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
