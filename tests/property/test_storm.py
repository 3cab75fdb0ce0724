"""Laws of storms (safety S4): they hold whatever fails when, and whatever the clock does."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from automation.core import storm
from automation.core.decide import Decision, decide, remember, tried
from automation.core.finding import Assessment
from automation.core.history import History
from tests.climbing import LADDER, START_S, found

LAW = settings(deadline=None, max_examples=150)
NAMES = tuple(f"app{number}" for number in range(16))
LADDERS = (storm.LADDER, LADDER)

jumps = st.sampled_from([0.0, 1.0, 5.0, 10.0, 40.0, 60.0, 61.0, 100.0, 1000.0, -1.0, -1000.0])
downs = st.integers(0, 16).map(lambda count: NAMES[:count]) | st.sets(st.sampled_from(NAMES)).map(tuple)
scripts = st.lists(st.tuples(jumps, downs, st.booleans()), max_size=25)
Script = list[tuple[float, tuple[str, ...], bool]]
Step = tuple[Assessment, History, Decision, float]


def played(script: Script, names: tuple[str, ...] = NAMES) -> list[Step]:
    """Return each look of a script: the assessment, what was known, what was decided, and when."""
    history, now_s, steps = History(), START_S, []
    for after_s, down, strained in script:
        now_s += after_s
        findings = tuple(found(name) for name in down if name in names)
        seen = Assessment(names, findings, strained="the host is short" * strained)
        seen = storm.with_storm(seen, history, "pm2", now_s)
        known = remember(history, seen.findings, LADDERS, now_s)
        decision = storm.decide_gently(known, seen, LADDERS, now_s)
        steps.append((seen, known, decision, now_s))
        history = tried(decision.history, decision.calls, now_s)
    return steps


@LAW
@given(scripts)
def test_a_storm_is_never_seen_while_fewer_than_five_have_failed(script: Script) -> None:
    few = NAMES[:4]

    assert not any(storm.is_storm(seen) for seen, *_ in played(script, few))


@LAW
@given(scripts)
def test_when_more_than_three_in_ten_begin_to_fail_in_one_look_there_is_a_storm(script: Script) -> None:
    before: set[str] = set()
    for (_, down, _), (seen, *_) in zip(script, played(script), strict=True):
        if len(set(down) - before) > 4:
            assert storm.is_storm(seen)
        before = set(down)


@LAW
@given(scripts)
def test_there_are_never_more_steps_at_once_than_the_weather_allows(script: Script) -> None:
    for seen, _, decision, _ in played(script):
        gentle = storm.is_storm(seen) or bool(seen.strained)

        assert len(decision.calls) <= (storm.AT_ONCE_IN_A_STORM if gentle else storm.MOST_AT_ONCE)


@LAW
@given(scripts)
def test_in_a_storm_and_under_strain_there_are_first_steps_alone_and_five_seconds_between(
    script: Script,
) -> None:
    for seen, known, decision, now_s in played(script):
        if storm.is_storm(seen) or seen.strained:
            assert {call.step for call in decision.calls} <= {"restart"}
            last_s = max((climb.tried_at_s for climb in known.climbs.values()), default=0.0)
            assert not decision.calls or now_s - last_s >= storm.APART_S


@LAW
@given(scripts)
def test_in_a_storm_nobody_is_told_of_a_subject(script: Script) -> None:
    for seen, _, decision, _ in played(script):
        if storm.is_storm(seen):
            assert {one.problem for one in decision.tell} <= {storm.PROBLEM}


@LAW
@given(scripts)
def test_nothing_is_lost_what_is_not_done_now_waits_or_needs_a_human(script: Script) -> None:
    for seen, known, decision, now_s in played(script):
        keys = [call.key for call in decision.calls]
        keys += [(wait.problem, wait.subject) for wait in decision.waiting]
        keys += [finding.key for finding in decision.needs_human]

        assert sorted(keys) == sorted(finding.key for finding in seen.findings)
        assert all(wait.next_at_s >= now_s for wait in decision.waiting)
        plain = decide(known, seen.findings, LADDERS, now_s)
        assert {call.key for call in decision.calls} <= {call.key for call in plain.calls}
