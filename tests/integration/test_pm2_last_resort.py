"""The automatic kill-all of an emergency (safety S9), on a real PM2."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from automation.ports.clock import SystemClock
from automation.stores import leases
from automation.stores.layout import Layout
from automation.stores.leases import EPOCH_VARIABLE, Lease
from tests.guarding import Ground, Watch
from tests.real_pm2 import Pm2Home

pytestmark = [pytest.mark.pm2, pytest.mark.timeout(120)]
EPOCH = "an-epoch"


@pytest.fixture
def ground(pm2_home: Pm2Home) -> Iterator[Ground]:
    ground = Ground(pm2_home)
    ground.install()
    yield ground
    ground.client.close()


def in_an_emergency(ground: Ground) -> None:
    """Let an emergency hold the lease on PM2."""
    with Watch(ground, REDUNDANCY_MODE="observe") as watch:
        layout: Layout = watch.context.layout
    clock = SystemClock()
    leases.save(layout.lease, Lease(("pm2",), clock.boot_id(), clock.elapsed_s() + 600, EPOCH))


def kill_alls(ground: Ground) -> list[dict[str, object]]:
    return [one for one in ground.audit if one["step"] == "kill-all" and one["event"] == "acted"]


def test_s9_an_emergency_kills_all_once_where_nothing_else_helps_by_a_program_that_outlives_it(
    ground: Ground,
) -> None:
    ground.fragile("broken")
    ground.wait_for("broken", "errored")
    in_an_emergency(ground)
    first = ground.home.daemon_pid()
    ran = ground.run("recovery", **{EPOCH_VARIABLE: EPOCH})
    ground.home.remember()
    second = ground.home.daemon_pid()
    again = ground.run("recovery", **{EPOCH_VARIABLE: EPOCH})

    assert "kill-all PM2: done" in ran.stdout, ran.stdout + ran.stderr
    assert second not in {None, first}
    assert [one["step"] for one in ground.audit if one["event"] == "act"].index("kill-all") >= 2
    (done,) = kill_alls(ground)
    assert (done["by"], done["problem"], done["ok"]) == ("emergency", "too-few-run", True)
    assert again.returncode == 1
    assert "kill-all" not in again.stdout
    assert ground.home.daemon_pid() == second
    assert [one.name for one in ground.listed()] == ["broken"]


def test_s9_without_what_it_takes_an_emergency_kills_nothing(ground: Ground) -> None:
    ground.fragile("broken")
    ground.wait_for("broken", "errored")
    first = ground.home.daemon_pid()
    (ground.workspace / "automation").mkdir()
    settings = ground.workspace / "automation" / "redundancy-config.json"
    settings.write_text(json.dumps({"pm2": {"autoRestart": False}}), "utf-8")
    with_no_lease = ground.run("recovery", **{EPOCH_VARIABLE: EPOCH})
    in_an_emergency(ground)
    told_not_to = ground.run("recovery", **{EPOCH_VARIABLE: EPOCH})
    of_another_emergency = ground.run("recovery", **{EPOCH_VARIABLE: "another"})
    settings.unlink()
    ground.home.start_app("runs")
    half_runs = ground.run("recovery", **{EPOCH_VARIABLE: EPOCH})

    for ran in (with_no_lease, told_not_to, of_another_emergency, half_runs):
        assert ran.returncode == 1
        assert "kill-all" not in ran.stdout
    assert kill_alls(ground) == []
    assert ground.home.daemon_pid() == first
