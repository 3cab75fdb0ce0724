"""PM2 in the foreground, as in a container: the guard looks, and neither starts nor ends a daemon (S17)."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from automation.systems.pm2.daemon.runtime import in_foreground, note
from tests.guarding import LONGER_THAN_ANY_WAIT_S, Ground, Watch, eventually
from tests.real_pm2 import NODE, SLEEPER, VERSIONS, pm2_script

pytestmark = [pytest.mark.pm2, pytest.mark.timeout(90)]
each_version = pytest.mark.parametrize("pm2_version", VERSIONS, indirect=True)


@contextmanager
def runtime(ground: Ground, name: str = "web") -> Iterator[subprocess.Popen[bytes]]:
    """Run one app under pm2-runtime."""
    script = ground.home.apps / f"{name}.js"
    script.write_text(SLEEPER, "utf-8")
    program = pm2_script(ground.home.version).with_name("pm2-runtime")
    with subprocess.Popen(
        [NODE, program, "start", script, "--name", name],
        env=ground.home.environment,
        cwd=ground.home.apps,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as child:
        try:
            eventually("it listens", lambda: ground.home.daemon_pid() == child.pid)
            ground.wait_for(name, "online")
            ground.home.remember()
            yield child
        finally:
            if child.poll() is None:
                child.kill()


@each_version
def test_s17_when_pm2_runtime_dies_no_daemon_is_started_and_a_human_is_told_at_once(ground: Ground) -> None:
    with runtime(ground) as child, Watch(ground) as watch:
        watch.look(times=2)
        doctor = ground.run("doctor")
        assert "PM2 runs in the foreground (pm2-runtime)" in doctor.stdout
        os.kill(child.pid, signal.SIGKILL)
        child.wait(timeout=20)
        watch.until("a human is told", lambda: ground.report["recovery"]["needsHuman"])
        watch.look(times=4, skip_s=LONGER_THAN_ANY_WAIT_S)

        assert ground.home.daemon_pid() is None
        assert ground.acts() == [("bring-back", "PM2")]
        assert "the guard starts and ends no daemon here" in ground.audit[-1]["detail"]


def test_s17_kill_all_ends_nothing_there_and_the_next_container_is_not_given_the_apps_of_the_last(
    ground: Ground,
) -> None:
    with runtime(ground) as child, Watch(ground) as watch:
        watch.look(times=2)
        ran = ground.run("recovery", "--level", "emergency")
        assert ran.returncode == 1
        assert "starts and ends no daemon here" in ran.stderr
        assert child.poll() is None
        os.kill(child.pid, signal.SIGKILL)
        child.wait(timeout=20)
    with runtime(ground, "other"), Watch(ground) as watch:
        watch.look(times=4, skip_s=LONGER_THAN_ANY_WAIT_S)

        assert [one.name for one in ground.listed()] == ["other"]
        assert {one["problem"] for one in ground.report["findings"]} <= {"dump-drift"}
        assert {step for step, _ in ground.acts()} <= {"kill-all"}


def test_a_daemon_of_its_own_is_not_taken_for_one_in_the_foreground_and_the_note_goes(
    ground: Ground, tmp_path: Path
) -> None:
    ground.home.start_app("web")
    daemon = ground.home.daemon_pid()
    assert daemon is not None
    note(tmp_path, foreground=True)
    note(tmp_path, foreground=True)
    assert (tmp_path / "foreground").exists()
    note(tmp_path, foreground=in_foreground(daemon))

    assert list(tmp_path.iterdir()) == []
