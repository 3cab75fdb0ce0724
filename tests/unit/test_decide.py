"""What a look leads to: each wait, rest and calm time at its boundary, and who is told what, once."""

from __future__ import annotations

from dataclasses import replace

from automation.core.decide import (
    Decision,
    StepCall,
    Waiting,
    acknowledged,
    decide,
    passed_over,
    remember,
    tried,
)
from automation.core.history import Climb, History, Totals
from automation.core.ladder import Ladder, Rung
from tests.climbing import LADDER, NO_RUNGS, PACE, START_S, Climber, found, keys, out_of_rungs, tried_once

WEB = found()


def test_nothing_is_done_on_a_first_look() -> None:
    decision = Climber().look(0.0, WEB)

    assert decision.calls == ()
    assert decision.waiting == (Waiting("down", "web", "restart", 1, START_S),)
    assert decision.needs_human == ()


def test_the_second_look_that_sees_it_acts() -> None:
    climber = Climber()
    climber.look(0.0, WEB)

    assert climber.look(1.0, WEB).calls == (StepCall("restart", "web", "down", 1),)


def test_two_looks_with_one_in_between_that_saw_nothing_are_not_two_in_a_row() -> None:
    climber = Climber()
    climber.look(0.0, WEB)
    climber.look(1.0)

    assert climber.steps(1.0, WEB) == []
    assert climber.steps(1.0, WEB) == [("restart", 1)]


def test_a_problem_that_flickers_back_within_the_calm_time_needs_two_looks_again() -> None:
    climber = Climber()
    tried_once(climber, WEB)
    climber.look(30.0)

    assert climber.steps(30.0, WEB) == []
    assert climber.steps(1.0, WEB) == [("restart", 2)]


def test_the_next_try_comes_when_the_wait_is_over_and_not_a_moment_before() -> None:
    climber = Climber()
    tried_once(climber, WEB)
    early = climber.look(9.875, WEB)

    assert early.calls == ()
    assert early.waiting == (Waiting("down", "web", "restart", 2, START_S + 11.0),)
    assert climber.steps(0.125, WEB) == [("restart", 2)]


def test_each_wait_is_twice_the_one_before() -> None:
    climber = Climber()
    tried_once(climber, WEB)
    climber.look(10.0, WEB)

    assert climber.steps(19.875, WEB) == []
    assert climber.steps(0.125, WEB) == [("recreate", 3)]


def test_a_problem_that_stays_climbs_the_whole_ladder_and_then_needs_a_human() -> None:
    climber = Climber()
    taken = [climber.steps(after_s, WEB) for after_s in (0.0, 1.0, 10.0, 20.0)]
    last = climber.look(40.0, WEB)

    assert taken == [[], [("restart", 1)], [("restart", 2)], [("recreate", 3)]]
    assert last.calls == ()
    assert last.tell == last.needs_human == (WEB,)


def test_the_last_step_is_given_its_time_before_it_counts_as_failed() -> None:
    climber = Climber()
    tried_once(climber, WEB)
    climber.look(10.0, WEB)
    climber.look(20.0, WEB)
    early = climber.look(39.875, WEB)

    assert early.needs_human == early.tell == ()
    assert early.waiting == (Waiting("down", "web", "", 3, START_S + 71.0),)
    assert early.history.totals.failed == 0
    assert climber.look(0.125, WEB).needs_human == (WEB,)


def test_a_human_is_told_once_and_reminded_in_the_report() -> None:
    climber = Climber()
    out_of_rungs(climber, WEB)
    later = [climber.look(60.0, WEB) for _ in range(3)]

    assert [one.tell for one in later] == [(), (), ()]
    assert [one.needs_human for one in later] == [(WEB,), (WEB,), (WEB,)]
    assert climber.history.totals.failed == 1


def test_after_the_rest_a_new_climb_begins_and_not_before() -> None:
    climber = Climber()
    out_of_rungs(climber, WEB)

    assert climber.look(999.875, WEB).needs_human == (WEB,)
    assert climber.steps(0.125, WEB) == [("restart", 1)]
    assert climber.climb().out_at_s == 0.0


def test_the_second_climb_is_as_patient_as_the_first_and_tells_nobody_again() -> None:
    climber = Climber()
    out_of_rungs(climber, WEB)
    again = [climber.look(after_s, WEB) for after_s in (1000.0, 10.0, 20.0, 39.875, 0.125)]

    assert [len(one.calls) for one in again] == [1, 1, 1, 0, 0]
    assert [one.needs_human for one in again] == [(), (), (), (), (WEB,)]
    assert not any(one.tell for one in again)
    assert climber.history.totals == Totals(attempts=6, succeeded=0, failed=2)
    assert climber.steps(999.875, WEB) == []
    assert climber.steps(0.125, WEB) == [("restart", 1)]


def test_the_rest_runs_from_when_the_rungs_ran_out() -> None:
    climber = Climber()
    out_of_rungs(climber, WEB)
    for _ in range(9):
        assert climber.steps(100.0, WEB) == []

    assert climber.steps(100.0, WEB) == [("restart", 1)]


def test_a_problem_that_comes_back_before_the_calm_time_goes_on_where_it_was() -> None:
    climber = Climber()
    tried_once(climber, WEB)
    climber.look(99.875)

    assert climber.climb().attempts == 1
    assert climber.history.totals.succeeded == 0


def test_a_problem_that_stays_away_for_the_calm_time_is_over() -> None:
    climber = Climber()
    tried_once(climber, WEB)
    climber.look(100.0)

    assert climber.history.climbs == {}
    assert climber.history.totals == Totals(attempts=1, succeeded=1, failed=0)


def test_the_calm_time_runs_from_when_it_was_last_seen_not_last_tried() -> None:
    climber = Climber()
    out_of_rungs(climber, WEB)
    climber.look(500.0, WEB)
    climber.look(99.875)

    assert climber.climb().attempts == 3


def test_the_calm_time_is_that_of_its_own_ladder() -> None:
    patient = Ladder("slow", (Rung("reload", 1),), replace(PACE, calm_s=5000.0))
    climber = Climber((LADDER, patient))
    tried_once(climber, WEB, found(problem="slow"))
    climber.look(100.0)

    assert list(climber.history.climbs) == [("slow", "web")]


def test_looks_that_miss_it_do_not_push_the_calm_time_ahead() -> None:
    climber = Climber()
    tried_once(climber, WEB)
    climber.look(60.0)
    climber.look(40.0)

    assert climber.history.climbs == {}


def test_what_was_never_tried_is_forgotten_as_soon_as_it_is_away() -> None:
    climber = Climber()
    climber.look(0.0, WEB)
    climber.look(1.0)

    assert climber.history == History()


def test_a_problem_that_left_by_itself_after_the_rungs_ran_out_is_no_success() -> None:
    climber = Climber()
    out_of_rungs(climber, WEB)
    climber.look(100.0)

    assert climber.history.climbs == {}
    assert climber.history.totals == Totals(attempts=3, succeeded=0, failed=1)


def test_who_was_told_is_told_again_only_after_a_calm_time() -> None:
    climber = Climber()
    out_of_rungs(climber, WEB)
    climber.look(99.875)
    soon = [climber.look(0.0, WEB), climber.look(1.0, WEB)]
    climber.look(100.0)
    after = out_of_rungs(climber, WEB)

    assert [one.tell for one in soon] == [(), ()]
    assert after.tell == (WEB,)


def test_a_clock_set_back_does_not_stretch_the_wait() -> None:
    climber = Climber()
    tried_once(climber, WEB)
    back = climber.look(-5000.0, WEB)

    assert back.calls == ()
    assert back.next_at_s() == climber.now_s + 10.0
    assert climber.steps(10.0, WEB) == [("restart", 2)]


def test_a_clock_set_back_does_not_stretch_the_calm_time() -> None:
    climber = Climber()
    tried_once(climber, WEB)
    climber.look(-5000.0)
    climber.look(99.875)
    before = dict(climber.history.climbs)
    climber.look(0.125)

    assert before
    assert climber.history.climbs == {}


def test_a_clock_set_back_does_not_stretch_the_rest_and_tells_nobody_twice() -> None:
    climber = Climber()
    out_of_rungs(climber, WEB)
    back = climber.look(-50_000.0, WEB)

    assert back.needs_human == (WEB,)
    assert back.tell == ()
    assert climber.steps(1000.0, WEB) == [("restart", 1)]


def test_subjects_do_not_disturb_each_other() -> None:
    climber = Climber()
    api = found("api")
    tried_once(climber, WEB)

    assert climber.steps(1.0, WEB, api) == []
    assert climber.look(1.0, api).calls == (StepCall("restart", "api", "down", 1),)
    assert climber.climb("web").looks == 0
    assert climber.climb("web").attempts == 1
    climber.look(7.0, WEB, api)
    both = climber.look(1.0, WEB, api)
    assert both.calls == (StepCall("restart", "web", "down", 2),)
    assert both.waiting == (Waiting("down", "api", "restart", 2, climber.now_s + 2.0),)


def test_two_subjects_that_are_due_are_both_acted_on() -> None:
    climber = Climber()
    climber.look(0.0, WEB, found("api"))
    decision = climber.look(1.0, WEB, found("api"))

    assert [call.key for call in decision.calls] == [("down", "web"), ("down", "api")]
    assert climber.history.totals.attempts == 2


def test_two_subjects_that_run_out_are_both_told_and_both_counted() -> None:
    climber = Climber()
    decision = out_of_rungs(climber, WEB, found("api"))

    assert keys(decision.tell) == [("down", "web"), ("down", "api")]
    assert climber.history.totals.failed == 2


def test_two_problems_of_one_subject_climb_their_own_ladders() -> None:
    slow = Ladder("slow", (Rung("reload", 1),), PACE)
    climber = Climber((LADDER, slow))
    tried_once(climber, WEB)
    climber.look(1.0, WEB, found(problem="slow"))

    assert climber.look(1.0, WEB, found(problem="slow")).calls == (StepCall("reload", "web", "slow", 1),)


def test_what_was_found_twice_in_one_look_is_acted_on_once_and_is_not_two_looks() -> None:
    climber = Climber()
    twice = (WEB, found(message="said otherwise"))

    assert climber.steps(0.0, *twice) == []
    assert climber.steps(1.0, *twice) == [("restart", 1)]
    assert climber.history.totals.attempts == 1


def test_to_observe_is_to_have_no_rungs_a_human_is_told_on_the_second_look() -> None:
    climber = Climber((NO_RUNGS,))
    first, second, third = (climber.look(1.0, WEB) for _ in range(3))

    assert first.tell == first.needs_human == ()
    assert second.tell == second.needs_human == (WEB,)
    assert (third.tell, third.needs_human) == ((), (WEB,))
    assert first.calls == second.calls == third.calls == ()


def test_where_nothing_was_tried_nothing_has_failed() -> None:
    climber = Climber((NO_RUNGS,))
    for _ in range(10):
        climber.look(1000.0, WEB)
    climber.look(100.0)

    assert climber.history.totals == Totals()


def test_who_was_told_while_observing_is_not_told_again_within_the_calm_time() -> None:
    climber = Climber((NO_RUNGS,))
    climber.look(0.0, WEB)
    climber.look(1.0, WEB)
    climber.look(99.875)

    assert [climber.look(1.0, WEB).tell for _ in range(3)] == [(), (), ()]


def test_a_guard_that_may_act_again_begins_with_the_first_rung() -> None:
    climber = Climber((NO_RUNGS,))
    climber.look(0.0, WEB)
    climber.look(1.0, WEB)
    climber.ladders = (LADDER,)

    assert climber.steps(1.0, WEB) == [("restart", 1)]
    assert climber.steps(9.875, WEB) == []
    assert climber.steps(0.125, WEB) == [("restart", 2)]


def test_a_rest_of_no_time_with_no_rungs_still_tells_once() -> None:
    climber = Climber((replace(NO_RUNGS, pace=replace(PACE, rest_s=0.0)),))
    told = [climber.look(1.0, WEB).tell for _ in range(5)]

    assert told == [(), (WEB,), (), (), ()]


def test_a_problem_without_a_ladder_is_remembered_and_nothing_more() -> None:
    climber = Climber()
    odd = found(problem="odd")
    decisions = [climber.look(1.0, odd) for _ in range(3)]

    assert all(replace(one, history=History()) == Decision(History()) for one in decisions)
    assert climber.climb(problem="odd") == Climb(START_S + 1.0, START_S + 3.0, looks=3, count=3)
    climber.look(1.0)
    assert climber.history == History()


def test_the_climb_of_a_problem_whose_ladder_is_gone_ends_with_the_problem() -> None:
    climber = Climber()
    tried_once(climber, WEB)
    climber.ladders = ()
    climber.look(1.0)

    assert climber.history.climbs == {}


def test_a_finding_that_was_not_remembered_is_left_for_the_next_look() -> None:
    assert decide(History(), [WEB], [LADDER], START_S) == Decision(History())


def test_the_next_moment_is_the_earliest_of_all_that_wait() -> None:
    waiting = (Waiting("down", "web", "restart", 2, 30.0), Waiting("down", "api", "restart", 2, 20.0))

    assert Decision(History(), waiting=waiting).next_at_s() == 20.0
    assert Decision(History()).next_at_s() is None


def test_a_problem_is_counted_on_every_look_and_dated_from_when_it_last_appeared() -> None:
    climber = Climber()
    tried_once(climber, WEB)
    since_first_s = climber.climb().since_s
    climber.look(10.0)
    climber.look(10.0, WEB)
    climber.look(10.0, WEB)

    assert since_first_s == START_S
    assert climber.climb().since_s == START_S + 21.0
    assert climber.climb().count == 4


def test_remembering_keeps_the_last_score() -> None:
    history = remember(History(last_score=0.5), [WEB], [LADDER], START_S)

    assert history.last_score == 0.5


def test_a_try_that_nobody_looked_for_is_remembered_all_the_same() -> None:
    history = tried(History(), [StepCall("restart", "web", "down", 1)], START_S)

    assert history.climbs["down", "web"] == Climb(START_S, START_S, attempts=1, tried_at_s=START_S)
    assert history.totals == Totals(attempts=1)


def test_what_a_person_acknowledged_is_climbed_and_told_anew() -> None:
    climber = Climber()
    out_of_rungs(climber, WEB)
    climber.history = acknowledged(climber.history)
    again = [climber.look(after_s, WEB) for after_s in (1.0, 10.0, 20.0, 40.0)]

    assert [len(one.calls) for one in again] == [1, 1, 1, 0]
    assert again[-1].tell == (WEB,)


def test_an_acknowledgement_reaches_only_what_it_names() -> None:
    climber = Climber()
    out_of_rungs(climber, WEB, found("api"))
    climber.history = acknowledged(climber.history, {("down", "api"): "seen"})
    decision = climber.look(1.0, WEB, found("api"))

    assert [call.subject for call in decision.calls] == ["api"]
    assert decision.needs_human == (WEB,)


def test_an_acknowledgement_leaves_a_climb_under_way_alone() -> None:
    climber = Climber()
    tried_once(climber, WEB)

    assert acknowledged(climber.history) == climber.history


def test_a_first_try_comes_when_the_problem_has_lasted_long_enough_and_not_a_moment_before() -> None:
    patient = replace(LADDER, pace=replace(PACE, before_s=30.0))
    climber = Climber((patient,))
    first = climber.look(0.0, WEB)

    assert first.waiting == (Waiting("down", "web", "restart", 1, START_S + 30.0),)
    assert climber.steps(29.875, WEB) == []
    assert climber.steps(0.125, WEB) == [("restart", 1)]
    assert climber.steps(10.0, WEB) == [("restart", 2)]


def test_what_is_quiet_is_left_to_a_human_who_is_told_when_it_is_quiet_no_more() -> None:
    climber = Climber((NO_RUNGS,))
    climber.look(0.0, WEB)
    history = remember(climber.history, (WEB,), (NO_RUNGS,), START_S + 1.0)
    quiet = decide(history, (WEB,), (NO_RUNGS,), START_S + 1.0, quiet={WEB.key})
    later = decide(quiet.history, (WEB,), (NO_RUNGS,), START_S + 2.0)

    assert (quiet.needs_human, quiet.tell) == ((WEB,), ())
    assert (later.needs_human, later.tell) == ((WEB,), (WEB,))


def test_a_step_that_is_impossible_makes_nobody_wait_for_the_next_rung_nor_for_a_human() -> None:
    two = replace(LADDER, rungs=(Rung("restart", 3), Rung("recreate", 2)))
    climber = Climber((two,))
    tried_once(climber, WEB)
    call = StepCall("restart", "web", "down", 1)
    climber.history = passed_over(climber.history, (call,), (two,))

    assert climber.steps(0.125, WEB) == [("recreate", 4)]
    climber.history = passed_over(climber.history, (replace(call, step="recreate"),), (two,))
    told = climber.look(0.125, WEB)
    assert (told.calls, told.tell) == ((), (WEB,))
    assert climber.look(0.125, WEB).tell == ()


def test_what_is_impossible_for_one_leaves_others_alone() -> None:
    climber = Climber()
    tried_once(climber, WEB)
    before = climber.history

    assert passed_over(before, (StepCall("restart", "api", "down", 1),), (LADDER,)) == before
    assert passed_over(before, (StepCall("restart", "web", "down", 1),), ()) == before
    assert passed_over(before, (), (LADDER,)) == before
