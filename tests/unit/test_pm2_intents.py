"""Who stopped what, and what was deleted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from automation.systems.pm2.intents import (
    DELETED_AFTER_S,
    KEPT_DELETIONS,
    WORD_STANDS_S,
    Cause,
    Intents,
    deleted_ids,
    forgotten,
    heard,
    learn,
    rested,
    stopped_by_us,
    unsettled,
)
from automation.systems.pm2.process import Process
from tests.pm2_values import DAEMON, after, entry, event, listed

RUNS = listed(entry())
STOPPED = listed(entry(status="stopped"))
NOTHING: tuple[Process, ...] = ()


def cause(intents: Intents, pm_id: int | str = 0) -> Cause | None:
    stop = intents.stops.get(pm_id)
    return None if stop is None else stop.cause


def test_what_was_seen_to_run_and_stops_without_a_word_was_stopped_by_nobody() -> None:
    assert cause(after((RUNS, ()), (STOPPED, ()))) is Cause.NOBODY


def test_a_persons_word_counts_before_the_list_shows_the_stop_and_after() -> None:
    before = after((RUNS, ()), (RUNS, (event("stop"),)), (STOPPED, ()))
    later = after((RUNS, ()), (STOPPED, ()), (STOPPED, (event("stop"),)))

    assert cause(before) is cause(later) is Cause.PERSON


def test_a_word_that_no_person_said_says_nothing() -> None:
    assert cause(after((RUNS, ()), (STOPPED, (event("stop", manually=False),)))) is Cause.NOBODY
    assert cause(after((RUNS, ()), (STOPPED, (event("exit"),)))) is Cause.NOBODY


@pytest.mark.parametrize("kind", ["start", "restart", "reload"])
def test_a_person_may_take_the_word_back(kind: str) -> None:
    taken_back = (event("stop"), event(kind))

    assert cause(after((RUNS, ()), (STOPPED, taken_back))) is Cause.NOBODY
    assert cause(after((RUNS, ()), (STOPPED, taken_back[::-1]))) is Cause.PERSON


@pytest.mark.parametrize(
    ("waited_s", "who"), [(WORD_STANDS_S - 1, Cause.PERSON), (WORD_STANDS_S, Cause.NOBODY)]
)
def test_a_word_lapses_when_the_process_is_seen_to_run_long_after_it(waited_s: float, who: Cause) -> None:
    intents = after((RUNS, ()), (RUNS, (event("stop"),)))
    for now_s in (1.0 + waited_s, 2.0 + waited_s):
        seen = RUNS if now_s == 1.0 + waited_s else STOPPED
        intents = learn(intents, DAEMON, seen, (), gap=False, now_s=now_s)

    assert cause(intents) is who


@pytest.mark.parametrize(
    ("began_at_ms", "who"),
    [
        (None, Cause.PERSON),
        (1000, Cause.PERSON),
        (1001, Cause.NOBODY),
        (2000, Cause.NOBODY),
        (2001, Cause.PERSON),
    ],
)
def test_a_word_is_taken_back_by_a_run_that_began_after_it(began_at_ms: int | None, who: Cause) -> None:
    again = tuple(replace(one, started_at_ms=began_at_ms) for one in RUNS)
    intents = learn(Intents(DAEMON, {}), DAEMON, RUNS, (event("stop"),), gap=False, now_s=1.0)
    for seen in (again, STOPPED):
        intents = learn(intents, DAEMON, seen, (), gap=False, now_s=2.0)

    assert cause(intents) is who


def test_a_word_about_what_is_not_in_the_list_is_dropped() -> None:
    assert after((RUNS, ()), (RUNS, (event("stop", 8),))).words == {}


def test_what_is_first_seen_stopped_was_stopped_unseen() -> None:
    assert cause(after((STOPPED, ()))) is Cause.UNSEEN
    assert cause(after((RUNS, ()), (listed(entry(), entry("new", 1, "stopped")), ())), 1) is Cause.UNSEEN


def test_after_a_gap_a_new_stop_counts_as_unseen_and_a_known_one_stays_what_it_is() -> None:
    ran, stopped = after((RUNS, ())), after((RUNS, ()), (STOPPED, ()))

    assert cause(learn(ran, DAEMON, STOPPED, (), gap=True, now_s=9)) is Cause.UNSEEN
    assert cause(learn(stopped, DAEMON, STOPPED, (), gap=True, now_s=9)) is Cause.NOBODY


@pytest.mark.parametrize("changed", [{"pm_uptime": 2000}, {"unique_id": "another"}])
def test_a_stop_of_another_run_is_a_new_stop(changed: dict[str, Any]) -> None:
    stopped = after((RUNS, ()), (STOPPED, ()))
    again = listed(entry(status="stopped", **changed))

    assert cause(learn(stopped, DAEMON, again, (), gap=True, now_s=9)) is Cause.UNSEEN


def test_an_id_that_pm2_gave_to_another_entry_is_not_known() -> None:
    other = listed(entry("other", 0, "stopped", unique_id="v"))

    assert cause(after((RUNS, ()), (other, ()))) is Cause.UNSEEN


def test_another_daemon_knows_nothing_of_the_first_ones_ids() -> None:
    stopped = after((RUNS, ()), (STOPPED, (event("stop"),)))
    other = learn(stopped, (200, 9), STOPPED, (), gap=False, now_s=9)

    assert other.daemon == (200, 9)
    assert cause(other) is Cause.UNSEEN


def test_what_errored_or_is_stopping_is_not_stopped() -> None:
    seen = listed(entry("a", 0, "errored"), entry("b", 1, "stopping"), entry("c", 2, "waiting restart"))

    assert after((seen, ())).stops == {}


def test_a_stop_keeps_its_moment_and_nothing_changes_while_nothing_happens() -> None:
    once = after((RUNS, ()), (STOPPED, (event("stop"),)))

    assert learn(once, DAEMON, STOPPED, (), gap=False, now_s=50) == once
    assert once.stops[0].at_s == 1.0


def test_a_clock_set_back_leaves_no_moment_in_the_future() -> None:
    late = after((RUNS, ()), (STOPPED, (event("stop"),)), (listed(entry("b", 1)), ()), every_s=5000)
    late = replace(late, stops=after((RUNS, ()), (STOPPED, ()), every_s=5000).stops, words={0: 5000.0})
    stopped = listed(entry(status="stopped"), entry("b", 1))
    back = learn(late, DAEMON, stopped, (), gap=False, now_s=10)
    unsaid = learn(replace(late, words={}), DAEMON, stopped, (), gap=False, now_s=10)

    assert (back.stops[0].at_s, back.words[0], unsaid.stops[0].at_s) == (10, 10, 10)
    assert learn(late, DAEMON, listed(entry("b", 1)), (), gap=False, now_s=10).gone[0].missed_at_s == 10


@pytest.mark.parametrize(("waited_s", "deleted"), [(DELETED_AFTER_S - 1, False), (DELETED_AFTER_S, True)])
def test_what_vanished_from_a_daemon_that_lives_on_was_deleted(waited_s: float, *, deleted: bool) -> None:
    both, one = listed(entry(), entry("b", 1)), listed(entry())
    intents = after((both, ()), (one, ()))
    intents = learn(intents, DAEMON, one, (), gap=False, now_s=1 + waited_s)

    assert deleted_ids(intents) == (frozenset({1}) if deleted else frozenset())
    assert unsettled(intents) is not deleted


def test_what_is_missed_is_missed_since_the_first_look_that_missed_it_and_once() -> None:
    both, one = listed(entry(), entry("b", 1)), listed(entry())
    once = after((both, ()), (one, ()))
    kept = replace(once, known=after((both, ())).known)  # as where a look in between was not remembered

    gone = learn(kept, DAEMON, one, (), gap=False, now_s=9).gone

    assert [(each.pm_id, each.missed_at_s) for each in gone] == [(1, 1.0)]


def test_a_deletion_is_remembered_by_name_under_the_next_daemon_until_the_name_is_there_again() -> None:
    both, one = listed(entry(), entry("b", 1)), listed(entry())
    deleted = after((both, ()), (one, ()), (one, ()), every_s=DELETED_AFTER_S)
    again = listed(entry("c", 0), entry("d", 1))
    later = learn(deleted, (200, 9), again, (), gap=False, now_s=100)
    back = learn(later, (200, 9), listed(entry("b", 7)), (), gap=False, now_s=101)

    assert [(each.name, each.deleted) for each in later.gone] == [("b", True)]
    assert [each.name for each in back.gone] == ["c", "d"]


def test_what_this_daemon_misses_is_missed_although_another_of_its_name_is_there() -> None:
    two = listed(entry("a", 0), entry("a", 1))

    gone = after((two, ()), (listed(entry("a", 0)), ()), (listed(entry("a", 0)), ())).gone

    assert [each.pm_id for each in gone] == [1]


@pytest.mark.parametrize(("note", "who"), [(stopped_by_us, Cause.NOBODY), (rested, Cause.GUARD)])
def test_our_own_stop_is_known_before_the_process_has_stopped(
    note: Callable[[Intents, Process, float], Intents], who: Cause
) -> None:
    stopping = listed(entry(status="stopping"))
    noted = note(after((RUNS, ())), stopping[0], 5)
    meanwhile = learn(noted, DAEMON, stopping, (), gap=False, now_s=6)
    ended = learn(meanwhile, DAEMON, STOPPED, (), gap=True, now_s=7)

    assert cause(meanwhile) is cause(ended) is who
    assert cause(learn(noted, DAEMON, RUNS, (), gap=False, now_s=6)) is None


def test_a_word_that_is_taken_back_by_no_person_stands() -> None:
    said = (event("stop"), event("restart", manually=False))

    assert cause(after((RUNS, ()), (STOPPED, said))) is Cause.PERSON


def test_what_is_heard_and_not_looked_at_is_kept() -> None:
    assert heard(after((RUNS, ())), (event("stop"),), 3.0).words == {0: 3.0}


def test_everything_vanishing_at_once_is_no_deletion() -> None:
    assert deleted_ids(after((RUNS, ()), (NOTHING, ()), (NOTHING, ()), every_s=100)) == frozenset()


def test_what_is_there_again_was_not_deleted() -> None:
    both, one = listed(entry(), entry("b", 1)), listed(entry())

    assert after((both, ()), (one, ()), (both, ())).gone == ()


def test_what_we_delete_ourselves_is_missed_by_nobody() -> None:
    both, one = listed(entry(), entry("b", 1)), listed(entry())
    intents = forgotten(after((both, ())), 1)

    assert learn(intents, DAEMON, one, (), gap=False, now_s=1).gone == ()
    assert forgotten(Intents(DAEMON, {}), 1).known == {}


def test_a_twin_of_a_reload_is_never_missed() -> None:
    assert after((listed(entry(), entry("web", "_old_0")), ()), (RUNS, ())).gone == ()


def test_the_deletions_that_are_kept_are_bounded() -> None:
    many = listed(*(entry(f"a{number}", number) for number in range(KEPT_DELETIONS + 10)))

    assert len(after((many, ()), (RUNS, ())).gone) == KEPT_DELETIONS
