"""PM2's daemon dies, and each app comes back as it was, exactly once."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from automation.ports.process import alive
from automation.systems.pm2 import SYSTEM
from automation.systems.pm2.daemon.suspects import survey
from tests.guarding import Ground, Watch, eventually
from tests.real_pm2 import VERSIONS, Pm2Home

pytestmark = [pytest.mark.pm2, pytest.mark.timeout(90)]
each_version = pytest.mark.parametrize("pm2_version", VERSIONS, indirect=True)

PYTHON = "import time\nwhile True: time.sleep(1)\n"


@pytest.fixture
def ground(pm2_home: Pm2Home) -> Iterator[Ground]:
    ground = Ground(pm2_home)
    ground.install()
    yield ground
    ground.client.close()


def python_app(ground: Ground, name: str, *flags: str) -> None:
    file = ground.home.apps / f"{name}.py"
    file.write_text(PYTHON, "utf-8")
    ground.home.start_app(name, file, "--interpreter=python3", *flags)


def shell_app(ground: Ground, name: str) -> None:
    file = ground.home.apps / f"{name}.sh"
    file.write_text("while true; do sleep 1; done\n", "utf-8")
    ground.home.start_app(name, file, "--interpreter=sh")


def as_it_was(ground: Ground) -> dict[str, str]:
    return {one.label: one.status for one in ground.listed()}


@each_version
def test_a_killed_daemon_is_replaced_and_each_app_is_as_it_was_once(ground: Ground) -> None:
    ground.home.start_app("web")
    ground.home.start_app("many", "setInterval(() => {}, 1000)\n", "-i", "2")
    python_app(ground, "worker")
    shell_app(ground, "shell")
    ground.home.start_app("stopped")
    ground.home.start_app("deleted")
    ground.home.cli("save")
    ground.home.cli("stop", "stopped")
    ground.home.cli("delete", "deleted")
    with Watch(ground) as watch:
        watch.look()
        before = as_it_was(ground)
        old_worker = ground.one("worker").pid
        ground.home.end_daemon(signal.SIGKILL)
        watch.until("PM2 is back", lambda: ground.report["status"] == "healthy")

        assert as_it_was(ground) == before
        assert not alive(old_worker)
        assert [step for step, _ in ground.acts()] == ["bring-back"]
    scene = survey(ground.home.path)
    assert [one.pid for one in scene.daemons] == [ground.home.daemon_pid()]
    roots = [one for one in scene.suspects if one.process.session == one.process.pid]
    assert all(one.under_daemon for one in roots)
    assert sorted(one.name for one in roots) == ["shell", "web", "worker"]


@each_version
def test_s9_the_guard_outlives_the_daemon_that_started_it_and_hands_over_to_its_own_new_copy(
    ground: Ground,
) -> None:
    ground.home.start_app("web")
    python_app(ground, "worker")
    ground.start_under_pm2(PM2_CHECK_INTERVAL="30s")
    first = ground.wait_for(SYSTEM.app, "online").pid
    eventually("it guards", lambda: ground.guarded_by(first))
    second = replaced(ground, first)
    third = replaced(ground, second)

    assert len({first, second, third}) == 3


def replaced(ground: Ground, guard: int) -> int:
    """Kill the daemon; see that all is as it was, and that another guard guards, whose pid is returned."""
    old = ground.home.end_daemon(signal.SIGKILL)
    eventually("there is a new daemon", lambda: ground.home.daemon_pid() not in {None, old})
    ground.home.remember()
    new = ground.wait_for(SYSTEM.app, "online").pid
    eventually("the new copy guards", lambda: ground.guarded_by(new))
    eventually("the old one has ended", lambda: not alive(guard))
    eventually("all is well", lambda: ground.report["status"] == "healthy")

    assert sorted(one.name for one in ground.listed()) == sorted(["web", "worker", SYSTEM.app])
    assert {one.status for one in ground.listed()} == {"online"}
    return new
