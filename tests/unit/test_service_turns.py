"""When a service is asked again: each boundary."""

from __future__ import annotations

import pytest

from automation.engine.service.turns import LONGEST_WAIT_S, Turns


def test_the_first_turn_has_come_at_once_and_the_next_an_interval_later() -> None:
    turns = Turns(60.0)

    assert [turns.has_come(at_s) for at_s in (5.0, 64.9, 65.0, 66.0, 125.0)] == [
        True,
        False,
        True,
        False,
        True,
    ]


def test_each_failure_in_a_row_doubles_the_wait_up_to_ten_minutes() -> None:
    turns = Turns(60.0)
    waits_s = []
    for _ in range(6):
        turns.failed(1000.0)
        waits_s.append(turns.due_s - 1000.0)

    assert waits_s == [60.0, 120.0, 240.0, 480.0, LONGEST_WAIT_S, LONGEST_WAIT_S]


def test_after_an_answer_failures_count_anew() -> None:
    turns = Turns(60.0)
    turns.failed(0.0)
    turns.failed(0.0)
    turns.went_well()
    turns.failed(0.0)

    assert turns.due_s == 60.0


@pytest.mark.parametrize(
    ("interval_s", "says_s", "wait_s"), [(60.0, 59.0, 60.0), (60.0, 4000.0, 4000.0), (3600.0, 0.0, 3600.0)]
)
def test_the_wait_is_never_shorter_than_the_interval_nor_than_what_the_service_says(
    interval_s: float, says_s: float, wait_s: float
) -> None:
    turns = Turns(interval_s)
    turns.failed(0.0, says_s)

    assert turns.due_s == wait_s
    assert not turns.has_come(wait_s - 0.1)
    assert turns.has_come(wait_s)


def test_a_service_that_fails_for_ever_is_asked_for_ever() -> None:
    turns = Turns(60.0, failures=10_000)
    turns.failed(0.0)

    assert turns.due_s == LONGEST_WAIT_S
