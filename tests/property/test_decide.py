"""Laws of deciding: they hold whatever is found when, and whatever the clock does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from automation.core.decide import Decision, StepCall, decide, remember
from automation.core.finding import Finding
from automation.core.history import Key
from automation.core.ladder import Ladder, Pace, Rung
from tests.climbing import Climber, found, keys

LAW = settings(deadline=None, max_examples=150)

# The waits, calm times and rests below meet these jumps exactly, one short of them, and one past them.
FORWARD_S = (0.0, 1.0, 9.0, 10.0, 11.0, 20.0, 40.0, 49.0, 50.0, 99.0, 100.0, 101.0, 600.0, 1000.0, 1e5)
BACKWARD_S = (-1.0, -10.0, -50.0, -1000.0, -1e5)
SUBJECTS = ("web", "api")
PROBLEMS = ("down", "slow")

forward = st.sampled_from(FORWARD_S) | st.floats(0.0, 2000.0)
jumps = forward | st.sampled_from(BACKWARD_S)
paces = st.builds(
    Pace,
    first_s=st.sampled_from([0.0, 1.0, 10.0]),
    longest_s=st.sampled_from([10.0, 40.0]),
    jitter=st.sampled_from([0.0, 0.2]),
    calm_s=st.sampled_from([0.0, 10.0, 100.0]),
    rest_s=st.sampled_from([0.0, 50.0, 1000.0, 1e9]),
)
rungs = st.lists(st.builds(Rung, st.sampled_from("abc"), st.integers(0, 3)), max_size=3).map(tuple)
ladder_pairs = st.tuples(*(st.builds(Ladder, st.just(problem), rungs, paces) for problem in PROBLEMS))
all_findings = st.sampled_from([found(subject, problem) for subject in SUBJECTS for problem in PROBLEMS])
Look = tuple[float, list[Finding]]
looks = st.lists(st.tuples(jumps, st.lists(all_findings, max_size=5)), max_size=25)
forward_looks = st.lists(st.tuples(forward, st.lists(all_findings, max_size=5)), max_size=25)
unlimited = st.builds(
    Ladder, st.just("down"), rungs, st.builds(replace, paces, rest_s=st.just(1e12), calm_s=st.just(1e12))
)


def whole(ladder: Ladder) -> list[str]:
    """Return every step of a ladder, in order."""
    return [rung.step for rung in ladder.rungs for _ in range(rung.attempts)]


@LAW
@given(unlimited, st.lists(st.tuples(jumps, st.booleans()), max_size=30))
def test_steps_come_in_the_order_of_the_rungs_whatever_the_clock_does(
    ladder: Ladder, script: list[tuple[float, bool]]
) -> None:
    climber = Climber((ladder,))
    taken = [step for after_s, is_down in script for step, _ in climber.steps(after_s, *[found()] * is_down)]

    assert taken == whole(ladder)[: len(taken)]


@LAW
@given(ladder_pairs, looks)
def test_each_try_is_the_next_one_of_its_climb_or_the_first_of_a_new_one(
    ladders: tuple[Ladder, ...], script: list[Look]
) -> None:
    climber = Climber(ladders)
    last: dict[Key, int] = {}
    step_of = {ladder.problem: whole(ladder) for ladder in ladders}
    for after_s, findings in script:
        for call in climber.look(after_s, *findings).calls:
            assert call.attempt in {last.get(call.key, 0) + 1, 1}
            assert call.step == step_of[call.problem][call.attempt - 1]
            last[call.key] = call.attempt


@LAW
@given(ladder_pairs, looks, st.lists(st.booleans(), min_size=25, max_size=25))
def test_a_restart_of_the_guard_changes_no_decision(
    ladders: tuple[Ladder, ...], script: list[Look], restarts: list[bool]
) -> None:
    steady, restarted = Climber(ladders), Climber(ladders)
    for (after_s, findings), restarts_now in zip(script, restarts, strict=False):
        if restarts_now:
            restarted.restart()
        assert restarted.look(after_s, *findings) == steady.look(after_s, *findings)


@LAW
@given(ladder_pairs, looks)
def test_there_is_at_most_one_call_for_each_problem_and_subject_and_none_on_a_first_look(
    ladders: tuple[Ladder, ...], script: list[Look]
) -> None:
    climber = Climber(ladders)
    before: set[Key] = set()
    for after_s, findings in script:
        called = [call.key for call in climber.look(after_s, *findings).calls]
        assert len(called) == len(set(called))
        assert set(called) <= before & set(keys(findings))
        before = set(keys(findings))


def about(key: Key, decision: Decision) -> tuple[object, ...]:
    """Return what a decision says of one problem and subject."""
    mine = {*decision.needs_human, *decision.tell}
    return (
        [call for call in decision.calls if call.key == key],
        [wait for wait in decision.waiting if (wait.problem, wait.subject) == key],
        [finding in decision.tell for finding in mine if finding.key == key],
        decision.history.climbs.get(key),
    )


@LAW
@given(ladder_pairs, looks)
def test_what_happens_to_one_does_not_depend_on_the_others(
    ladders: tuple[Ladder, ...], script: list[Look]
) -> None:
    together, alone = Climber(ladders), Climber(ladders)
    for after_s, findings in script:
        both = together.look(after_s, *findings)
        mine = alone.look(after_s, *(one for one in findings if one.key == ("down", "web")))
        assert about(("down", "web"), both) == about(("down", "web"), mine)


@LAW
@given(ladder_pairs, forward_looks)
def test_between_two_tries_lies_at_least_the_wait(ladders: tuple[Ladder, ...], script: list[Look]) -> None:
    climber = Climber(ladders)
    last: dict[Key, tuple[float, StepCall]] = {}
    pace_of = {ladder.problem: ladder.pace for ladder in ladders}
    for after_s, findings in script:
        for call in climber.look(after_s, *findings).calls:
            if call.attempt > 1:
                tried_at_s, before = last[call.key]
                wait_s = pace_of[call.problem].wait_after(before.attempt, call.subject)
                assert climber.now_s >= tried_at_s + wait_s
            last[call.key] = (climber.now_s, call)


@LAW
@given(ladder_pairs, looks)
def test_no_wait_reaches_further_than_the_longest_one_and_none_lies_in_the_past(
    ladders: tuple[Ladder, ...], script: list[Look]
) -> None:
    climber = Climber(ladders)
    longest_s = max(ladder.pace.longest_s * (1.0 + ladder.pace.jitter) for ladder in ladders)
    for after_s, findings in script:
        for wait in climber.look(after_s, *findings).waiting:
            assert climber.now_s <= wait.next_at_s <= climber.now_s + longest_s


@LAW
@given(ladder_pairs, looks)
def test_each_finding_is_acted_on_waited_for_or_left_to_a_human(
    ladders: tuple[Ladder, ...], script: list[Look]
) -> None:
    climber = Climber(ladders)
    for after_s, findings in script:
        decision = climber.look(after_s, *findings)
        called = [call.key for call in decision.calls]
        waiting = [(wait.problem, wait.subject) for wait in decision.waiting]
        assert sorted(called + waiting + keys(decision.needs_human)) == sorted(set(keys(findings)))
        assert set(decision.tell) <= set(decision.needs_human)


@LAW
@given(ladder_pairs, looks)
def test_the_totals_count_every_try_once_and_no_climb_twice(
    ladders: tuple[Ladder, ...], script: list[Look]
) -> None:
    climber = Climber(ladders)
    attempts = ended = 0
    for after_s, findings in script:
        attempts += len(climber.look(after_s, *findings).calls)
        totals = climber.history.totals
        assert totals.attempts == attempts
        assert ended <= totals.succeeded + totals.failed <= attempts
        ended = totals.succeeded + totals.failed


@LAW
@given(ladder_pairs, st.lists(jumps, max_size=40))
def test_a_problem_that_stays_is_told_at_most_once(ladders: tuple[Ladder, ...], script: list[float]) -> None:
    climber = Climber(ladders)
    told = [one.key for after_s in script for one in climber.look(after_s, found(), found("api")).tell]

    assert len(told) == len(set(told))


@LAW
@given(ladder_pairs, looks)
def test_ladders_without_rungs_lead_to_no_step(ladders: tuple[Ladder, ...], script: list[Look]) -> None:
    climber = Climber([replace(ladder, rungs=()) for ladder in ladders])

    assert not any(climber.look(after_s, *findings).calls for after_s, findings in script)


@LAW
@given(unlimited)
def test_a_problem_that_stays_climbs_every_rung_and_ends_with_a_human(ladder: Ladder) -> None:
    climber = Climber((ladder,))
    climber.look(0.0, found())
    decisions = [climber.look(1000.0, found()) for _ in range(len(whole(ladder)) + 1)]

    assert [call.step for one in decisions for call in one.calls] == whole(ladder)
    assert [one.tell for one in decisions if one.tell] == [(found(),)]
    assert decisions[-1].tell


@LAW
@given(ladder_pairs, looks)
def test_deciding_again_on_the_same_history_decides_the_same(
    ladders: Sequence[Ladder], script: list[Look]
) -> None:
    climber = Climber(ladders)
    for after_s, findings in script:
        history = remember(climber.history, findings, ladders, climber.now_s + after_s)
        once = decide(history, findings, ladders, climber.now_s + after_s)
        assert decide(history, findings, ladders, climber.now_s + after_s) == once
        climber.look(after_s, *findings)
