"""Required apps that PM2 does not list: started as they were saved, or as their file says (safety S12)."""

from __future__ import annotations

import json
import os
import signal
import subprocess

import pytest

from automation.core.errors import EffectFailed
from automation.systems.pm2.ecosystem.starting import refuse_while_others_are_at_work
from tests.guarding import LONGER_THAN_ANY_WAIT_S, Ground, Watch, eventually
from tests.integration.test_pm2_ecosystem import app, apps, findings, ground, start, write
from tests.real_pm2 import NODE, pm2_script

__all__ = ["ground"]
pytestmark = [pytest.mark.pm2, pytest.mark.timeout(90)]
STEP = "start-from-ecosystem"


@pytest.fixture(autouse=True)
def required(ground: Ground) -> None:  # the fixture
    """Let settings require `web`."""
    (ground.workspace / "automation").mkdir()
    path = ground.workspace / "automation" / "redundancy-config.json"
    path.write_text(json.dumps({"pm2": {"processes": ["web"]}}), "utf-8")


def problems(ground: Ground) -> set[str]:  # the fixture
    return {one["problem"] for one in ground.report["findings"] if one["subject"] == "web"}


def test_s12_a_required_app_that_was_never_started_is_started_from_its_file_after_a_minute(
    ground: Ground,  # the fixture
) -> None:
    ground.home.start_app("other")
    write(ground, apps({"name": '"web"', "env": '{ COLOUR: "red" }'}, {"name": '"not-required"'}))
    with Watch(ground) as watch:
        findings(watch)
        watch.look(times=3, skip_s=10.0)
        assert problems(ground) == {"required-missing"}
        assert ground.audit == []

        watch.look(times=3, skip_s=LONGER_THAN_ANY_WAIT_S)
        assert ground.acts() == [(STEP, "web")]
        assert ground.audit[-1]["detail"] == "started web from ecosystem.config.js (1 of it)"
        web = ground.wait_for("web", "online")
        assert ground.entry(web.pm_id)["pm2_env"]["COLOUR"] == "red"
        watch.look()
        assert problems(ground) == set()
        assert ground.report["recovery"]["needsHuman"] == []
    assert sorted(one.name for one in ground.listed()) == ["other", "web"]


def test_s13_a_required_app_that_was_deleted_by_hand_is_not_started_not_even_under_the_next_daemon(
    ground: Ground,  # the fixture
) -> None:
    ground.home.start_app("other")
    write(ground, app())
    start(ground)
    with Watch(ground) as watch:
        findings(watch)
        watch.look(times=2)
        ground.home.cli("delete", "web")
        watch.look(times=4, skip_s=40.0)
        assert problems(ground) == {"required-deleted"}
        ground.home.end_daemon()
        watch.until("a daemon is back", ground.home.daemon_pid)
        watch.look(times=5, skip_s=LONGER_THAN_ANY_WAIT_S)

        assert problems(ground) == {"required-deleted"}
        assert STEP not in {step for step, _ in ground.acts()}
        assert [one.name for one in ground.listed()] == ["other"]


def test_s11_one_that_pm2_saved_is_started_as_it_was_saved(
    ground: Ground,  # the fixture
) -> None:
    ground.home.start_app("other")
    write(ground, app(env='{ COLOUR: "red" }', env_production='{ COLOUR: "blue" }'))
    start(ground, "--env", "production")
    ground.home.cli("save")
    ground.home.cli("kill")
    ground.home.start_app("other")
    with Watch(ground) as watch:
        findings(watch)
        watch.look(times=3, skip_s=LONGER_THAN_ANY_WAIT_S)

        assert ground.acts() == [(STEP, "web")]
        assert ground.audit[-1]["detail"] == "started web as PM2's saved list has it (1 of it)"
    web = ground.wait_for("web", "online")
    assert ground.entry(web.pm_id)["pm2_env"]["COLOUR"] == "blue"
    assert sorted(one.name for one in ground.listed()) == ["other", "web"]


def test_s16_nothing_is_started_while_a_pm2_command_is_under_way(
    ground: Ground,  # the fixture
) -> None:
    ground.home.start_app("other")
    daemon = ground.home.daemon_pid()
    assert daemon is not None
    with Watch(ground) as watch:
        os.kill(daemon, signal.SIGSTOP)
        with subprocess.Popen(
            [NODE, pm2_script(ground.home.version), "restart", "other"],
            env=ground.home.environment,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        ) as command:
            try:
                eventually("it is seen", watch.observer.watch.commands)
                with pytest.raises(EffectFailed, match=rf"under way \(pid {command.pid}\)"):
                    refuse_while_others_are_at_work(watch.observer)
            finally:
                command.kill()
                os.kill(daemon, signal.SIGCONT)
        watch.observer.watch.forget_scene()
        refuse_while_others_are_at_work(watch.observer)
