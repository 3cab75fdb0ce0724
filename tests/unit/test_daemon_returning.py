"""What comes back after a daemon's death, and in which state (safety S11, S12)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.systems.pm2.daemon.returning import Returning, returning, slot_of
from automation.systems.pm2.intents import Cause, Intents, Stop
from automation.systems.pm2.prepared import LEFT_OUT, prepared
from automation.systems.pm2.roster import Listed

NOTHING = Intents((0, 0), {})


def one(name: str = "web", number: int | str = 0, status: str = "online", **env: Any) -> Listed:  # noqa: ANN401  # PM2's own
    """Return an entry as the roster holds it."""
    return Listed(number, 10, {"name": name, "status": status, "unique_id": f"u{number}"} | env)


def stopped(cause: Cause) -> Intents:
    """Return what is known of a stop of entry 0."""
    return Intents((1, 1), {0: Stop(0, "web", cause, 0.0)})


def found(*roster: Listed, present: tuple[Listed, ...] = (), intents: Intents = NOTHING) -> dict[str, bool]:
    """Return the labels of what comes back, and whether it runs."""
    return {each.process.label: each.runs for each in returning(roster, present, intents)}


@pytest.mark.parametrize(
    ("entry", "intents", "runs"),
    [
        (one(), NOTHING, True),
        (one(status="errored"), NOTHING, True),
        (one(status="waiting restart"), NOTHING, True),
        (one(status="launching"), NOTHING, True),
        (one(status="stopped"), NOTHING, False),
        (one(status="stopping"), NOTHING, False),
        (one(status="stopped"), stopped(Cause.PERSON), False),
        (one(status="stopped"), stopped(Cause.UNSEEN), False),
        (one(status="stopped"), stopped(Cause.NOBODY), True),
        (one(status="stopped"), stopped(Cause.GUARD), False),
        (one(status="stopped", autostart=False), stopped(Cause.NOBODY), False),
        (one(status="online", autostart=False), NOTHING, True),
        (one(status="online", autorestart=False), NOTHING, False),
        (one(status="stopped", autorestart=False), stopped(Cause.NOBODY), False),
        (one(status="online"), Intents((1, 1), {}, words={0: 5.0}), False),
        (one(status="online"), Intents((1, 1), {}, words={1: 5.0}), True),
    ],
)
def test_s11_an_app_comes_back_in_the_state_that_it_had(entry: Listed, intents: Intents, runs: bool) -> None:  # noqa: FBT001  # a case
    assert found(entry, intents=intents) == {"web": runs}


def test_what_is_there_already_does_not_come_back_a_second_time() -> None:
    assert found(one(), one("api", 1), present=(one("web", 7),)) == {"api": True}


def test_of_entries_that_are_alike_as_many_come_back_as_are_missing() -> None:
    three = (one(number=0), one(number=1), one(number=2))

    assert len(found(*three, present=(one(number=9),))) == 2
    assert found(*three, present=three) == {}


def test_workers_are_told_apart_by_their_slots_and_namespaces_by_their_names() -> None:
    workers = tuple(one("many", number, NODE_APP_INSTANCE=number) for number in range(3))
    spaces = (one("x", 7, namespace="a"), one("x", 8, namespace="b"))

    assert found(*workers, present=(workers[1],)) == {"many:0": True, "many:2": True}
    assert [slot_of(each) for each in spaces] == [("x", "a", None), ("x", "b", None)]
    assert len(found(*spaces, present=(spaces[0],))) == 1


def test_s16_the_twin_that_a_reload_was_replacing_does_not_come_back() -> None:
    assert found(one("web", "_old_3"), one("web", 4), present=()) == {"web:4": True}


def test_what_was_given_up_is_not_tried_again() -> None:
    roster = (one(), one("api", 1))

    assert [
        each.slot[0] for each in returning(roster, (), NOTHING, given_up=frozenset({slot_of(one())}))
    ] == ["api"]


NAMES = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([None, 0, 1])), max_size=8)


@given(NAMES, NAMES)
def test_afterwards_the_list_has_all_that_the_roster_had_and_nothing_else_was_added(
    roster: list[tuple[str, int | None]], present: list[tuple[str, int | None]]
) -> None:
    def listed(names: list[tuple[str, int | None]]) -> tuple[Listed, ...]:
        return tuple(one(name, number, NODE_APP_INSTANCE=slot) for number, (name, slot) in enumerate(names))

    back: tuple[Returning, ...] = returning(listed(roster), listed(present), NOTHING)
    after = [*map(slot_of, listed(present)), *(each.slot for each in back)]

    for slot in {*map(slot_of, listed(roster)), *map(slot_of, listed(present))}:
        had = list(map(slot_of, listed(roster))).count(slot)
        was_there = list(map(slot_of, listed(present))).count(slot)
        assert after.count(slot) == max(had, was_there)


def test_s12_an_entry_is_prepared_without_what_would_multiply_or_age_it() -> None:
    env = {"name": "web", "status": "online", "args": ["a"], **dict.fromkeys(LEFT_OUT, 4)}

    assert prepared(env) == {"name": "web", "status": "launching", "args": ["a"]}
    assert prepared(env, runs=False)["status"] == "stopped"
