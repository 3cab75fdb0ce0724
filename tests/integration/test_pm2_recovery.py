"""What PM2 gave up on comes back, as it was; what fails for good is left to a human."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from automation.core.errors import EffectFailed, StepRefused
from automation.systems.pm2.steps import recreate, restart
from tests.guarding import FRAGILE, Ground, Watch, environment_of, eventually, webhook, working_folder
from tests.real_pm2 import VERSIONS, Pm2Home

pytestmark = [pytest.mark.pm2, pytest.mark.timeout(90)]
each_version = pytest.mark.parametrize("pm2_version", VERSIONS, indirect=True)

# Says how it was started, and then fails while the file `broken` lies beside it.
TELLING = (
    """
require('fs').appendFileSync(__dirname + '/said', JSON.stringify({
  args: process.argv.slice(2), cwd: process.cwd(), colour: process.env.COLOUR,
  slot: process.env.NODE_APP_INSTANCE, node: process.execArgv, pid: process.pid,
}) + '\\n');
console.log('hello from', process.pid);
"""
    + FRAGILE
)


@pytest.fixture
def ground(pm2_home: Pm2Home) -> Iterator[Ground]:
    ground = Ground(pm2_home)
    yield ground
    ground.client.close()


def said(ground: Ground) -> list[dict[str, object]]:
    path = ground.home.apps / "said"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


@each_version
def test_an_app_that_pm2_gave_up_on_is_back_within_two_seconds_of_its_cause_going(ground: Ground) -> None:
    ground.home.start_app("bystander")
    with ground.started():
        broken = ground.fragile("web")
        ground.wait_for("web", "errored")
        given_up_s = time.monotonic()
        broken.unlink()

        back = ground.wait_for("web", "online")

        assert time.monotonic() - given_up_s < 4.0  # two looks a second apart, on a busy machine
        assert ground.acts() == [("restart", "web")]
        assert back.restarts < 5
        eventually("the report says so", lambda: ground.report["recovery"]["attempts"] == 1)
        eventually("and that all is well", lambda: ground.report["status"] == "healthy")


@each_version
def test_one_that_fails_for_good_climbs_the_whole_ladder_and_one_human_is_told_once(ground: Ground) -> None:
    ground.fragile("web")
    ground.wait_for("web", "errored")
    with (
        webhook() as (address, came),
        Watch(ground, PM2_MAX_RESTARTS="2", REDUNDANCY_WEBHOOK=address) as watch,
    ):
        watch.climb("web", steps=4)
        ground.wait_for("web", "errored")
        ground.clock.skip(400)
        watch.until("a human is told", lambda: came)
        watch.look(times=6, skip_s=60)

        assert [step for step, _ in ground.acts()] == ["restart", "restart", "recreate", "recreate"]
        assert [message["subject"] for message in came] == ["web"]
        assert "PM2 gave up on it" in came[0]["text"]
        assert [one["subject"] for one in ground.report["recovery"]["needsHuman"]] == ["web"]
        assert [one.name for one in ground.listed()] == ["web"]
        assert not (ground.home.path / "redundancy" / "recreation.json").exists()


def start_telling(ground: Ground, *flags: str) -> Path:
    """Start an app that runs, then breaks it until PM2 gives up on it."""
    folder = ground.home.apps / "a folder"
    folder.mkdir()
    script = ground.home.apps / "telling.js"
    script.write_text(TELLING, "utf-8")
    words = ("--max-restarts=2", "--cwd", folder, *flags, "--", "--port", "80 80", "ä")
    ran = ground.home.cli("start", script, "--name=web", *words, env={"COLOUR": "blue"})
    assert ran.returncode == 0, ran.stderr
    eventually("they run", lambda: len(said(ground)) == len(ground.listed()))
    return ground.home.apps / "broken"


def break_one(ground: Ground, label: str, broken: Path) -> None:
    broken.touch()
    process = ground.wait_for(label, "online")
    os.kill(process.pid, 9)
    ground.wait_for(label, "errored")
    broken.unlink()


@each_version
@pytest.mark.parametrize("step", [restart, recreate])
def test_an_app_comes_back_as_it_was(ground: Ground, step: object) -> None:
    broken = start_telling(ground)
    first = said(ground)[-1]
    environment = environment_of(ground.one("web").pid)
    break_one(ground, "web", broken)
    before = ground.entry(ground.one("web").pm_id)["pm2_env"]

    with Watch(ground) as watch:
        (restart if step is restart else recreate)(watch.observer, "web")
        back = ground.wait_for("web", "online")
        eventually("it has said how", lambda: said(ground)[-1]["pid"] == ground.one("web").pid)

    after = ground.entry(back.pm_id)["pm2_env"]
    again = said(ground)[-1]
    changed = {name for name in environment if environment_of(back.pid).get(name) != environment[name]}
    assert again | {"pid": 0} == first | {"pid": 0}
    assert working_folder(back.pid) == str(ground.home.apps / "a folder")
    assert changed <= {"unique_id", "pm_id", "pm_uptime", "created_at", "restart_time", "status", "instances", "unstable_restarts", "pm_pid_path", "pm_out_log_path", "pm_err_log_path", "exit_code", "prev_restart_delay", "axm_options", "axm_monitor", "axm_actions", "axm_dynamic", "version", "node_version", "instance_var", "vizion_running"}, changed
    print(changed)
    assert {k for k in before if before[k] != after.get(k)} == set(), {k: (before[k], after.get(k)) for k in before if before[k] != after.get(k)}
    assert after["env"] | {"unique_id": ""} == before["env"] | {"unique_id": ""}
