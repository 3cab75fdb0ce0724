"""What the master makes of its guards' reports: the score of the whole, silence, emergencies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from automation.core.decide import Decision, decide, remember, tried
from automation.core.finding import Assessment, Mode, Severity, Status
from automation.core.health import Bands, score, status
from automation.core.history import History
from automation.core.settings import SettingsFile
from automation.engine.context import effective
from automation.stores.leases import Lease
from automation.systems.master import SYSTEM
from automation.systems.master.checks import all_work_again, assess, is_over, overall
from automation.systems.master.emergencies import Emergency, begun, lease_section
from automation.systems.master.facts import Facts, Sight
from automation.systems.master.ladders import ladders
from automation.systems.master.peers import PEERS, peer_named

PM2, GITHUB, NETLIFY = PEERS
NOW_S = 1_800_000_000.0
LADDERS = ladders(effective(SYSTEM, {}, SettingsFile("none")))
COOLDOWN_S = 3600.0


def sight(number: int = 0, known: float | None = 1.0, **more: object) -> Sight:
    """Return a guard that is there and well."""
    usual = Sight(
        PEERS[number], there=True, status=Status.HEALTHY, score=known, checked_at_s=NOW_S, period_s=60
    )
    return replace(usual, **more)  # type: ignore[arg-type]  # each test knows the fields


def facts(*sights: Sight, **more: object) -> Facts:
    """Return a look of a master that has been awake for long."""
    return replace(Facts(sights, awake_s=1e6, period_s=60.0), **more)  # type: ignore[arg-type]  # the same


def problems(made: Assessment) -> list[tuple[str, str]]:
    """Return what was found, by problem and subject."""
    return [finding.key for finding in made.findings]


# --- the score of the whole -------------------------------------------------------------------------------


def test_the_overall_score_is_the_mean_over_the_systems_that_are_there() -> None:
    absent = Sight(NETLIFY, there=False)
    made = assess(facts(sight(0, 1.0), sight(1, 0.5), absent))

    assert score(made) == pytest.approx(0.75)
    assert made.subjects == ("pm2", "github")
    assert made.metrics == {"systems": 2, "stale": 0}
    assert list(made.sections["systems"]) == ["pm2", "github"]  # type: ignore[call-overload]  # a mapping


def test_an_unknown_system_counts_with_its_last_known_score() -> None:
    unreadable = sight(1, 0.4, status=Status.UNKNOWN, problem="torn")

    assert overall((sight(0, 1.0), unreadable)) == pytest.approx(0.7)


def test_s2_where_no_score_is_known_there_is_none() -> None:
    made = assess(facts(sight(0, None, status=Status.UNKNOWN), sight(1, None, status=Status.DISABLED)))

    assert score(made) is None
    assert status(made, Bands()) is Status.WARNING
    assert problems(made) == [("system-ill", "pm2")]


def test_a_system_with_nothing_to_guard_does_not_lower_the_score() -> None:
    assert overall((sight(0, 0.8), sight(1, None, status=Status.DISABLED))) == pytest.approx(0.8)


def test_nothing_is_there_and_nothing_is_wrong() -> None:
    made = assess(facts(*(Sight(peer, there=False) for peer in PEERS)))

    assert (score(made), status(made, Bands()), made.findings) == (None, Status.DISABLED, ())


def test_a_guard_that_says_it_is_ill_is_shown_as_badly_as_it_says() -> None:
    made = assess(
        facts(sight(0, 0.6, status=Status.CRITICAL), sight(1, 0.9, status=Status.WARNING), sight(2))
    )

    assert [(one.subject, one.severity) for one in made.findings if one.problem == "system-ill"] == [
        ("pm2", Severity.CRITICAL),
        ("github", Severity.WARNING),
    ]


def test_a_report_that_cannot_be_read_is_said_once_and_judges_nothing() -> None:
    made = assess(facts(sight(0, 0.1, status=Status.UNKNOWN, problem="not JSON")))

    assert problems(made) == [("report-unreadable", "pm2")]


# --- silence ----------------------------------------------------------------------------------------------


def test_a_stale_report_is_a_silent_guard_with_the_command_by_hand() -> None:
    (found,) = assess(facts(sight(0, 1.0, stale=True, age_s=400.0))).findings

    assert found.key == ("guard-silent", "pm2")
    assert found.advice == "`pm2 restart enhanced-pm2-redundancy`"
    assert "400 s" in found.message


@pytest.mark.parametrize(
    ("awake_s", "period_s", "judged"),
    [(59.9, 1.0, False), (60.0, 1.0, True), (60.0, 120.0, False), (120.0, 120.0, True)],
)
def test_s7_nobody_is_silent_before_we_have_been_awake_for_a_period_of_both(
    awake_s: float,
    period_s: float,
    judged: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    made = assess(facts(sight(0, stale=True, period_s=period_s), awake_s=awake_s))

    assert bool(made.findings) is judged


def test_what_a_silent_guard_said_last_is_not_said_again() -> None:
    made = assess(facts(sight(0, 0.9, stale=True, status=Status.WARNING)))

    assert problems(made) == [("guard-silent", "pm2")]


SINCE_S = NOW_S - 100.0
WORKS = sight(0, started_at_s=SINCE_S + 0.1)


@pytest.mark.parametrize(
    ("seen", "over"),
    [
        ((WORKS,), True),
        ((WORKS, Sight(NETLIFY, there=False)), True),
        ((replace(WORKS, started_at_s=SINCE_S),), False),
        ((replace(WORKS, stale=True),), False),
        ((replace(WORKS, problem="not JSON"),), False),
        ((replace(WORKS, mode=Mode.SHUTDOWN),), False),
        ((WORKS, sight(1, started_at_s=SINCE_S)), False),
    ],
)
def test_s31_a_shutdown_is_over_when_every_guard_was_started_since_and_works(
    seen: tuple[Sight, ...],
    over: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    assert all_work_again(facts(*seen, ended_shutdown_s=SINCE_S)) is over
    assert not all_work_again(facts(*seen))


def test_s6_while_the_suite_is_shut_down_nobody_is_expected() -> None:
    assert assess(facts(sight(0, stale=True), shut_down=True)).findings == ()


def test_s6_a_guard_whose_last_word_was_shutdown_is_expected_again_after_it() -> None:
    made = assess(facts(sight(0, stale=True, mode=Mode.SHUTDOWN)))

    assert problems(made) == [("guard-silent", "pm2")]


# --- an emergency begins ----------------------------------------------------------------------------------


def below(made: Assessment) -> list[str]:
    """Return the systems that may begin an emergency."""
    return [found.subject for found in made.findings if found.problem == "score-below-threshold"]


def test_s29_an_emergency_is_of_the_system_whose_own_score_is_below_the_threshold() -> None:
    made = assess(facts(sight(0, 0.49), sight(1, 0.5), sight(2, 1.0)))

    assert below(made) == ["pm2"]


@pytest.mark.parametrize(
    "more",
    [
        {"mode": Mode.PAUSED},
        {"mode": Mode.SHUTDOWN},
        {"mode": Mode.OBSERVE},
        {"stale": True},
        {"status": Status.UNKNOWN},
        {"problem": "torn"},
        {"there": False},
        {"score": None},
    ],
)
def test_s2_s8_s29_what_is_paused_shut_down_observing_or_unknown_never_begins_one(
    more: dict[str, object],
) -> None:
    assert below(assess(facts(sight(0, 0.0, **more) if "score" not in more else sight(0, None)))) == []


def test_s30_a_guard_that_an_emergency_holds_goes_on_being_its_cause() -> None:
    assert below(assess(facts(sight(0, 0.2, mode=Mode.EMERGENCY)))) == ["pm2"]


def look(history: History, made: Assessment, now_s: float) -> Decision:
    """Take one look as the engine does."""
    return decide(remember(history, made.findings, LADDERS, now_s), made.findings, LADDERS, now_s)


def begins(decision: Decision) -> list[str]:
    """Return for which systems an emergency would be begun."""
    return [call.subject for call in decision.calls if call.step == "begin-emergency"]


def test_s29_it_begins_on_the_second_look_in_a_row_and_not_on_the_first() -> None:
    bad, good = assess(facts(sight(0, 0.2))), assess(facts(sight(0, 0.9)))
    first = look(History(), bad, NOW_S)
    between = look(first.history, good, NOW_S + 60)
    again = look(between.history, bad, NOW_S + 120)
    second = look(again.history, bad, NOW_S + 180)

    assert [begins(one) for one in (first, between, again, second)] == [[], [], [], ["pm2"]]


def test_a_look_that_failed_between_two_begins_nothing() -> None:
    bad = assess(facts(sight(0, 0.2)))
    blind = assess(facts(sight(0, 0.2, status=Status.UNKNOWN)))
    decision = look(look(look(History(), bad, NOW_S).history, blind, NOW_S + 60).history, bad, NOW_S + 120)

    assert begins(decision) == []


def test_s30_it_runs_again_once_in_each_cool_down_for_as_long_as_the_score_is_low() -> None:
    bad, history, runs = assess(facts(sight(0, 0.2))), History(), []
    for minute in range(190):
        now_s = NOW_S + 60 * minute
        decision = look(history, bad, now_s)
        history = tried(decision.history, decision.calls, now_s)
        runs += [minute for _ in begins(decision)]

    assert runs == [1, 62, 123, 184]


# --- an emergency goes on and ends ------------------------------------------------------------------------

ON = begun(Emergency(), ("pm2",), "guard", NOW_S - 100).told(NOW_S - 50, "free-guards", "scores", ok=False)
LEFT = replace(ON, running=False)


def test_while_an_emergency_is_on_the_whole_is_critical_whatever_the_mean() -> None:
    made = assess(facts(sight(0, 0.7), sight(1), emergency=LEFT))

    assert status(made, Bands()) is Status.CRITICAL
    assert problems(made) == [("emergency-active", "pm2")]
    assert made.sections["emergency"]["active"] is True  # type: ignore[index]  # a mapping


def test_while_an_emergency_is_on_the_whole_is_critical_also_where_no_score_is_known() -> None:
    made = assess(facts(sight(0, None, status=Status.UNKNOWN, problem="torn"), emergency=LEFT))

    assert score(made) is None
    assert status(made, Bands()) is Status.CRITICAL


def test_an_emergency_that_is_over_is_only_told() -> None:
    made = assess(facts(sight(0), emergency=replace(LEFT, active=False)))

    assert (made.findings, status(made, Bands())) == ((), Status.HEALTHY)
    assert len(made.sections["emergency"]["story"]) == 1  # type: ignore[index]  # a mapping


@pytest.mark.parametrize(
    ("seen", "over"),
    [
        (sight(0, 0.79), False),
        (sight(0, 0.8), True),
        (sight(0, 1.0, stale=True), False),
        (sight(0, 1.0, status=Status.UNKNOWN), False),
        (sight(0, 1.0, problem="torn"), False),
        (sight(0, 1.0, checked_at_s=NOW_S - 50), False),  # looked before the last step
        (sight(0, None), False),
        (sight(0, None, status=Status.DISABLED), True),
        (Sight(PM2, there=False), True),
        (sight(1, 0.1), True),  # no cause of it
    ],
)
def test_s2_s30_it_is_over_at_0_8_by_a_later_look_or_when_no_cause_is_left(
    seen: Sight,
    over: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    assert is_over(LEFT, (seen,)) is over


def test_what_is_not_on_cannot_be_over() -> None:
    assert not is_over(Emergency(causes=("pm2",)), (sight(0),))


def test_s30_a_run_that_died_in_the_middle_is_said_with_what_it_still_holds() -> None:
    died = replace(ON, step="back-up")
    held = assess(facts(sight(0, 0.2), emergency=died, leased=("pm2", "github")))
    free = assess(facts(sight(0, 0.2), emergency=died))
    lives = assess(facts(sight(0, 0.2), emergency=died, run_lives=True))

    messages = [
        found.message
        for made in (held, free, lives)
        for found in made.findings
        if found.subject == "emergency"
    ]
    assert messages == [
        "its program ended at step back-up; it still holds pm2, github",
        "its program ended at step back-up",
    ]


@pytest.mark.parametrize(
    ("seen", "by", "run_lives", "found"),
    [
        (sight(0, 0.5), "guard", True, True),
        (sight(0, 0.49), "guard", True, False),
        (sight(0, 0.9, status=Status.UNKNOWN), "guard", True, False),
        (sight(0, 0.9, stale=True), "guard", True, False),
        (sight(0, 0.5), "hand: ann", True, False),
        (sight(0, 0.5), "guard", False, False),
        (sight(1, 0.5), "guard", True, False),
    ],
)
def test_s30_a_lease_whose_causes_are_back_at_the_threshold_is_held_in_vain(
    seen: Sight,
    by: str,
    run_lives: bool,  # noqa: FBT001  # a parameter of the test
    found: bool,  # noqa: FBT001  # the same
) -> None:
    made = assess(facts(seen, emergency=replace(ON, by=by), leased=("pm2",), run_lives=run_lives))

    assert (("lease-without-cause", "emergency") in problems(made)) is found


def test_s30_a_lease_on_two_guards_is_held_in_vain_when_both_are_well() -> None:
    def seen(other: float) -> Assessment:
        sights = (sight(0, 0.9), sight(1, other))
        return assess(
            facts(*sights, emergency=replace(ON, by="guard"), leased=("pm2", "github"), run_lives=True)
        )

    assert ("lease-without-cause", "emergency") in problems(seen(0.5))
    assert ("lease-without-cause", "emergency") not in problems(seen(0.49))


def test_a_broken_emergency_has_steps_that_free_the_guards_after_two_looks() -> None:
    died = assess(facts(sight(0, 0.9), emergency=replace(ON, active=False)))
    second = look(look(History(), died, NOW_S).history, died, NOW_S + 1)

    assert [call.step for call in second.calls] == ["free-guards"]


# --- the record -------------------------------------------------------------------------------------------


def test_runs_count_over_time_and_an_emergency_that_is_still_on_goes_on_with_its_story() -> None:
    again = begun(LEFT, ("github",), "hand: ann", NOW_S)
    anew = begun(replace(again, active=False), ("netlify",), "guard", NOW_S)

    assert (again.runs, again.since, again.causes, len(again.story)) == (2, LEFT.since, ("pm2", "github"), 1)
    assert (anew.runs, anew.causes, anew.story) == (3, ("netlify",), ())
    assert anew.since != LEFT.since
    assert again.running
    assert anew.running


def test_a_story_has_an_end() -> None:
    told = Emergency()
    for number in range(120):
        told = told.told(NOW_S + number, "back-up", f"{number}", ok=True)

    assert [line["detail"] for line in told.story] == [f"{number}" for number in range(70, 120)]
    assert told.last_told_at_s() == NOW_S + 119


@pytest.mark.parametrize("story", [(), ({},), ({"at": "noon"},)])
def test_a_story_without_a_moment_was_told_long_ago(story: tuple[dict[str, object], ...]) -> None:
    assert Emergency(story=story).last_told_at_s() == 0.0


def test_the_reports_lease_ends_at_a_moment_that_people_can_read() -> None:
    shown = lease_section(Lease(("pm2",), "boot", 1900.0, "e"), NOW_S, 1000.0)

    assert shown == {
        "systems": ["pm2"],
        "bootId": "boot",
        "deadline": "2027-01-15T08:15:00.000Z",
        "epoch": "e",
    }
    assert lease_section(None, NOW_S, 0.0) is None


def test_peers_are_known_by_name() -> None:
    assert peer_named("github") is GITHUB
    assert peer_named("lamp") is None
