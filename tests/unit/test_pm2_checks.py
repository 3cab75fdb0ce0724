"""What is wrong with the processes of one look."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from automation.core.finding import Severity
from automation.systems.pm2.checks import LOOK_AGAIN_S, SETTLED_AFTER_S, assess
from automation.systems.pm2.daemon.trouble import Trouble
from automation.systems.pm2.facts import DaemonState, Facts
from automation.systems.pm2.intents import DELETED_AFTER_S, rested
from automation.systems.pm2.probes.checks import Probed
from automation.systems.pm2.recreation import begun
from automation.systems.pm2.resting import begun as begun_rest
from automation.systems.pm2.tracked import Tracked
from tests.pm2_values import DAEMON, after, entry, event, facts, listed, nobody_stopped


def problems(seen: Facts) -> list[tuple[str, str]]:
    return [finding.key for finding in assess(seen).findings]


def row(seen: Facts) -> dict[str, Any]:
    rows = assess(seen).sections["processes"]
    assert isinstance(rows, list)
    found: dict[str, Any] = rows[0]
    return found


def test_nothing_is_wrong_with_what_runs() -> None:
    seen = assess(facts(entry(), entry("b", 1, "launching"), entry("c", 2, "waiting restart")))

    assert (seen.subjects, seen.findings, seen.down) == (("web", "b", "c"), (), False)


def test_what_pm2_gave_up_on_is_critical_and_the_line_says_how_it_ended() -> None:
    (finding,) = assess(facts(entry(status="errored", restart_time=15, exit_code=7))).findings

    assert (finding.key, finding.severity) == (("process-errored", "web"), Severity.CRITICAL)
    assert finding.message == "PM2 gave up on it after 15 restarts; its last exit code is 7"
    assert "pm2 logs 0" in finding.advice


def test_what_pm2_could_not_end_is_named_so() -> None:
    (finding,) = assess(facts(entry(status="errored") | {"pid": 44})).findings

    assert finding.message == "PM2 could not end it: pid 44 outlived SIGKILL"


def test_what_nobody_stopped_is_found_once_the_word_on_it_would_have_come() -> None:
    stopped = entry(status="stopped")
    intents = nobody_stopped(stopped)
    at_s = intents.stops[0].at_s + SETTLED_AFTER_S

    early, late = facts(stopped, at_s=at_s - 0.1, intents=intents), facts(stopped, at_s=at_s, intents=intents)
    assert problems(early) == []
    assert problems(late) == [("process-stopped", "web")]
    assert (assess(early).look_again_s, assess(late).look_again_s) == (LOOK_AGAIN_S, None)


@pytest.mark.parametrize("status", ["stopped", "errored"])
@pytest.mark.parametrize(
    ("env", "intent"),
    [
        ({"autorestart": False}, "one-shot"),
        ({"autorestart": False, "cron_restart": "0 * * * *"}, "scheduled"),
        ({"autostart": False}, "not-autostarted"),
        ({"stop_exit_codes": [3], "exit_code": 3}, "ended-itself"),
    ],
)
def test_what_is_not_meant_to_run_is_no_finding_and_no_subject(
    status: str, env: dict[str, Any], intent: str
) -> None:
    down = entry(status=status, **env)
    seen = facts(down, intents=nobody_stopped(down))

    assert problems(seen) == []
    assert assess(seen).subjects == ()
    assert (row(seen)["expected"], row(seen)["intent"]) == (False, intent)


@pytest.mark.parametrize(
    ("words", "intent"), [((event("stop"),), "stopped-by-hand"), ((), ""), (None, "stopped-unseen")]
)
def test_the_report_says_who_stopped_it(words: tuple[Any, ...] | None, intent: str) -> None:
    stopped = entry(status="stopped")
    looks = ((listed(stopped), ()),) if words is None else ((listed(entry()), ()), (listed(stopped), words))

    assert row(facts(stopped, intents=after(*looks)))["intent"] == intent


def test_without_intents_every_stop_is_a_persons() -> None:
    seen = facts(entry(status="stopped"))

    assert (problems(seen), row(seen)["intent"], row(facts(entry()))["intent"]) == ([], "stopped-unseen", "")
    assert row(facts(entry(status="errored")))["intent"] == ""


def test_ours_are_never_subjects_and_never_expected() -> None:
    ours = entry("master-redundancy-orchestrator", status="errored")
    seen = facts(ours)

    assert (assess(seen).subjects, problems(seen), row(seen)["expected"]) == ((), [], False)
    assert assess(seen).metrics["apps"] == 0


def test_a_twin_is_no_subject_and_hides_what_is_reloaded_under_its_name_alone() -> None:
    twin = entry("web", "_old_0", "errored")
    seen = facts(twin, entry("web", 0, "errored"), entry("other", 1, "errored"))

    assert problems(seen) == [("process-errored", "other")]
    assert assess(seen).subjects == ("web:0", "other")
    assert assess(seen).look_again_s == LOOK_AGAIN_S


def test_while_a_reload_is_under_way_nothing_is_wrong() -> None:
    seen = facts(entry(status="errored"), reloading=True)

    assert problems(seen) == []
    assert assess(seen).look_again_s == LOOK_AGAIN_S


@pytest.mark.parametrize("status", ["launching", "stopping"])
def test_what_is_on_its_way_is_looked_at_again_soon(status: str) -> None:
    assert assess(facts(entry(status=status))).look_again_s == LOOK_AGAIN_S


def test_what_vanished_is_looked_at_again_when_it_can_be_told_why() -> None:
    intents = after((listed(entry(), entry("b", 1)), ()), (listed(entry()), ()))

    assert assess(facts(entry(), intents=intents)).look_again_s == DELETED_AFTER_S
    assert assess(facts(entry(status="launching"), intents=intents)).look_again_s == LOOK_AGAIN_S


def test_a_daemon_that_is_dead_or_in_trouble_is_looked_at_again_soon() -> None:
    assert assess(Facts(1.0, DaemonState.DEAD)).look_again_s == LOOK_AGAIN_S
    assert assess(replace(facts(entry()), trouble=Trouble())).look_again_s == LOOK_AGAIN_S
    assert assess(facts(entry())).look_again_s is None


def test_an_app_that_the_guard_stopped_is_expected_and_said_once() -> None:
    stopped = entry(status="stopped")
    rest = begun_rest(DAEMON, listed(stopped)[0], 50.0, 40, "boom")
    resting = replace(facts(stopped, intents=nobody_stopped(stopped)), tracked=Tracked(rests=(rest,)))
    unseen = replace(resting, intents=None)

    for seen in (resting, unseen):
        assert problems(seen) == [("process-resting", "web")]
        assert assess(seen).subjects == ("web",)
        assert row(seen)["intent"] == "stopped-by-guard"


def test_what_the_guard_stopped_and_noted_nowhere_else_is_down() -> None:
    stopped = entry(status="stopped")
    intents = rested(nobody_stopped(stopped), listed(stopped)[0], 50.0)

    assert problems(facts(stopped, intents=intents)) == [("process-stopped", "web")]


def test_s16_a_reload_hides_that_an_app_flaps() -> None:
    flaps = replace(facts(entry()), tracked=Tracked(flapping={0: 12}))

    assert problems(flaps) == [("process-flapping", "web")]
    assert problems(replace(flaps, reloading=True)) == []


def test_what_is_being_recreated_is_not_called_hung_too() -> None:
    old = entry("web", 0)
    noted = begun(DAEMON, listed(old)[0], listed(old))
    hung: dict[int | str, Probed] = {0: Probed("hung", "http://127.0.0.1:3000/", 3, "no answer")}
    seen = replace(facts(old, entry("web", 1), recreation=noted), probed=hung)

    assert problems(seen) == [("recreation-unfinished", "web")]


def test_a_recreation_that_was_cut_short_is_one_finding_and_hides_its_two_entries() -> None:
    old, other = entry("web", 0, "errored"), entry("b", 1, "errored")
    noted = begun(DAEMON, listed(old)[0], listed(old, other))
    seen = facts(old, other, entry("web", 2, "errored"), recreation=noted)

    assert problems(seen) == [("recreation-unfinished", "web"), ("process-errored", "b")]
    assert assess(seen).findings[0].message.startswith("it is in PM2's list twice, as 0 and 2")


def test_a_note_of_what_is_over_hides_nothing() -> None:
    old = entry("web", 0, "errored")
    noted = begun(DAEMON, listed(old)[0], listed(old))
    errored = [("process-errored", "web")]

    assert problems(facts(old, recreation=noted)) == errored
    assert problems(facts(entry("web", 2, "errored"), recreation=noted)) == errored
    assert problems(replace(facts(old, recreation=noted), daemon=None)) == errored


def test_a_dead_daemon_brings_the_system_down_and_an_ended_one_does_not() -> None:
    dead, ended, absent = (assess(Facts(1.0, state)) for state in
                           (DaemonState.DEAD, DaemonState.ENDED, DaemonState.ABSENT))  # fmt: skip

    assert [(one.down, [finding.problem for finding in one.findings]) for one in (dead, ended, absent)] == [
        (True, ["daemon-dead"]),
        (False, ["daemon-ended"]),
        (False, []),
    ]
    assert dead.findings[0].severity is Severity.CRITICAL
    assert ended.findings[0].severity is Severity.WARNING
    assert absent.sections["daemon"] == {"pid": None, "version": None, "alive": False}


def test_the_report_has_a_row_for_each_process_but_twins_and_the_daemon() -> None:
    web = entry(exit_code=0, pm_uptime=40_000) | {"monit": {"memory": 3 * 1024**2, "cpu": 2.5}}
    sections = assess(facts(web, entry("web", "_old_1"), at_s=100.4)).sections

    assert sections["daemon"] == {"pid": 100, "version": "7.0.4", "alive": True}
    assert sections["processes"] == [
        {
            "name": "web",
            "id": 0,
            "pid": 4000,
            "status": "online",
            "cpuPercent": 2.5,
            "memoryMb": 3.0,
            "restarts": 0,
            "uptimeS": 60,
            "expected": True,
            "intent": "",
            "probe": "",
        }
    ]


@pytest.mark.parametrize(
    "down", [entry(status="errored"), entry(pm_uptime=None), entry(status="waiting restart", pm_uptime=9)]
)
def test_what_does_not_run_has_no_uptime(down: dict[str, Any]) -> None:
    assert row(facts(down))["uptimeS"] is None


def test_an_uptime_is_never_negative() -> None:
    assert row(facts(entry(pm_uptime=200_000), at_s=100))["uptimeS"] == 0


def test_the_metrics_count_apps_by_status() -> None:
    one = entry("a", restart_time=2) | {"monit": {"memory": 1024**2, "cpu": 1.25}}

    assert assess(facts(one, entry("b", 1, "errored"), entry("c", 2, "stopped", restart_time=3))).metrics == {
        "apps": 3,
        "online": 1,
        "errored": 1,
        "stopped": 1,
        "restarts": 5,
        "memoryMb": 1.0,
        "cpuPercent": 1.2,
        "probesFailing": 0,
    }
