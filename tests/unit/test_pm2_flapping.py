"""Which restarts count as flapping, and which are somebody's will."""

from __future__ import annotations

from typing import Any

from automation.systems.pm2.app_rules import Flap
from automation.systems.pm2.flapping import SLOTS, Courses, flapping, growth, learn
from tests.pm2_values import entry, listed

FLAP = Flap(restarts=10, window_s=60.0)


class Counter:
    """One app's restart counter, as looks see it."""

    def __init__(self, **env: object) -> None:
        self.env: dict[str, Any] = {"created_at": 1000, **env}
        self.courses: Courses = {}
        self.now_s = 5000.0

    def look(self, after_s: float, restarts: int, **env: object) -> int | None:
        """Look so many seconds later; return the count when it flaps, else None."""
        self.now_s += after_s
        self.env |= env
        seen = listed(entry(restart_time=restarts, **self.env))
        self.courses = learn(self.courses, seen, self.now_s, FLAP)
        return flapping(self.courses, self.now_s, FLAP).get(0)


def test_ten_restarts_within_a_minute_are_flapping_and_nine_are_not() -> None:
    nine, ten = Counter(), Counter()
    nine.look(0.0, 3)
    ten.look(0.0, 3)

    assert nine.look(1.0, 12) is None
    assert ten.look(1.0, 13) == 10


def test_it_is_found_at_the_loops_own_pace() -> None:
    counter = Counter()
    counter.look(0.0, 0)

    assert counter.look(30.0, 5) is None
    assert counter.look(29.0, 10) == 10


def test_restarts_leave_the_window_when_it_has_passed_them() -> None:
    counter = Counter()
    counter.look(0.0, 0)
    counter.look(1.0, 10)

    assert counter.look(59.875, 10) == 10
    assert counter.look(0.125, 10) is None


def test_what_was_counted_before_the_guard_looked_first_does_not_count() -> None:
    assert Counter().look(0.0, 40_000) is None


def test_an_app_that_dies_every_ten_seconds_for_an_hour_does_not_flap() -> None:
    counter = Counter()

    assert {counter.look(10.0, number) for number in range(360)} == {None}


def test_an_app_that_dies_every_three_seconds_is_found_within_a_window() -> None:
    counter = Counter()
    found = [counter.look(3.0, number) for number in range(22)]

    assert any(found)


def test_a_restart_by_hand_begins_the_count_anew() -> None:
    counter = Counter()
    counter.look(0.0, 0)
    assert counter.look(1.0, 20) == 20

    assert counter.look(1.0, 21, created_at=2000) is None
    assert counter.look(1.0, 30, created_at=2000) is None
    assert counter.look(1.0, 31, created_at=2000) == 10


def test_somebody_who_restarts_again_and_again_is_not_flapping() -> None:
    counter = Counter()

    assert {counter.look(1.0, number, created_at=number) for number in range(60)} == {None}


def test_a_counter_that_begins_again_is_followed_from_there() -> None:
    counter = Counter()
    counter.look(0.0, 100)

    assert counter.look(1.0, 0) is None
    assert counter.look(1.0, 9) is None
    assert counter.look(1.0, 10) == 10


def test_an_entry_made_anew_under_the_same_id_is_another_one() -> None:
    counter = Counter()
    counter.look(0.0, 0)

    assert counter.look(1.0, 50, unique_id="other") is None


def test_restarts_by_a_clock_neither_count_nor_hide_others() -> None:
    ticking, dying = Counter(cron_restart="* * * * *"), Counter(cron_restart="* * * * *")

    assert {ticking.look(1.0, number, created_at=number) for number in range(60)} == {None}
    dying.look(0.0, 0)
    dying.look(1.0, 6)
    assert dying.look(1.0, 7, created_at=2000) is None
    assert dying.look(1.0, 11, created_at=2000) == 10


def test_ours_and_the_twin_of_a_reload_are_not_followed() -> None:
    seen = listed(entry("enhanced-pm2-redundancy", 1), entry("web", "_old_2"), entry("web", 2))

    assert list(learn({}, seen, 0.0, FLAP)) == [2]


def test_what_is_gone_from_the_list_is_forgotten() -> None:
    courses = learn({}, listed(entry("web", 1), entry("api", 2)), 0.0, FLAP)

    assert list(learn(courses, listed(entry("api", 2)), 1.0, FLAP)) == [2]


def test_what_is_kept_of_an_app_that_dies_for_hours_is_a_few_marks() -> None:
    counter = Counter()
    for number in range(2000):
        counter.look(0.5, number * 70)

    assert len(counter.courses[0].marks) <= SLOTS + 3
    assert growth(counter.courses[0], counter.now_s, 60.0) >= 100 * 70


def test_marks_close_together_are_one_so_that_the_count_is_at_most_a_slot_late() -> None:
    counter = Counter()
    for number in range(40):
        counter.look(0.25, number)

    assert len(counter.courses[0].marks) <= 4
    assert growth(counter.courses[0], counter.now_s, 60.0) == 39


def test_a_window_of_no_length_counts_nothing() -> None:
    courses = learn({}, listed(entry(restart_time=0)), 0.0, Flap(1, 0.0))
    courses = learn(courses, listed(entry(restart_time=5)), 0.0, Flap(1, 0.0))
    courses = learn(courses, listed(entry(restart_time=9)), 0.0, Flap(1, 0.0))

    assert flapping(courses, 0.0, Flap(1, 0.0)) == {}
