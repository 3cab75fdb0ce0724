"""The steps against a process that is down, at the moments at which something else happens too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from automation.core.errors import EffectFailed, StepRefused
from automation.ports.clock import SteppedClock
from automation.systems.pm2.memory import Memory
from automation.systems.pm2.observer import MOST_EVENTS, Pm2Observer
from automation.systems.pm2.prepared import LEFT_OUT
from automation.systems.pm2.recreation import begun
from automation.systems.pm2.steps import finish_recreation, recreate, restart, restart_master
from tests.pm2_values import DAEMON, entry, event, listed
from tests.scripted_pm2 import Entry, EventfulClock, ScriptedPm2, answers_never

NOTE = "recreation.json"


def observer(pm2: ScriptedPm2, folder: Path, clock: SteppedClock | None = None) -> Pm2Observer:
    return Pm2Observer(pm2, Memory(folder), folder, clock or SteppedClock())


def errored() -> Entry:
    return entry("web", 0, "errored", NODE_APP_INSTANCE=0)


def ids(pm2: ScriptedPm2) -> list[int | str]:
    return [one["pm_id"] for one in pm2.list]


def changes(pm_id: int, pm2: ScriptedPm2, **changed: object) -> Callable[[], None]:
    """Return what makes another entry of that one."""

    def happens() -> None:
        for one in pm2.list:
            if one["pm_id"] == pm_id:
                one |= {key: value for key, value in changed.items() if key == "pid"}
                one["pm2_env"] |= changed

    return happens


def test_s12_an_app_is_prepared_as_it_was_but_for_what_pm2_must_give_it_anew(tmp_path: Path) -> None:
    had = {"args": ["-x"], "instances": 4, "created_at": 1, "prev_restart_delay": 2, "pm_id": 0}
    old, given = entry("web", 0, "errored"), list[Entry]()
    old["pm2_env"] |= had
    pm2 = ScriptedPm2(old)

    def prepares(env: Entry) -> list[Entry]:
        given.append(env)
        return pm2.runs(env)

    pm2.prepares = prepares

    assert recreate(observer(pm2, tmp_path), "web") == "prepared anew (id 0 became 1)"
    assert given[0] == {
        "name": "web",
        "args": ["-x"],
        "status": "launching",
        "unique_id": "u0",
        "pm_uptime": 1000,
        "restart_time": 0,
    }
    assert not LEFT_OUT & given[0].keys()
    assert ids(pm2) == [1]
    assert not (tmp_path / NOTE).exists()


def test_an_answer_that_never_comes_is_no_failure_when_the_new_entry_runs(tmp_path: Path) -> None:
    pm2 = ScriptedPm2(errored())
    pm2.prepares = answers_never(pm2)

    assert recreate(observer(pm2, tmp_path), "web") == "prepared anew (id 0 became 1)"
    assert ids(pm2) == [1]


def test_where_nothing_was_prepared_the_old_entry_stays_and_the_reason_is_said(tmp_path: Path) -> None:
    def refuses(_: Entry) -> list[Entry]:
        raise EffectFailed("PM2 refused prepare: no")

    pm2 = ScriptedPm2(errored())
    pm2.prepares = refuses

    with pytest.raises(EffectFailed, match="PM2 prepared nothing: PM2 refused prepare: no"):
        recreate(observer(pm2, tmp_path), "web")
    assert (ids(pm2), (tmp_path / NOTE).exists()) == ([0], False)


def test_what_must_not_be_sent_leaves_no_note(tmp_path: Path) -> None:
    def refuses(_: Entry) -> list[Entry]:
        raise StepRefused("the entry has no text `pm_exec_path`")

    pm2 = ScriptedPm2(errored())
    pm2.prepares = refuses

    with pytest.raises(StepRefused, match="pm_exec_path"):
        recreate(observer(pm2, tmp_path), "web")
    assert (ids(pm2), (tmp_path / NOTE).exists()) == ([0], False)


@pytest.mark.parametrize(
    "changed", [{"pid": 4001}, {"pid": 0}, {"status": "errored"}, {"status": "waiting restart"}]
)
def test_a_new_entry_that_does_not_run_for_a_moment_is_deleted(
    tmp_path: Path, changed: dict[str, object]
) -> None:
    pm2 = ScriptedPm2(errored())

    with pytest.raises(EffectFailed, match=r"did not run for 0\.8 s; the old entry \(id 0\) stays"):
        recreate(observer(pm2, tmp_path, EventfulClock(changes(1, pm2, **changed))), "web")
    assert ids(pm2) == [0]


def test_an_old_entry_that_somebody_starts_meanwhile_is_the_one_that_is_kept(tmp_path: Path) -> None:
    pm2 = ScriptedPm2(errored())
    said = recreate(observer(pm2, tmp_path, EventfulClock(changes(0, pm2, status="online"))), "web")

    assert said == "not needed: somebody started the old entry (id 0) meanwhile"
    assert ids(pm2) == [0]


def test_an_old_entry_that_somebody_deletes_meanwhile_is_not_missed(tmp_path: Path) -> None:
    pm2 = ScriptedPm2(errored())
    said = recreate(observer(pm2, tmp_path, EventfulClock(pm2.list.clear)), "web")

    assert said == "somebody else deleted the old entry (id 0)"
    assert [act for act, _ in pm2.done] == ["prepare"]
    assert not (tmp_path / NOTE).exists()


def test_s13_our_own_deletion_is_not_taken_for_a_persons(tmp_path: Path) -> None:
    pm2 = ScriptedPm2(errored(), entry("other", 5))
    eyes = observer(pm2, tmp_path)
    eyes.observe()
    recreate(eyes, "web")
    facts = eyes.observe()

    assert facts.intents is not None
    assert facts.intents.gone == ()


def test_a_disk_that_says_no_keeps_a_recreation_from_beginning(tmp_path: Path) -> None:
    pm2 = ScriptedPm2(errored())

    with pytest.raises(EffectFailed, match="cannot write"):
        recreate(observer(pm2, tmp_path / "nowhere"), "web")
    assert pm2.done == []


def test_a_module_and_entries_that_are_alike_are_not_recreated(tmp_path: Path) -> None:
    module = ScriptedPm2(entry("pm2-logrotate", 0, "errored", pmx_module=True))
    alike = ScriptedPm2(entry("web", 0, "errored"), entry("web", 1))

    with pytest.raises(StepRefused, match="pm2 install pm2-logrotate"):
        recreate(observer(module, tmp_path), "pm2-logrotate")
    with pytest.raises(StepRefused, match="2 entries are named 'web'"):
        recreate(observer(alike, tmp_path), "web:0")
    assert module.done == alike.done == []


@pytest.mark.parametrize("step", [restart, recreate])
def test_what_pm2_could_not_end_gets_no_second_one_beside_it(
    tmp_path: Path, step: Callable[[Pm2Observer, str], str]
) -> None:
    pm2 = ScriptedPm2(errored() | {"pid": 44})

    with pytest.raises(StepRefused, match="pid 44 lives"):
        step(observer(pm2, tmp_path), "web")
    assert pm2.done == []


@pytest.mark.parametrize("step", [restart, recreate])
def test_nothing_is_done_to_what_is_gone_ours_or_stopped_by_hand(
    tmp_path: Path, step: Callable[[Pm2Observer, str], str]
) -> None:
    pm2 = ScriptedPm2(entry("enhanced-pm2-redundancy", 1, "errored"), entry("web", 2))
    eyes = observer(pm2, tmp_path)
    eyes.observe()
    pm2.list[1] = entry("web", 2, "stopped")
    pm2.said.append(event("stop", 2))

    assert step(eyes, "web") == "not needed: it is not down any more"
    for name in ("enhanced-pm2-redundancy", "nobody"):
        with pytest.raises(StepRefused, match="not in PM2's list"):
            step(eyes, name)
    assert pm2.done == []


def test_a_recreation_is_finished_only_if_one_was_begun(tmp_path: Path) -> None:
    pm2 = ScriptedPm2(errored())
    eyes = observer(pm2, tmp_path)

    assert finish_recreation(eyes, "web") == "not needed: no recreation is under way"
    eyes.note(begun(DAEMON, listed(errored())[0], listed(errored())))
    assert finish_recreation(eyes, "other") == "not needed: no recreation is under way"
    assert finish_recreation(eyes, "web") == "not needed: nothing was prepared"
    assert (pm2.done, (tmp_path / NOTE).exists()) == ([], False)


def test_more_than_one_new_entry_leaves_one(tmp_path: Path) -> None:
    pm2 = ScriptedPm2(errored())
    eyes = observer(pm2, tmp_path)
    eyes.note(begun(DAEMON, listed(errored())[0], listed(errored())))
    pm2.list += [entry("web", number, NODE_APP_INSTANCE=0) for number in (4, 5)]

    assert finish_recreation(eyes, "web") == "prepared anew (id 0 became 4)"
    assert ids(pm2) == [4]


def test_more_events_than_can_be_kept_are_a_gap(tmp_path: Path) -> None:
    pm2 = ScriptedPm2(entry())
    eyes = observer(pm2, tmp_path)
    eyes.observe()
    pm2.said += [event("online")] * (MOST_EVENTS + 1)
    pm2.list = [entry(status="stopped")]

    assert eyes.pump()
    facts = eyes.observe()
    assert facts.intents is not None
    assert facts.intents.stops[0].cause.value == "unseen"
    assert not eyes.pump()


def test_raw_entries_are_handed_over_once(tmp_path: Path) -> None:
    eyes = observer(ScriptedPm2(entry()), tmp_path)
    eyes.observe()

    assert (eyes.seen_entries(), eyes.seen_entries()) == ([entry()], [])


@pytest.mark.parametrize(
    ("status", "done"), [("errored", [("restart", 7)]), ("waiting restart", [("stop", 7), ("restart", 7)])]
)
def test_s6_the_master_is_restarted_by_its_owner_and_stopped_first_where_pm2_would_refuse(
    tmp_path: Path, status: str, done: list[tuple[str, int]]
) -> None:
    name = "master-redundancy-orchestrator"
    script = "/srv/suite/automation/master_redundancy_orchestrator.py"
    pm2 = ScriptedPm2(entry(name, 7, status, pm_exec_path=script))

    assert restart_master(observer(pm2, tmp_path), name) == f"restarted {name} (id 7)"
    assert pm2.done == done
    with pytest.raises(StepRefused, match="not in PM2's list"):
        restart_master(observer(ScriptedPm2(), tmp_path), name)
