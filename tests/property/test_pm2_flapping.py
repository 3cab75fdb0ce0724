"""Laws of counting restarts: they hold whatever an app, a person and a clock do."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from automation.systems.pm2.app_rules import Flap
from automation.systems.pm2.flapping import SLOTS, Courses, flapping, growth, learn
from tests.pm2_values import entry, listed

LAW = settings(deadline=None, max_examples=200)
WINDOW_S = 60.0
FLAP = Flap(restarts=10, window_s=WINDOW_S)

# How long after the last look, how often it died since, and whether somebody restarted it.
looks = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.25, 1.0, 5.0, 30.0, 59.0, 60.0, 61.0, 500.0]),
        st.sampled_from([0, 0, 1, 2, 9, 10, 500]),
        st.booleans(),
    ),
    max_size=40,
)


@LAW
@given(looks)
def test_no_more_is_counted_than_happened_within_the_window_and_since_a_person_was_at_it(
    script: list[tuple[float, int, bool]],
) -> None:
    courses: Courses = {}
    now_s, restarts, created_at = 1000.0, 0, 0
    happened: list[tuple[float, int]] = []
    for after_s, died, by_hand in script:
        now_s, restarts, created_at = now_s + after_s, restarts + died + by_hand, created_at + by_hand
        happened = [] if by_hand or not courses else [*happened, (now_s, died)]
        courses = learn(courses, listed(entry(restart_time=restarts, created_at=created_at)), now_s, FLAP)
        within = sum(count for at_s, count in happened if at_s > now_s - WINDOW_S)
        nearly = sum(count for at_s, count in happened if at_s > now_s - WINDOW_S + WINDOW_S / SLOTS)

        assert nearly <= growth(courses[0], now_s, WINDOW_S) <= within
        assert (0 in flapping(courses, now_s, FLAP)) == (growth(courses[0], now_s, WINDOW_S) >= 10)


@LAW
@given(looks)
def test_what_is_kept_is_bounded(script: list[tuple[float, int, bool]]) -> None:
    courses: Courses = {}
    now_s, restarts = 1000.0, 0
    for after_s, died, _ in script * 4:
        now_s, restarts = now_s + after_s, restarts + died
        courses = learn(courses, listed(entry(restart_time=restarts)), now_s, FLAP)

        assert len(courses[0].marks) <= SLOTS + 3


@LAW
@given(looks)
def test_a_clock_that_restarts_an_app_hides_nothing_and_adds_nothing(
    script: list[tuple[float, int, bool]],
) -> None:
    ticking: Courses = {}
    quiet: Courses = {}
    now_s, restarts, ticks = 1000.0, 0, 0
    for after_s, died, tick in script:
        now_s, ticks = now_s + after_s, ticks + tick
        restarts += 0 if tick else died
        env: dict[str, Any] = {"cron_restart": "* * * * *", "created_at": ticks}
        ticking = learn(ticking, listed(entry(restart_time=restarts + ticks, **env)), now_s, FLAP)
        quiet = learn(quiet, listed(entry(restart_time=restarts)), now_s, FLAP)

        assert growth(ticking[0], now_s, WINDOW_S) == growth(quiet[0], now_s, WINDOW_S)
