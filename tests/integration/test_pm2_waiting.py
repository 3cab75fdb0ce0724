"""Whom the guard waits for after the daemon's death, and who comes back although nobody guards it."""

from __future__ import annotations

import json
import signal
import subprocess
from contextlib import ExitStack
from functools import partial

import pytest

from automation.systems.pm2.daemon import waiting
from automation.systems.pm2.daemon.suspects import survey
from tests.guarding import Ground, Watch, eventually
from tests.real_pm2 import NODE

pytestmark = [pytest.mark.pm2, pytest.mark.timeout(90)]


def hanging_command(ground: Ground, stack: ExitStack) -> int:
    """Start what looks like a pm2 command and never ends, until the stack does."""
    script = ground.home.apps / "pm2"
    script.write_text("setInterval(() => {}, 1000)", "utf-8")
    child = stack.enter_context(
        subprocess.Popen([NODE, script, "list"], env=ground.home.environment, start_new_session=True)
    )
    stack.callback(child.kill)
    return child.pid


def test_pm2_commands_that_hang_one_after_the_other_put_recovery_off_for_a_while_at_most(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "LONGEST_S", 20.0)  # a command that looks a minute old is waited for no more
    ground.home.start_app("web")
    with Watch(ground) as watch, ExitStack() as stack:
        watch.look(times=2)
        ground.home.end_daemon(signal.SIGKILL)
        for _ in range(3):
            pid = hanging_command(ground, stack)
            eventually("it is seen", partial(_seen, ground, pid))
            watch.look()
            assert ground.acts() == []
            assert {one["problem"] for one in ground.report["findings"]} == {"daemon-missing"}
            ground.clock.skip(8.0)
        hanging_command(ground, stack)
        watch.until("it is back", ground.home.daemon_pid)

        assert ground.acts() == [("bring-back", "PM2")]
        assert [one.name for one in ground.listed()] == ["web"]


def _seen(ground: Ground, pid: int) -> bool:
    return pid in {one.pid for one in survey(ground.home.path).commands}


def test_after_the_daemons_death_apps_that_nobody_guards_come_back_too_but_are_not_restarted(
    ground: Ground,
) -> None:
    (ground.workspace / "automation").mkdir()
    path = ground.workspace / "automation" / "redundancy-config.json"
    path.write_text(json.dumps({"pm2": {"exclude": ["out"], "apps": {"off": {"ignore": True}}}}), "utf-8")
    ground.home.start_app("web")
    ground.home.start_app("out")
    broken = ground.fragile("off")
    broken.unlink()
    ground.home.cli("restart", "off")
    with Watch(ground) as watch:
        watch.look(times=2)
        ground.home.end_daemon(signal.SIGKILL)
        watch.until("all are back", lambda: ground.home.daemon_pid() and len(ground.listed()) == 3)
        broken.touch()
        ground.home.cli("restart", "off")
        ground.wait_for("off", "errored")
        watch.leaves_alone()

        assert [step for step, _ in ground.acts()] == ["bring-back"]
    assert {one.name: one.status for one in ground.listed()} == {
        "web": "online",
        "out": "online",
        "off": "errored",
    }
