"""Storms (safety S4): when one begins, goes on and ends, what is done in it, and who is told."""

from __future__ import annotations

from dataclasses import replace

from automation.core import storm
from automation.core.decide import Decision, remember, tried
from automation.core.finding import Assessment, Finding, Severity
from automation.core.history import Climb, History
from automation.core.ladder import Ladder
from tests.climbing import LADDER, START_S, found

NAMES = tuple(f"app{number}" for number in range(20))
LADDERS = (storm.LADDER, LADDER, Ladder("slow", ()))


def seen(*down: str, names: tuple[str, ...] = NAMES, strained: str = "") -> Assessment:
    """Return a look in which these are down."""
    return Assessment(names, tuple(found(one) for one in down), strained=strained)


class Weather:
    """A guard reduced to its decisions, storms included."""

    def __init__(self) -> None:
        self.history = History()
        self.now_s = START_S

    def look(self, after_s: float, assessment: Assessment) -> Decision:
        """Look so many seconds later, and make the tries that are decided."""
        self.now_s += after_s
        self.assessment = storm.with_storm(assessment, self.history, "pm2", self.now_s)
        history = remember(self.history, self.assessment.findings, LADDERS, self.now_s)
        decision = storm.decide_gently(history, self.assessment, LADDERS, self.now_s)
        self.history = tried(decision.history, decision.calls, self.now_s)
        return decision

    def stormy(self, after_s: float, *down: str) -> bool:
        """Tell whether such a look sees a storm."""
        self.look(after_s, seen(*down))
        return storm.is_storm(self.assessment)


def called(decision: Decision) -> list[str]:
    return [call.subject for call in decision.calls]


def test_more_than_three_in_ten_that_fail_within_a_minute_are_a_storm_and_three_are_not() -> None:
    assert not Weather().stormy(0.0, *NAMES[:6])
    assert Weather().stormy(0.0, *NAMES[:7])


def test_fewer_than_five_are_no_storm_however_few_there_are() -> None:
    four, five = Weather(), Weather()
    four.look(0.0, seen("a", "b", "c", "d", names=("a", "b", "c", "d")))
    five.look(0.0, seen("a", "b", "c", "d", "e", names=("a", "b", "c", "d", "e")))

    assert not storm.is_storm(four.assessment)
    assert storm.is_storm(five.assessment)


def test_failures_a_minute_apart_count_together_and_a_moment_more_does_not() -> None:
    within, beyond = Weather(), Weather()
    within.look(0.0, seen(*NAMES[:3]))
    beyond.look(0.0, seen(*NAMES[:3]))

    assert within.stormy(60.0, *NAMES[:7])
    assert not beyond.stormy(60.125, *NAMES[:7])


def test_what_fails_for_long_is_no_storm_when_little_is_added() -> None:
    weather = Weather()
    weather.look(0.0, seen(*NAMES[:6]))

    assert not weather.stormy(100.0, *NAMES[:10])


def test_warnings_and_what_is_no_subject_make_no_storm() -> None:
    warnings = tuple(Finding("slow", name, Severity.WARNING, "") for name in NAMES)
    others = tuple(found(f"file{number}") for number in range(9))
    for findings in (warnings, others):
        weather = Weather()
        weather.look(0.0, Assessment(NAMES, findings))
        assert not storm.is_storm(weather.assessment)


def test_the_finding_names_the_first_of_them_and_counts_all() -> None:
    weather = Weather()
    weather.look(0.0, seen(*NAMES[:8]))
    first = weather.assessment.findings[0]

    assert (first.problem, first.subject, first.severity) == ("storm", "pm2", Severity.CRITICAL)
    assert first.message.startswith("8 of 20 fail at once (app0, app1, app2, app3, app4 …)")
    assert storm.held_back(weather.assessment) == "many fail at once: only first steps, a few at a time"


def test_five_names_are_all_named() -> None:
    weather = Weather()
    weather.look(0.0, seen(*NAMES[:5], names=NAMES[:5]))

    assert "(app0, app1, app2, app3, app4)" in weather.assessment.findings[0].message


def test_s4_a_storm_is_met_with_first_steps_two_at_a_time_five_seconds_apart() -> None:
    weather = Weather()
    weather.look(0.0, seen(*NAMES[:8]))
    taken = [called(weather.look(after_s, seen(*NAMES[:8]))) for after_s in (1.0, 4.875, 0.125, 5.0, 5.0)]

    assert taken == [["app0", "app1"], [], ["app2", "app3"], ["app4", "app5"], ["app6", "app7"]]


def test_s4_one_alert_tells_of_a_storm_and_none_of_its_subjects() -> None:
    weather = Weather()
    weather.look(0.0, seen(*NAMES[:8]))
    told = [finding.key for _ in range(60) for finding in weather.look(30.0, seen(*NAMES[:8])).tell]

    assert told == [("storm", "pm2")]


def test_s4_no_second_rung_is_climbed_in_a_storm() -> None:
    weather = Weather()
    weather.look(0.0, seen(*NAMES[:8]))
    calls = [call for _ in range(20) for call in weather.look(30.0, seen(*NAMES[:8])).calls]

    assert {call.step for call in calls} == {"restart"}
    assert len(calls) == 16  # two tries for each of eight: the first rung, once
    assert len(weather.look(30.0, seen(*NAMES[:8])).needs_human) == 9


def test_what_waits_in_a_storm_says_for_when() -> None:
    weather = Weather()
    weather.look(0.0, seen(*NAMES[:8]))
    decision = weather.look(1.0, seen(*NAMES[:8]))

    assert {one.next_at_s for one in decision.waiting} == {START_S + 6.0}
    assert {one.next_at_s for one in weather.look(1.0, seen(*NAMES[2:9])).waiting} == {
        START_S + 6.0,
        START_S + 2.0,
    }


def test_after_a_storm_the_climbs_go_on_and_who_is_still_down_is_told_of() -> None:
    weather = Weather()
    weather.look(0.0, seen(*NAMES[:8]))
    for _ in range(20):
        weather.look(30.0, seen(*NAMES[:8]))
    after = weather.look(30.0, seen("app0"))
    last = weather.look(100.0, seen("app0"))

    assert not storm.is_storm(weather.assessment)
    assert [(call.step, call.subject) for call in after.calls] == [("recreate", "app0")]
    assert [finding.key for finding in last.tell] == [("down", "app0")]


def test_a_storm_goes_on_while_more_than_three_in_ten_fail_and_ends_with_fewer() -> None:
    weather = Weather()
    weather.look(0.0, seen(*NAMES[:8]))

    assert weather.stormy(300.0, *NAMES[:7])
    assert not weather.stormy(300.0, *NAMES[:6])
    assert not weather.stormy(1.0, *NAMES[:7])


def test_those_that_were_helped_count_for_a_minute_so_that_the_others_are_not_all_helped_at_once() -> None:
    weather = Weather()
    weather.look(0.0, seen(*NAMES[:8]))
    weather.look(1.0, seen(*NAMES[:8]))
    weather.look(5.0, seen(*NAMES[2:8]))

    assert weather.stormy(5.0, *NAMES[4:8])
    assert not weather.stormy(49.125, *NAMES[4:8])


def test_a_critical_app_is_helped_first_and_then_who_was_tried_least() -> None:
    weather = Weather()
    critical = replace(seen(*NAMES[:8]), critical_subjects=frozenset({"app7"}))
    weather.look(0.0, critical)

    assert called(weather.look(1.0, critical)) == ["app7", "app0"]
    assert called(weather.look(5.0, critical)) == ["app1", "app2"]


def test_in_calm_weather_four_are_helped_at_a_time() -> None:
    weather = Weather()
    weather.look(0.0, seen(*NAMES[:6]))
    first = weather.look(1.0, seen(*NAMES[:6]))

    assert called(first) == list(NAMES[:4])
    assert {one.next_at_s for one in first.waiting} == {START_S + 1.0}
    assert called(weather.look(1.0, seen(*NAMES[:6]))) == list(NAMES[4:6])
    assert storm.held_back(weather.assessment) == ""


def test_s4_while_the_host_is_short_only_first_steps_are_taken_and_who_they_do_not_help_is_told_of() -> None:
    weather = Weather()
    short = seen(*NAMES[:3], strained="the host is out of memory")
    weather.look(0.0, short)
    calls = [call for _ in range(20) for call in weather.look(30.0, short).calls]

    assert [call.step for call in calls] == ["restart"] * 6
    assert weather.history.climbs["down", "app0"].told_at_s
    assert storm.held_back(short) == "the host is out of memory: only first steps, a few at a time"
    assert [call.step for call in weather.look(30.0, seen("app0")).calls] == ["recreate"]


def test_a_storm_hushes_neither_what_is_no_subject_nor_itself() -> None:
    weather = Weather()
    findings = (*(found(name) for name in NAMES[:8]), found("PM2", "slow"))
    assessment = Assessment((*NAMES, "pm2"), findings)
    weather.look(0.0, assessment)

    assert {one.key for one in weather.look(1.0, assessment).tell} == {("storm", "pm2"), ("slow", "PM2")}


def test_a_clock_set_back_neither_makes_nor_hides_a_storm() -> None:
    weather = Weather()
    weather.look(0.0, seen(*NAMES[:8]))

    assert weather.stormy(-5000.0, *NAMES[:8])
    assert called(weather.look(5.0, seen(*NAMES[:8])))


def test_a_climb_that_is_older_than_the_minute_counts_for_no_subject_that_runs() -> None:
    old = {
        ("down", name): Climb(since_s=START_S - 61.0, seen_at_s=START_S - 1.0, attempts=1) for name in NAMES
    }

    assert not storm.is_storm(storm.with_storm(seen("app0"), History(old), "pm2", START_S))


def test_warnings_do_not_keep_a_storm_going() -> None:
    weather = Weather()
    weather.look(0.0, seen(*NAMES[:8]))
    weather.look(
        300.0, Assessment(NAMES, tuple(Finding("slow", name, Severity.WARNING, "") for name in NAMES))
    )

    assert not storm.is_storm(weather.assessment)


def test_who_failed_before_and_was_well_since_fails_anew() -> None:
    away = {
        ("down", name): Climb(since_s=START_S - 300.0, seen_at_s=START_S - 50.0, attempts=1) for name in NAMES
    }

    assert storm.is_storm(storm.with_storm(seen(*NAMES[:7]), History(away), "pm2", START_S))
