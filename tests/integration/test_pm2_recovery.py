"""What PM2 gave up on comes back, as it was; what fails for good is left to a human."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from automation.core.errors import EffectFailed, StepRefused
from automation.systems.pm2.observer import Pm2Observer
from automation.systems.pm2.steps import recreate, restart
from tests.guarding import FRAGILE, ROOT, Ground, Watch, environment_of, eventually, webhook, working_folder
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


# What is another's after a restart, or after `prepare`.
PM2_SETS_ANEW = {
    "pm_id",
    "pm_pid_path",
    "unique_id",
    "created_at",
    "pm_uptime",
    "status",
    "restart_time",
    "instances",
    "axm_actions",
    "axm_monitor",
    "axm_options",
    "axm_dynamic",
}


@pytest.fixture
def ground(pm2_home: Pm2Home) -> Iterator[Ground]:
    ground = Ground(pm2_home)
    yield ground
    ground.client.close()


def said(ground: Ground) -> list[dict[str, object]]:
    path = ground.home.apps / "said"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


@each_version
def test_an_app_that_pm2_gave_up_on_is_back_after_two_looks_a_second_apart(ground: Ground) -> None:
    ground.home.start_app("bystander")
    with ground.started():
        broken = ground.fragile("web")
        ground.wait_for("web", "errored")
        given_up_s = time.monotonic()
        broken.unlink()

        back = ground.wait_for("web", "online")

        assert time.monotonic() - given_up_s < 4.0  # about two on an idle machine
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
        watch.climb("web", steps=5)
        ground.wait_for("web", "errored")
        ground.clock.skip(400)
        watch.until("a human is told", lambda: came)
        watch.look(times=6, skip_s=60)

        steps = ["restart", "restart", "recreate", "recreate", "start-from-ecosystem"]
        assert [step for step, _ in ground.acts()] == steps
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
    words: tuple[str | Path, ...] = (
        "--max-restarts=2",
        "--cwd",
        folder,
        *flags,
        "--",
        "--port",
        "80 80",
        "ä",
    )
    ran = ground.home.cli("start", script, "--name=web", *words, env={"COLOUR": "blue"})
    assert ran.returncode == 0, ran.stderr
    eventually("they run", lambda: len(said(ground)) == len(ground.listed()))
    return ground.home.apps / "broken"


def break_one(ground: Ground, label: str, broken: Path) -> None:
    broken.touch()
    process = ground.wait_for(label, "online")
    with contextlib.suppress(ProcessLookupError):  # it has met the broken script by itself
        os.kill(process.pid, 9)
    ground.wait_for(label, "errored")
    broken.unlink()


@each_version
@pytest.mark.parametrize("step", [restart, recreate], ids=["restart", "recreate"])
def test_an_app_comes_back_as_it_was(ground: Ground, step: Callable[[Pm2Observer, str], str]) -> None:
    broken = start_telling(ground)
    first = said(ground)[-1]
    environment = environment_of(ground.one("web").pid)
    break_one(ground, "web", broken)
    before = ground.entry(ground.one("web").pm_id)["pm2_env"]

    with Watch(ground) as watch:
        step(watch.observer, "web")
        eventually("it has said how", lambda: said(ground)[-1]["pid"] == ground.one("web").pid)

    back = ground.wait_for("web", "online")
    after = ground.entry(back.pm_id)["pm2_env"]
    again = environment_of(back.pid)
    assert [one.name for one in ground.listed()] == ["web"]
    assert said(ground)[-1] | {"pid": 0} == first | {"pid": 0}
    assert working_folder(back.pid) == str(ground.home.apps / "a folder")
    assert {key for key in environment if again.get(key) != environment[key]} <= PM2_SETS_ANEW
    assert {key for key in before if before[key] != after.get(key)} <= PM2_SETS_ANEW | {"env"}
    assert after["env"] | {"unique_id": ""} == before["env"] | {"unique_id": ""}


@each_version
def test_a_cluster_worker_is_recreated_in_its_slot_beside_the_others(ground: Ground) -> None:
    broken = start_telling(ground, "-i", "4")
    others = {one.label: one.pid for one in ground.listed() if one.slot != 2}
    first = next(one for one in said(ground) if one["slot"] == "2")
    break_one(ground, "web:2", broken)
    old = ground.entry(ground.one("web:2").pm_id)["pm2_env"]

    with Watch(ground) as watch:
        recreate(watch.observer, "web:2")
        eventually("it has said how", lambda: said(ground)[-1]["pid"] == ground.one("web:2").pid)

    new = ground.entry(ground.one("web:2").pm_id)["pm2_env"]
    assert {one.label: one.pid for one in ground.listed() if one.slot != 2} == others
    assert sorted(one.label for one in ground.listed()) == ["web:0", "web:1", "web:2", "web:3"]
    assert said(ground)[-1] | {"pid": 0} == first | {"pid": 0}
    assert Path(new["pm_out_log_path"]).name == f"web-out-{new['pm_id']}.log"
    assert Path(old["pm_out_log_path"]).name == f"web-out-{old['pm_id']}.log"

    assert ground.home.cli("reload", "web").returncode == 0
    assert ground.home.cli("scale", "web", "5").returncode == 0
    assert sorted(one.slot for one in ground.listed() if one.slot is not None) == [0, 1, 2, 3, 4]
    assert {one.status for one in ground.listed()} == {"online"}


@each_version
@pytest.mark.parametrize("gone", ["script", "folder"])
def test_where_the_new_entry_cannot_run_the_old_one_stays_alone(ground: Ground, gone: str) -> None:
    broken = start_telling(ground)
    break_one(ground, "web", broken)
    old = ground.one("web")
    (ground.home.apps / ("telling.js" if gone == "script" else "a folder")).rename(ground.home.apps / "moved")

    with Watch(ground) as watch, pytest.raises(EffectFailed, match="stays"):
        recreate(watch.observer, "web")

    assert [(one.pm_id, one.status) for one in ground.listed()] == [(old.pm_id, "errored")]
    assert not (ground.home.path / "redundancy" / "recreation.json").exists()


@pytest.mark.parametrize(
    ("point", "cause"),
    [
        ("before prepare", "gone"),
        ("before prepare", "still there"),
        ("after prepare", "gone"),
        ("after prepare", "still there"),
        ("before delete", "gone"),
        ("after delete", "gone"),
    ],
)
def test_a_guard_killed_while_it_recreates_leaves_one_entry_to_the_next(
    ground: Ground, point: str, cause: str
) -> None:
    broken = ground.fragile("web")
    ground.wait_for("web", "errored")
    if cause == "gone":
        broken.unlink()
    killed = subprocess.run(
        [sys.executable, "-c", DYING, str(ground.workspace), point],
        env=ground.environment() | {"PYTHONPATH": str(ROOT)},
        timeout=30,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert (ground.home.path / "redundancy" / "recreation.json").exists()

    with Watch(ground) as watch:
        if cause == "gone":
            watch.until("it runs", lambda: ground.report["status"] == "healthy", skip_s=1)
        else:
            eventually("all are settled", lambda: all(one.status == "errored" for one in ground.listed()))
            watch.look(times=5, skip_s=2)

    assert [one.name for one in ground.listed()] == ["web"]
    settled = [act for act in ground.acts() if act[0] == "finish-recreation"]
    assert settled == ([("finish-recreation", "web")] if point in {"after prepare", "before delete"} else [])


# Recreates `web`, and is killed at one point of it.
DYING = """
import os, signal, sys
from pathlib import Path
from automation.engine.context import build, prepare_folders
from automation.ports.clock import SystemClock
from automation.systems.pm2 import SYSTEM
from automation.systems.pm2.connecting import connect
from automation.systems.pm2.steps import recreate

class Dying:
    def __init__(self, pm2, point):
        self._pm2, self._point = pm2, point

    def __getattr__(self, name):
        real = getattr(self._pm2, name)
        def call(*args):
            self._reach(f"before {name}")
            answer = real(*args)
            self._reach(f"after {name}")
            return answer
        return call

    def _reach(self, point):
        if point == self._point:
            os.kill(os.getpid(), signal.SIGKILL)

context = build(SYSTEM, Path(sys.argv[1]), os.environ, SystemClock())
prepare_folders(context.layout)
observer = connect(context)
observer.pm2 = Dying(observer.pm2, sys.argv[2])
recreate(observer, "web")
"""


def test_of_two_apps_of_one_name_the_broken_one_alone_is_recreated(ground: Ground) -> None:
    ground.home.start_app("web")
    other = ground.one("web").pid
    broken = ground.fragile("web", "-f")
    ground.wait_for("web:1", "errored")
    broken.unlink()

    with Watch(ground) as watch:
        recreate(watch.observer, "web:1")

    ground.wait_for("web:1", "online")
    assert ground.one("web:0").pid == other


def test_a_step_does_nothing_to_what_runs_is_gone_or_was_stopped_by_hand_meanwhile(ground: Ground) -> None:
    ground.home.start_app("runs")
    ground.fragile("web")
    ground.wait_for("web", "errored")
    with Watch(ground) as watch:
        watch.look()
        ground.home.cli("stop", "web")

        assert "not needed" in restart(watch.observer, "web")
        assert "not needed" in recreate(watch.observer, "runs")
        with pytest.raises(StepRefused, match="not in PM2's list"):
            restart(watch.observer, "nobody")

    assert ground.one("web").status == "stopped"


def test_s1_nothing_is_done_after_one_look_nor_when_the_problem_has_gone_by_the_second(
    ground: Ground,
) -> None:
    broken = ground.fragile("web")
    ground.wait_for("web", "errored")
    with Watch(ground) as watch:
        watch.look()
        once = ground.acts()
        broken.unlink()
        ground.client.restart(ground.one("web").pm_id)
        ground.wait_for("web", "online")
        watch.look(times=3, skip_s=60)

        assert once == ground.acts() == []
        assert ground.report["status"] == "healthy"
