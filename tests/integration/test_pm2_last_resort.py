"""The automatic kill-all of an emergency (safety S9), on a real PM2."""

from __future__ import annotations

import json

import pytest

from automation.ports.clock import SystemClock
from automation.stores import leases
from automation.stores.layout import Layout
from automation.stores.leases import EPOCH_VARIABLE, Lease
from tests.guarding import Ground, Watch

pytestmark = [pytest.mark.pm2, pytest.mark.timeout(120)]
EPOCH = "an-epoch"
RUNG = "start-from-ecosystem"


def in_an_emergency(ground: Ground) -> None:
    """Let an emergency hold the lease on PM2."""
    with Watch(ground, REDUNDANCY_MODE="observe") as watch:
        layout: Layout = watch.context.layout
    clock = SystemClock()
    leases.save(layout.lease, Lease(("pm2",), clock.boot_id(), clock.elapsed_s() + 600, EPOCH))


def kill_alls(ground: Ground) -> list[dict[str, object]]:
    return [one for one in ground.audit if one["step"] == "kill-all" and one["event"] == "acted"]


def require(ground: Ground, **pm2: object) -> None:
    """Let settings require an app that nobody can start, and leave the one that runs out."""
    path = ground.workspace / "automation" / "redundancy-config.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"pm2": {"processes": ["gone"], "exclude": ["web"], **pm2}}), "utf-8")


def test_s9_an_emergency_kills_all_once_where_nothing_else_helps_by_a_program_that_outlives_it(
    ground: Ground,
) -> None:
    ground.home.start_app("web")
    require(ground)
    in_an_emergency(ground)
    first, old = ground.home.daemon_pid(), ground.one("web").pid
    ran = ground.run("recovery", **{EPOCH_VARIABLE: EPOCH})
    ground.home.remember()
    second = ground.home.daemon_pid()
    again = ground.run("recovery", **{EPOCH_VARIABLE: EPOCH})

    assert "kill-all PM2: done" in ran.stdout, ran.stdout + ran.stderr
    assert second not in {None, first}
    assert [one["step"] for one in ground.audit][:3] == [RUNG, RUNG, "kill-all"]
    (done,) = kill_alls(ground)
    assert (done["by"], done["problem"], done["ok"]) == ("emergency", "too-few-run", True)
    assert again.returncode == 1
    assert "kill-all" not in again.stdout
    assert ground.home.daemon_pid() == second
    assert [(one.name, one.status, one.pid == old) for one in ground.listed()] == [("web", "online", False)]


def test_s9_without_what_it_takes_an_emergency_kills_nothing(ground: Ground) -> None:
    ground.home.start_app("web")
    first = ground.home.daemon_pid()
    require(ground, autoRestart=False)
    with_no_lease = ground.run("recovery", **{EPOCH_VARIABLE: EPOCH})
    in_an_emergency(ground)
    told_not_to = ground.run("recovery", **{EPOCH_VARIABLE: EPOCH})
    of_another_emergency = ground.run("recovery", **{EPOCH_VARIABLE: "another"})
    require(ground, exclude=[])
    half_runs = ground.run("recovery", **{EPOCH_VARIABLE: EPOCH})

    for ran in (with_no_lease, told_not_to, of_another_emergency, half_runs):
        assert ran.returncode == 1
        assert "kill-all" not in ran.stdout
    assert kill_alls(ground) == []
    assert ground.home.daemon_pid() == first
