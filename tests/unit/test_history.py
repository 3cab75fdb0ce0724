"""What a guard remembers: on disk and back, and what a clock set back leaves of it."""

from __future__ import annotations

import json

import pytest

from automation.core.errors import RecordDamaged, RecordNewer
from automation.core.history import Climb, History, Totals, clamped, from_record, to_record

CLIMB = Climb(
    since_s=100.0,
    seen_at_s=200.5,
    looks=2,
    count=7,
    attempts=3,
    tried_at_s=190.25,
    out_at_s=195.0,
    told_at_s=196.0,
)
HISTORY = History({("down", "web"): CLIMB, ("down", "api"): Climb(1.0, 2.0)}, Totals(5, 2, 1), 0.75)


def good() -> dict[str, object]:
    """Return a fresh record of a history."""
    record = json.loads(json.dumps(to_record(HISTORY)))
    assert isinstance(record, dict)
    return record


def test_a_history_comes_back_from_json_as_it_was() -> None:
    assert from_record(good(), "history.json") == HISTORY


def test_the_file_holds_these_keys() -> None:
    assert to_record(History({("down", "web"): CLIMB})) == {
        "schema": 1,
        "climbs": [
            {
                "problem": "down",
                "subject": "web",
                "since_s": 100.0,
                "seen_at_s": 200.5,
                "looks": 2,
                "count": 7,
                "attempts": 3,
                "tried_at_s": 190.25,
                "out_at_s": 195.0,
                "told_at_s": 196.0,
            }
        ],
        "totals": {"attempts": 0, "succeeded": 0, "failed": 0},
        "lastScore": None,
    }


def test_a_score_of_nothing_is_a_score() -> None:
    assert from_record(to_record(History(last_score=0.0)), "history.json").last_score == 0.0


def test_a_history_without_a_score_comes_back_without_one() -> None:
    assert from_record(to_record(History()), "history.json") == History()


def test_no_moment_lies_ahead_of_now() -> None:
    before = clamped(HISTORY, 150.0).climbs["down", "web"]

    assert (before.since_s, before.seen_at_s, before.tried_at_s) == (100.0, 150.0, 150.0)
    assert (before.out_at_s, before.told_at_s) == (150.0, 150.0)
    assert clamped(HISTORY, 50.0).climbs["down", "web"].since_s == 50.0


def test_what_lies_behind_stays_as_it_is() -> None:
    assert clamped(HISTORY, 200.5) == HISTORY


def test_what_did_not_happen_does_not_happen_by_a_clock_set_back() -> None:
    climb = clamped(History({("down", "web"): Climb(100.0, 100.0)}), 50.0).climbs["down", "web"]

    assert (climb.tried_at_s, climb.out_at_s, climb.told_at_s) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ([], "expected an object"),
        (None, "expected an object"),
        ({}, "expected schema 1, got None"),
        ({"schema": 0}, "expected schema 1, got 0"),
        ({"schema": "1"}, "expected schema 1, got '1'"),
        ({"schema": 1}, "not a history: KeyError 'climbs'"),
    ],
)
def test_what_is_no_history_is_damaged(record: object, problem: str) -> None:
    with pytest.raises(RecordDamaged) as caught:
        from_record(record, "history.json")

    assert str(caught.value) == f"history.json: {problem}"


def test_a_newer_history_is_left_alone() -> None:
    with pytest.raises(RecordNewer, match=r"^history.json: schema 2 is newer than this program knows"):
        from_record(good() | {"schema": 2}, "history.json")


@pytest.mark.parametrize(
    "change",
    [
        {"climbs": None},
        {"climbs": ["down"]},
        {"climbs": [{"problem": "down"}]},
        {"totals": []},
        {"totals": {"attempts": 1, "succeeded": 1}},
        {"totals": {"attempts": 1, "succeeded": -1, "failed": 0}},
        {"totals": {"attempts": 1.5, "succeeded": 1, "failed": 0}},
        {"lastScore": "0.5"},
        {"lastScore": True},
        {"lastScore": float("nan")},
        {"lastScore": 10**400},
    ],
)
def test_a_history_with_a_damaged_part_is_damaged(change: dict[str, object]) -> None:
    with pytest.raises(RecordDamaged):
        from_record(good() | change, "history.json")


@pytest.mark.parametrize(
    "change",
    [
        {"problem": 1},
        {"subject": None},
        {"since_s": "100"},
        {"seen_at_s": None},
        {"tried_at_s": float("nan")},
        {"out_at_s": float("inf")},
        {"told_at_s": False},
        {"looks": True},
        {"count": "7"},
        {"attempts": -1},
    ],
)
def test_a_history_with_a_damaged_climb_is_damaged(change: dict[str, object]) -> None:
    climb = to_record(History({("down", "web"): CLIMB}))["climbs"]
    assert isinstance(climb, list)

    with pytest.raises(RecordDamaged):
        from_record(good() | {"climbs": [climb[0] | change]}, "history.json")


def test_the_line_that_says_so_is_short_whatever_the_file_holds() -> None:
    with pytest.raises(RecordDamaged) as caught:
        from_record({"schema": "x" * 10_000}, "history.json")

    assert len(str(caught.value)) < 150
