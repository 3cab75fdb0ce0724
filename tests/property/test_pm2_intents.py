"""Laws of the PM2 guard's judgement: what it must never take for a fault, whatever PM2 says."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from automation.systems.pm2.checks import assess
from automation.systems.pm2.facts import DaemonState, Facts
from automation.systems.pm2.intents import Cause, Intents, learn
from automation.systems.pm2.process import OURS, TWIN, Process, processes
from automation.systems.pm2.wire.door import BusEvent, Daemon
from tests.pm2_values import DAEMON, entry, event

STATUSES = ("online", "stopped", "errored", "stopping", "launching", "waiting restart")
KINDS = ("stop", "start", "restart", "reload", "exit", "online")
ids = st.integers(0, 4)

# A look: how five processes are, what the bus said, whether it may have said more, seconds since the last.
statuses = st.lists(st.sampled_from(STATUSES), min_size=5, max_size=5)
events = st.lists(st.builds(event, st.sampled_from(KINDS), ids, manually=st.booleans()), max_size=4)
Look = tuple[list[str], list[BusEvent], bool, float]
looks: st.SearchStrategy[list[Look]] = st.lists(
    st.tuples(statuses, events, st.booleans(), st.sampled_from([0.0, 0.5, 1.0, 3.0, 6.0, 40.0, -3600.0])),
    max_size=8,
)


def five(how: list[str], run: int = 0) -> tuple[Process, ...]:
    """Return five processes in these statuses; a stop ends a run."""
    return processes([entry(f"app{pm_id}", pm_id, status, pm_uptime=run) for pm_id, status in enumerate(how)])


def lived_through(past: list[Look]) -> tuple[Intents, float]:
    """Return what is known after looks, and when the last one was."""
    intents, now_s = Intents(DAEMON, {}), 10_000.0
    for number, (how, said, gap, passed_s) in enumerate(past):
        now_s += passed_s
        intents = learn(intents, DAEMON, five(how, number), said, gap=gap, now_s=now_s)
    return intents, now_s


def look_at(seen: tuple[Process, ...], intents: Intents, at_s: float) -> Facts:
    return Facts(at_s, DaemonState.ALIVE, Daemon(*DAEMON, "7.0.4"), seen, intents)


@given(looks, ids, st.sampled_from(["stopped", "stopping", "online", "waiting restart"]))
def test_a_stop_that_a_person_announced_before_it_was_seen_is_never_nobodys(
    past: list[Look], pm_id: int, meanwhile: str
) -> None:
    intents, now_s = lived_through(past)
    how = ["online"] * 5
    how[pm_id] = meanwhile
    intents = learn(intents, DAEMON, five(how, 98), [event("stop", pm_id)], gap=False, now_s=now_s)
    how[pm_id] = "stopped"
    stopped = five(how, 98)
    intents = learn(intents, DAEMON, stopped, [], gap=False, now_s=now_s + 1)

    assert intents.stops[pm_id].cause is Cause.PERSON
    assert not assess(look_at(stopped, intents, now_s + 999)).findings


@given(looks, ids, st.lists(st.floats(0, 100), max_size=3))
def test_a_stop_that_a_person_announced_after_it_was_seen_is_never_nobodys_from_then_on(
    past: list[Look], pm_id: int, later_s: list[float]
) -> None:
    intents, now_s = lived_through(past)
    how = ["online"] * 5
    how[pm_id] = "stopped"
    stopped = five(how, 98)
    intents = learn(intents, DAEMON, stopped, [], gap=False, now_s=now_s)
    intents = learn(intents, DAEMON, stopped, [event("stop", pm_id)], gap=False, now_s=now_s + 1)
    for passed_s in later_s:
        now_s += passed_s
        intents = learn(intents, DAEMON, stopped, [], gap=True, now_s=now_s)

    assert intents.stops[pm_id].cause is Cause.PERSON


@given(looks, statuses)
def test_after_a_gap_no_new_stop_is_nobodys(past: list[Look], how: list[str]) -> None:
    before, now_s = lived_through(past)
    after = learn(before, DAEMON, five(how, 99), [], gap=True, now_s=now_s + 1)

    assert all(stop.cause is not Cause.NOBODY for stop in after.stops.values())


@given(looks)
def test_nothing_is_known_of_what_does_not_stand_still(past: list[Look]) -> None:
    intents, now_s = lived_through(past)

    if past:
        assert set(intents.stops) == {
            pm_id for pm_id, status in enumerate(past[-1][0]) if status == "stopped"
        }
    assert all(stop.at_s <= now_s for stop in intents.stops.values())
    assert all(at_s <= now_s for at_s in intents.words.values())


@given(looks, st.data())
def test_an_idle_look_changes_nothing(past: list[Look], data: st.DataObject) -> None:
    intents, now_s = lived_through(past)
    how = data.draw(st.lists(st.sampled_from(["stopped", "online"]), min_size=5, max_size=5))
    seen = five(how, 99)
    once = learn(intents, DAEMON, seen, [], gap=False, now_s=now_s + 1000)

    assert learn(once, DAEMON, seen, [], gap=False, now_s=now_s + 2000) == once


# --- what never is a finding ---

not_meant_to_run: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"autorestart": False},
        {"autorestart": "false", "exit_code": 1},
        {"autorestart": False, "cron_restart": "*/5 * * * *"},
        {"autostart": False},
        {"stop_exit_codes": [0, 3], "exit_code": 3},
        {"stop_exit_codes": "3", "exit_code": 3},
    ]
)


def nobody_stopped(seen: tuple[Process, ...]) -> Intents:
    """Return what is known when all of these ran, and then were as they are, without a word."""
    ran = tuple(replace(one, status="online") for one in seen)
    intents = learn(Intents(DAEMON, {}), DAEMON, ran, [], gap=False, now_s=0)
    return learn(intents, DAEMON, seen, [], gap=False, now_s=1)


def findings_about(seen: tuple[Process, ...], *, reloading: bool = False) -> set[str]:
    facts = replace(look_at(seen, nobody_stopped(seen), 1000.0), reloading=reloading)
    return {finding.subject for finding in assess(facts).findings}


@given(not_meant_to_run, st.sampled_from(STATUSES), statuses)
def test_what_is_not_meant_to_run_never_yields_a_finding(
    env: dict[str, Any], status: str, others: list[str]
) -> None:
    more = [entry(f"app{pm_id}", pm_id, how) for pm_id, how in enumerate(others)]

    assert "job" not in findings_about(processes([*more, entry("job", 9, status, **env)]))


@given(st.sampled_from(STATUSES), st.sampled_from(STATUSES), ids)
def test_a_reloads_twins_and_what_replaces_them_never_yield_a_finding(old: str, new: str, pm_id: int) -> None:
    pair = processes([entry("web", f"{TWIN}{pm_id}", old), entry("web", pm_id, new)])

    assert findings_about(pair) == set()


@given(statuses)
def test_while_a_reload_holds_its_lock_nothing_yields_a_finding(how: list[str]) -> None:
    assert findings_about(five(how), reloading=True) == set()


@given(st.sampled_from(sorted(OURS)), st.sampled_from(STATUSES))
def test_ours_never_are_subjects(name: str, status: str) -> None:
    seen = processes([entry(name, 0, status), entry("web", 1)])
    judged = assess(look_at(seen, nobody_stopped(seen), 1000.0))

    assert (judged.subjects, judged.findings) == (("web",), ())


# --- labels ---

names = st.sampled_from(["a", "a:0", "a:0:1", "a:1", "b", ""])
slots = st.sampled_from([None, 0, 1])


@given(st.lists(st.tuples(names, slots), max_size=9))
def test_labels_are_unique_and_each_begins_with_the_name(apps: list[tuple[str, int | None]]) -> None:
    seen = processes([entry(name, pm_id, NODE_APP_INSTANCE=slot) for pm_id, (name, slot) in enumerate(apps)])
    labels = [one.label for one in seen]

    assert len(set(labels)) == len(labels)
    assert all(one.label.startswith(one.name) for one in seen)


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 3)), min_size=1, unique=True),
    st.data(),
)
def test_a_label_stays_what_it_is_when_its_entry_is_prepared_anew(
    apps: list[tuple[str, int]], data: st.DataObject
) -> None:
    entries = [entry(name, pm_id, NODE_APP_INSTANCE=slot) for pm_id, (name, slot) in enumerate(apps)]
    chosen = data.draw(st.integers(0, len(apps) - 1))
    name, slot = apps[chosen]
    anew = [one for one in entries if one["pm_id"] != chosen] + [entry(name, 50, NODE_APP_INSTANCE=slot)]

    before = {one.pm_id: one.label for one in processes(entries)}
    after = {one.pm_id: one.label for one in processes(anew)}
    assert after.pop(50) == before.pop(chosen)
    assert after == before


# --- whatever PM2 says ---

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["false", "stopped", "7", "\ud800", 10**400])
)
anything = scalars | st.lists(scalars, max_size=2) | st.dictionaries(st.text(max_size=3), scalars, max_size=2)
KEYS = (
    "status",
    "exec_mode",
    "unique_id",
    "created_at",
    "pm_uptime",
    "restart_time",
    "exit_code",
    "autorestart",
    "autostart",
    "cron_restart",
    "stop_exit_codes",
    "pmx_module",
    "NODE_APP_INSTANCE",
    "instance_var",
    "name",
    "pm_id",
)
environments = st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, anything)) | anything
entries_of_any_kind: st.SearchStrategy[list[dict[str, Any]]] = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "pm2_env": environments,
            "name": anything,
            "pm_id": anything,
            "pid": anything,
            "monit": anything,
        },
    ),
    max_size=4,
)


@given(entries_of_any_kind, st.booleans())
def test_whatever_pm2_lists_is_judged_and_can_be_reported(entries: list[dict[str, Any]], gap: bool) -> None:  # noqa: FBT001  # hypothesis gives it
    seen = processes(entries)
    intents = learn(Intents(DAEMON, {}), DAEMON, seen, [], gap=False, now_s=0)
    intents = learn(intents, DAEMON, seen, [], gap=gap, now_s=9)
    judged = assess(look_at(seen, intents, 100.0))

    assert json.dumps([judged.sections, judged.metrics], allow_nan=False).encode("utf-8")
    assert "".join(one.label for one in seen).encode("utf-8") is not None
    assert len({one.label for one in seen}) == len(seen)
