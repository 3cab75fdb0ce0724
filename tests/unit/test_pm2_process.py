"""What PM2 says of a process, as a value."""

from __future__ import annotations

from typing import Any

import pytest

from automation.systems.pm2.process import processes


def entry(name: object, pm_id: object = 0, **env: object) -> dict[str, Any]:
    return {"name": name, "pm_id": pm_id, "pid": 7, "monit": {"memory": 5, "cpu": 1.5}, "pm2_env": env}


def labels(*entries: dict[str, Any]) -> list[str]:
    return [one.label for one in processes(entries)]


def test_an_entry_is_read_as_pm2_writes_it() -> None:
    (one,) = processes(
        [
            entry(
                "web",
                3,
                status="online",
                exec_mode="cluster_mode",
                NODE_APP_INSTANCE=2,
                unique_id="u",
                created_at=10,
                pm_uptime=20,
                restart_time=4,
                exit_code=1,
                stop_exit_codes=[0, "3"],
                cron_restart="0 * * * *",
                pmx_module=True,
            )
        ]
    )

    assert (one.pm_id, one.name, one.label, one.slot, one.pid) == (3, "web", "web", 2, 7)
    assert (one.status, one.mode, one.unique_id, one.run) == ("online", "cluster", "u", ("u", 20))
    assert (one.created_at_ms, one.started_at_ms, one.restarts, one.exit_code) == (10, 20, 4, 1)
    assert (one.autorestart, one.autostart, one.cron, one.module) == (True, True, True, True)
    assert (one.stop_exit_codes, one.memory_bytes, one.cpu_percent) == ((0, 3), 5, 1.5)


@pytest.mark.parametrize("off", [False, "false"])
def test_false_is_off_in_either_spelling_and_all_else_is_on(off: object) -> None:
    (one,) = processes([entry("a", autorestart=off, autostart=off)])
    (other,) = processes([entry("a", autorestart=None, autostart="no")])

    assert (one.autorestart, one.autostart) == (False, False)
    assert (other.autorestart, other.autostart) == (True, True)


@pytest.mark.parametrize(
    ("value", "number"),
    [("12", 12), (12.9, 12), (True, None), ("12a", None), ("9" * 5000, None), (10**400, None), (1e300, None),
     (float("nan"), None), (float("inf"), None), ([], None), ("٣", None)],
)  # fmt: skip
def test_what_is_no_number_is_none(value: object, number: int | None) -> None:
    assert processes([entry("a", exit_code=value)])[0].exit_code == number


def test_a_number_that_is_none_counts_as_nothing() -> None:
    (one,) = processes([{"pm_id": True, "monit": {"memory": "x", "cpu": "y"}, "pm2_env": []}])

    assert (one.pm_id, one.name, one.pid, one.memory_bytes, one.cpu_percent) == (-1, "", 0, 0, 0.0)


def test_half_of_a_surrogate_pair_becomes_a_name_that_can_be_written() -> None:
    assert processes([entry("a\ud800b")])[0].name == "a?b"


def test_a_name_suffices_where_it_is_alone() -> None:
    assert labels(entry("a", 1), entry("b", 2, NODE_APP_INSTANCE=0)) == ["a", "b"]


def test_those_of_one_name_are_told_apart_by_slot_and_else_by_id() -> None:
    cluster = [entry("a", pm_id, NODE_APP_INSTANCE=pm_id - 4) for pm_id in (4, 5)]

    assert labels(*cluster) == ["a:0", "a:1"]
    assert labels(*cluster, entry("a", 9, NODE_APP_INSTANCE=1)) == ["a:0", "a:5", "a:9"]
    assert labels(entry("a", 4), entry("a", 7)) == ["a:4", "a:7"]


def test_the_slot_is_where_the_app_says_that_it_is() -> None:
    two = [entry("a", pm_id, instance_var="SLOT", SLOT=pm_id - 4) for pm_id in (4, 5)]

    assert labels(*two) == ["a:0", "a:1"]


def test_a_name_that_looks_like_a_label_takes_none_away() -> None:
    two = [entry("a", pm_id, NODE_APP_INSTANCE=pm_id - 4) for pm_id in (4, 5)]

    assert labels(*two, entry("a:0", 6)) == ["a:0:4", "a:1", "a:0:6"]
    assert labels(*two, entry("a:0", 6), entry("a:0:4", 8)) == ["a:0:4:4", "a:1", "a:0:6", "a:0:4"]


def test_ours_and_twins_are_known_by_name_and_id() -> None:
    ours, starter, twin, other = processes(
        [
            entry("enhanced-pm2-redundancy"),
            entry("ecosystem.enhanced-redundancy", 1),
            entry("web", "_old_2"),
            entry("enhanced-pm2-redundancy-2", 3),
        ]
    )

    assert (ours.ours, starter.ours, twin.ours, other.ours) == (True, True, False, False)
    assert (ours.twin, twin.twin) == (False, True)
