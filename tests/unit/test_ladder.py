"""Ladders: which rung a try belongs to, and how long to wait after it."""

from __future__ import annotations

import pytest

from automation.core.ladder import Ladder, Pace, Rung

PLAIN = Pace(first_s=10.0, longest_s=300.0, jitter=0.0)


def test_a_rung_is_tried_as_often_as_it_says_and_then_comes_the_next() -> None:
    ladder = Ladder("down", (Rung("restart", 2), Rung("recreate", 1)))
    steps = [rung.step if (rung := ladder.rung(attempts)) else None for attempts in range(5)]

    assert steps == ["restart", "restart", "recreate", None, None]


def test_a_rung_without_attempts_is_passed_over() -> None:
    assert Ladder("down", (Rung("restart", 0), Rung("recreate", 1))).rung(0) == Rung("recreate", 1)


def test_a_rung_that_is_given_up_ends_with_its_last_try_and_takes_none_of_the_next() -> None:
    ladder = Ladder("down", (Rung("restart", 2), Rung("recreate", 0), Rung("start", 3)))

    assert [ladder.past(attempts) for attempts in (1, 2, 3, 4, 5)] == [2, 2, 5, 5, 5]
    assert ladder.past(7) == 7
    assert Ladder("down", ()).past(1) == 1


def test_a_ladder_without_rungs_has_no_step_at_all() -> None:
    assert Ladder("down", ()).rung(0) is None


@pytest.mark.parametrize(
    ("attempts", "wait_s"),
    [(0, 10.0), (1, 10.0), (2, 20.0), (3, 40.0), (5, 160.0), (6, 300.0), (7, 300.0), (10_000, 300.0)],
)
def test_the_wait_doubles_up_to_the_longest(attempts: int, wait_s: float) -> None:
    assert PLAIN.wait_after(attempts, "web") == wait_s


def test_the_promised_pace_is_the_default() -> None:
    assert Pace() == Pace(first_s=10.0, longest_s=300.0, jitter=0.2, calm_s=600.0, rest_s=3600.0)
    assert Ladder("down", ()).pace == Pace()


def test_a_hundred_subjects_do_not_act_in_step() -> None:
    waits = {Pace().wait_after(1, f"app-{number}") for number in range(100)}

    assert len(waits) > 95
    assert max(waits) - min(waits) > 1.4


def test_the_same_subject_waits_differently_after_each_try() -> None:
    steady = Pace(first_s=300.0)

    assert steady.wait_after(1, "web") != steady.wait_after(2, "web")


def test_a_name_that_is_no_proper_text_has_a_wait_too() -> None:
    assert 10.0 <= Pace().wait_after(1, "caf\udce9 \ud800") <= 12.0
