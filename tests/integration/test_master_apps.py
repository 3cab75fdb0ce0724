"""The master and the suite's apps in a real PM2: restarted, stopped, and nobody else's touched."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from automation.core.errors import LookFailed, StepRefused
from automation.ports.clock import SystemClock
from automation.ports.commands import Ran, SystemCommands
from automation.ports.locks import take_lock
from automation.stores import installation
from automation.systems.master import SYSTEM
from automation.systems.master import apps as apps_module
from automation.systems.master.apps import Apps, apps
from automation.systems.master.peers import PEERS
from tests.launch_ground import eventually, listed
from tests.master_ground import Ground, make_ground, peer_of
from tests.real_pm2 import NODE, Pm2Home, pm2_script

pytestmark = [pytest.mark.pm2, pytest.mark.timeout(90)]

FAST = {"REDUNDANCY_CHECK_INTERVAL": "1s", "LAMP_INTERVAL": "1s"}
PM2_APP, MASTER_APP = PEERS[0].app, SYSTEM.app


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pm2_home: Pm2Home) -> Iterator[Ground]:
    """Give a workspace whose installation names this PM2."""
    made = make_ground(tmp_path, monkeypatch)
    monkeypatch.setenv("PM2_HOME", str(pm2_home.path))
    monkeypatch.delenv("PM2_DAEMON_RPC_PORT", raising=False)
    made.environment["PM2_HOME"] = str(pm2_home.path)
    made.guard("pm2", hall="on")
    yield made
    if pm2_home.daemon_pid() is not None:
        pm2_home.end_daemon()


def install(ground: Ground, pm2_home: Pm2Home, *names: str) -> None:
    """Start apps of the suite in PM2, and write the installation down."""
    here = installation.Installation(
        uuid="u",
        uid=os.getuid(),
        pm2_home=str(pm2_home.path),
        node=str(NODE),
        pm2=str(pm2_script(pm2_home.version)),
        workspace=str(ground.workspace),
        suite=str(ground.suite.parent),
        created_at="2026-11-24T10:15:00.000Z",
    )
    scripts = {peer.app: peer.script for peer in PEERS} | {MASTER_APP: SYSTEM.script}
    rows = [
        {
            "name": name,
            "script": str(ground.suite / scripts[name]),
            "args": ["--workspace", str(ground.workspace), "start"],
            "interpreter": sys.executable,
            "stop_exit_codes": [3],
            "kill_timeout": 1500,
            "env": FAST,
        }
        for name in names
    ]
    file = ground.suite / "apps.json"
    file.write_text(json.dumps({"apps": rows}), "utf-8")
    ran = pm2_home.cli("start", file)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    ground.context(SystemClock())
    installation.record(here, ground.logs)


def env_of(pm2_home: Pm2Home, name: str) -> dict[str, Any]:
    """Return what PM2 says of an app."""
    said: dict[str, Any] = listed(pm2_home)[name]["pm2_env"]
    return said


def status_of(pm2_home: Pm2Home, name: str) -> str:
    """Return an app's status."""
    return str(env_of(pm2_home, name)["status"])


def guard_report(ground: Ground, name: str = "pm2") -> dict[str, Any]:
    """Return a guard's report; empty before there is one."""
    path = ground.logs / peer_of(name).report
    said: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return said


def ours(ground: Ground) -> Apps:
    """Return the apps as a step of the master has them."""
    context = ground.context(SystemClock())
    return apps(context)


def test_s6_a_guard_that_was_stopped_is_restarted_and_sigkilled_apps_come_back(
    ground: Ground, pm2_home: Pm2Home
) -> None:
    install(ground, pm2_home, PM2_APP, MASTER_APP)
    eventually("both have reported", lambda: guard_report(ground) and (ground.logs / SYSTEM.report).exists())
    pm2_home.cli("stop", PM2_APP)
    eventually("it runs again", lambda: status_of(pm2_home, PM2_APP) == "online", 30.0)
    eventually(
        "the new one reports", lambda: guard_report(ground)["pid"] == listed(pm2_home)[PM2_APP]["pid"], 15.0
    )
    stopped_acts = [one for one in ground.audit() if one["step"] == "restart-guard"]
    killed = {name: listed(pm2_home)[name]["pid"] for name in (PM2_APP, MASTER_APP)}
    for one in killed.values():
        os.kill(one, signal.SIGKILL)

    def back() -> bool:
        now = listed(pm2_home)
        return all(now[name]["pid"] not in {0, was} for name, was in killed.items())

    eventually("PM2 has started both again", back, 20.0)

    assert [one["event"] for one in stopped_acts] == ["act", "acted"]
    assert stopped_acts[1]["ok"] is True


def test_s6_a_guard_that_hangs_is_restarted(ground: Ground, pm2_home: Pm2Home) -> None:
    install(ground, pm2_home, PM2_APP, MASTER_APP)
    eventually("both have reported", lambda: guard_report(ground) and (ground.logs / SYSTEM.report).exists())
    hung = listed(pm2_home)[PM2_APP]["pid"]
    os.kill(hung, signal.SIGSTOP)

    eventually("another one runs", lambda: listed(pm2_home)[PM2_APP]["pid"] not in {hung, 0}, 40.0)
    eventually("it reports", lambda: guard_report(ground)["pid"] != hung, 15.0)


def test_s31_a_shutdown_stops_exactly_ours_and_is_recorded_first(
    ground: Ground, pm2_home: Pm2Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(ground, pm2_home, PM2_APP, MASTER_APP)
    other = tmp_path / "elsewhere" / "automation"
    other.mkdir(parents=True)
    (other / PEERS[1].script).write_text("import time\ntime.sleep(600)\n", "utf-8")
    pm2_home.start_app(PEERS[1].app, other / PEERS[1].script, f"--interpreter={sys.executable}")
    pm2_home.start_app("bystander")

    assert ground.run("shutdown") == 0
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == [f"stopped {MASTER_APP}", f"{PEERS[2].app} was not running"]
    assert f"stopped {PM2_APP}" in said
    assert {name: entry["pm2_env"]["status"] for name, entry in listed(pm2_home).items()} == {
        PM2_APP: "stopped",
        MASTER_APP: "stopped",
        PEERS[1].app: "online",  # another suite's, of the same name
        "bystander": "online",
    }
    stops = [(one["event"], one["subject"]) for one in ground.audit() if one["step"] == "stop"]
    assert stops[:2] == [("act", MASTER_APP), ("acted", MASTER_APP)]
    assert ground.run("shutdown") == 0


def test_s31_a_guard_that_pm2_starts_during_a_shutdown_is_passive_and_one_by_hand_ends_it(
    ground: Ground, pm2_home: Pm2Home
) -> None:
    install(ground, pm2_home, PM2_APP)
    ground.run("shutdown")
    pm2_home.cli("restart", PM2_APP)  # a resurrect keeps the environment as it was
    eventually("it is passive", lambda: guard_report(ground).get("mode") == "shutdown")
    pm2_home.cli("stop", PM2_APP)
    recorded = ground.layout.shutdown.exists()
    with ground.program("start") as by_hand:
        eventually("the master has looked", (ground.logs / SYSTEM.report).exists)
        by_hand.terminate()
        by_hand.wait(15)

    assert recorded
    assert not ground.layout.shutdown.exists()
    assert ground.report()["mode"] == "active"


def test_s5_a_guard_that_refused_its_settings_needs_a_human(ground: Ground, pm2_home: Pm2Home) -> None:
    ground.script("pm2", "raise SystemExit(3)\n")
    install(ground, pm2_home, PM2_APP)
    eventually("it has stopped", lambda: status_of(pm2_home, PM2_APP) == "stopped")

    with pytest.raises(StepRefused, match="refused its settings"):
        ours(ground).restart(PM2_APP)
    assert status_of(pm2_home, PM2_APP) == "stopped"


def test_what_pm2_does_not_have_is_refused_with_the_way_out(ground: Ground, pm2_home: Pm2Home) -> None:
    install(ground, pm2_home, PM2_APP)

    with pytest.raises(StepRefused, match="start script"):
        ours(ground).restart(PEERS[1].app)
    assert not ours(ground).stop(PEERS[1].app)


def test_acts_on_pm2_wait_for_the_daemons_lock_and_a_busy_one_stops_nothing(
    ground: Ground,
    pm2_home: Pm2Home,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(apps_module, "LOCK_WAIT_S", 0.2)
    install(ground, pm2_home, PM2_APP)
    held = take_lock(pm2_home.path / "redundancy" / "daemon.lock", purpose="a test", since="now")
    status = ground.run("shutdown")
    held.release()

    assert status == 1
    assert f"not stopped: {PM2_APP}: daemon.lock is held by pid {os.getpid()}" in capsys.readouterr().err
    assert status_of(pm2_home, PM2_APP) == "online"


def test_no_daemon_is_ever_started(
    ground: Ground, pm2_home: Pm2Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ground.run("shutdown") == 0
    assert "PM2 is not running" in capsys.readouterr().out
    with pytest.raises(StepRefused, match="PM2 is not running"):
        ours(ground).restart(PM2_APP)
    assert pm2_home.daemon_pid() is None
    assert not pm2_home.path.exists()


def test_s18_a_damaged_installation_record_lets_nothing_be_done(ground: Ground, pm2_home: Pm2Home) -> None:
    install(ground, pm2_home, PM2_APP)
    installation.workspace_path(ground.logs).write_text("torn {", "utf-8")

    with pytest.raises(StepRefused, match="which PM2 is ours"):
        ours(ground).restart(PM2_APP)


def test_a_list_that_is_none_is_said(ground: Ground, pm2_home: Pm2Home) -> None:
    class Babbling(SystemCommands):
        def output(self, *argv: str, **_: Any) -> str:  # noqa: ANN401  # as the port
            return Ran(0, f"{argv[-1]} what?", "").stdout

    install(ground, pm2_home, PM2_APP)

    with pytest.raises(LookFailed, match="no list of apps"):
        Apps(ground.context(SystemClock()), Babbling(), ground.suite).restart(PM2_APP)
