"""The PM2 guard owns the master (safety S6): when it counts as silent, and what is done about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from automation.core.moments import to_text
from automation.engine.own_gap import OwnGap
from automation.ports.clock import SteppedClock
from automation.systems.pm2.checks import assess
from automation.systems.pm2.facts import DaemonState, Facts
from automation.systems.pm2.master import APP, REPORT, SCRIPT, Master, look_at_master, master_silent
from tests.pm2_values import entry, listed

NOW_S = 1_800_000_000.0


def app(pm_id: int = 3, status: str = "online", **env: object) -> dict[str, Any]:
    """Return the master's entry in PM2's list."""
    return entry(APP, pm_id, status, **({"pm_exec_path": f"/srv/suite/automation/{SCRIPT}"} | env))


def problems(master: Master | None) -> list[str]:
    return [found.problem for found in master_silent(master)]


def master(status: str = "online", *, stale: bool = False, trustworthy: bool = True, **env: object) -> Master:
    return Master(listed(app(3, status, **env))[0], stale, trustworthy)


def write_report(folder: Path, checked_s: float) -> None:
    record = {
        "schema": 1,
        "status": "healthy",
        "mode": "active",
        "score": 1.0,
        "checkedAt": to_text(checked_s),
        "nextCheckAt": to_text(checked_s + 60),
        "busyUntil": None,
        "version": "0",
        "findings": [],
    }
    (folder / REPORT).write_text(json.dumps(record), "utf-8")


def test_where_pm2_has_no_master_there_is_nothing_to_own(tmp_path: Path) -> None:
    assert look_at_master(listed(entry("web")), tmp_path, NOW_S, trustworthy=True) is None
    assert problems(None) == []


@pytest.mark.parametrize("status", ["stopped", "errored"])
def test_s6_a_master_that_is_down_is_silent_whoever_stopped_it(status: str) -> None:
    assert problems(master(status)) == ["master-silent"]


@pytest.mark.parametrize("status", ["stopped", "errored", "waiting restart"])
def test_s5_a_master_that_refused_its_settings_needs_a_human(status: str) -> None:
    assert problems(master(status, exit_code=3)) == ["master-refused"]


def test_a_master_that_runs_and_reports_is_well() -> None:
    assert problems(master()) == []


def test_a_master_that_runs_and_does_not_report_is_silent() -> None:
    assert problems(master(stale=True)) == ["master-silent"]


def test_s7_after_a_long_gap_of_our_own_nobody_is_called_stale() -> None:
    assert problems(master(stale=True, trustworthy=False)) == []


def test_a_master_between_two_starts_is_left_to_pm2() -> None:
    assert problems(master("waiting restart", stale=True)) == []


def test_s18_a_strangers_app_that_bears_its_name_is_not_ours(tmp_path: Path) -> None:
    stranger = listed(app(pm_exec_path="/srv/other/server.js"))

    assert look_at_master(stranger, tmp_path, NOW_S, trustworthy=True) is None


def test_the_report_tells_whether_it_is_stale(tmp_path: Path) -> None:
    processes = listed(app())
    write_report(tmp_path, NOW_S)
    fresh = look_at_master(processes, tmp_path, NOW_S + 60 + 3 * 60, trustworthy=True)
    stale = look_at_master(processes, tmp_path, NOW_S + 60 + 3 * 60 + 1, trustworthy=True)

    assert fresh is not None
    assert stale is not None
    assert (fresh.stale, stale.stale) == (False, True)


def test_a_master_without_any_report_is_not_called_stale(tmp_path: Path) -> None:
    found = look_at_master(listed(app()), tmp_path, NOW_S, trustworthy=True)

    assert found is not None
    assert not found.stale


def test_s6_the_master_is_no_subject_of_the_score() -> None:
    down = listed(app(3, "stopped"))
    found = assess(Facts(NOW_S, DaemonState.ALIVE, processes=down, master=Master(down[0], stale=False)))

    assert found.subjects == ()
    assert [one.problem for one in found.findings] == ["master-silent"]


def test_s7_the_first_gap_is_short_and_a_sleep_or_a_set_clock_makes_a_long_one() -> None:
    clock = SteppedClock()
    gap = OwnGap(clock, 30.0)
    seen = [gap.was_short()]
    clock.wait(90.0)
    seen.append(gap.was_short())
    clock.wait(90.1)
    seen.append(gap.was_short())
    clock.set(clock.now_s() - 3600)
    seen.append(gap.was_short())
    clock.wait(1.0)
    seen.append(gap.was_short())

    assert seen == [True, True, False, False, True]
