"""Starting, showing and stopping the suite's own apps, on a real PM2 with a small suite."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from automation.launch import patience
from automation.launch.__main__ import main
from automation.launch.apps import TABLE
from automation.launch.doors import Doors
from automation.launch.places import locate
from automation.launch.starting import wait_for_reports
from automation.ports.clock import SteppedClock, SystemClock
from automation.ports.commands import SystemCommands
from automation.ports.locks import locked
from automation.stores import shutdowns
from automation.systems.pm2.wire.client import Pm2Client
from tests.launch_ground import GUARD, bystander, eventually, listed, pm2_home, small_suite
from tests.real_pm2 import NODE, Pm2Home, pm2_script

pytestmark = [pytest.mark.pm2, pytest.mark.timeout(60)]


@dataclass
class Ground:
    """A small suite, a PM2 home, and what the last run said."""

    pm2: Pm2Home
    suite: Path
    capsys: pytest.CaptureFixture[str]
    said: str = ""
    complained: str = ""

    def launch(self, *words: str, **variables: str) -> int:
        """Do what the start script hands over; returns the exit status."""
        program = str(pm2_script(self.pm2.version))
        status = main([str(NODE), program, *words], self.pm2.environment | variables, self.suite)
        self.said, self.complained = self.capsys.readouterr()
        return status

    def pid(self) -> int:
        """Return the guard's pid as PM2 has it."""
        pid: int = listed(self.pm2)[GUARD]["pid"]
        return pid


@pytest.fixture
def ground(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Ground]:
    with pm2_home() as pm2:
        yield Ground(pm2, small_suite(tmp_path / "suite"), capsys)


def test_a_start_shows_a_fresh_report_and_a_second_one_changes_nothing(ground: Ground) -> None:
    assert ground.launch() == 0
    first, pid = ground.said, ground.pid()

    assert ground.launch() == 0

    assert [line.split()[:4] for line in first.splitlines()] == [
        ["NAME", "PM2", "STATUS", "SCORE"],
        [GUARD, "online", "healthy", "1.00"],
    ]
    assert ground.pid() == pid


def test_the_installation_is_recorded_twice_for_its_owner_alone(ground: Ground) -> None:
    ground.launch()

    places = [ground.suite / "logs" / "state", ground.pm2.path / "redundancy"]
    records = [json.loads((place / "installation.json").read_text("utf-8")) for place in places]
    assert records[0] == records[1]
    assert records[0]["workspace"] == str(ground.suite)
    assert records[0]["node"] == str(NODE)
    assert [oct(place.stat().st_mode & 0o777) for place in places] == ["0o700", "0o700"]
    assert {(place / "installation.json").stat().st_mode & 0o777 for place in places} == {0o600}


def test_stop_takes_away_ours_and_leaves_the_others(ground: Ground, tmp_path: Path) -> None:
    other = bystander(ground.pm2, tmp_path / "other.js")
    ground.launch()

    assert ground.launch("--stop") == 0

    assert {name: entry["pid"] for name, entry in listed(ground.pm2).items()} == {"bystander": other}
    assert ground.said == f"stopped {GUARD}\n"
    assert ground.launch("--stop") == 0
    assert ground.said == "nothing of ours was running\n"


def test_ensure_is_silent_when_nothing_is_missing_and_starts_what_is(ground: Ground) -> None:
    assert ground.launch("--ensure") == 0
    assert ground.said == f"started {GUARD}\n"
    assert ground.launch("--ensure") == 0
    assert ground.said == ground.complained == ""


def test_ensure_leaves_a_recorded_shutdown_and_a_start_ends_it(ground: Ground) -> None:
    (ground.suite / "idle").touch()
    recorded = ground.suite / "logs" / "state" / "shutdown.json"
    recorded.parent.mkdir(mode=0o700)
    shutdowns.record(recorded, 0.0, "a person")
    ground.launch("--ensure")
    kept = recorded.exists()
    passive, pid = listed(ground.pm2)[GUARD]["pm2_env"], ground.pid()
    ground.launch("--ensure")
    untouched = ground.pid()

    ground.launch()

    assert kept
    assert not recorded.exists()
    assert "REDUNDANCY_STARTED_AT" not in passive
    assert untouched == pid
    assert ground.pid() != pid
    assert "REDUNDANCY_STARTED_AT" in listed(ground.pm2)[GUARD]["pm2_env"]


def test_an_app_that_refuses_its_settings_is_said_and_not_retried_by_ensure(ground: Ground) -> None:
    (ground.suite / "refuse").touch()

    assert ground.launch() == 1
    assert (
        f"{GUARD} refused its settings; see {ground.suite}/logs/enhanced-pm2-error.log" in ground.complained
    )
    assert ground.launch("--ensure") == 1
    assert "was left stopped" in ground.complained
    (ground.suite / "refuse").unlink()
    assert ground.launch() == 0


def test_restart_brings_new_settings(ground: Ground) -> None:
    ground.launch()
    pid = ground.pid()

    assert ground.launch("--restart", "--only", GUARD, PM2_MAX_RESTARTS="9") == 0

    assert ground.pid() != pid
    assert listed(ground.pm2)[GUARD]["pm2_env"]["PM2_MAX_RESTARTS"] == "9"


def test_names_of_the_old_suite_are_refused_with_the_way_out(ground: Ground, tmp_path: Path) -> None:
    pid = bystander(ground.pm2, tmp_path / "automation" / "enhanced-pm2-redundancy.js", GUARD)

    assert ground.launch() == 3

    assert ground.pid() == pid
    assert "the old JavaScript suite" in ground.complained
    assert "pm2 delete 0" in ground.complained
    assert ground.launch("--stop") == 0
    assert ground.pid() == pid


def test_a_second_suite_is_refused_until_the_first_one_lets_go(ground: Ground, tmp_path: Path) -> None:
    ground.launch()
    pid, first = ground.pid(), ground.suite
    ground.suite = small_suite(tmp_path / "second")

    assert ground.launch() == 3
    assert f"{first}/automation/start-enhanced-redundancy.sh --stop" in ground.complained
    assert ground.pid() == pid
    ground.suite = first
    ground.launch("--stop")
    ground.suite = tmp_path / "second"
    assert ground.launch() == 0


def test_a_copy_of_the_folder_is_a_second_suite(ground: Ground, tmp_path: Path) -> None:
    ground.launch()
    pid = ground.pid()
    ground.suite = shutil.copytree(ground.suite, tmp_path / "copy", symlinks=True)

    assert ground.launch() == 3
    assert ground.pid() == pid


def test_a_moved_folder_is_followed(ground: Ground, tmp_path: Path) -> None:
    ground.launch()
    pid, uuid = ground.pid(), (ground.suite / "logs/state/installation.json").read_text("utf-8").split('"')[5]
    ground.suite = ground.suite.rename(tmp_path / "moved")

    assert ground.launch() == 0

    entry = listed(ground.pm2)[GUARD]
    assert entry["pid"] != pid
    assert entry["pm2_env"]["pm_exec_path"] == str(tmp_path / "moved" / "automation" / TABLE[0].script)
    assert uuid in (ground.suite / "logs/state/installation.json").read_text("utf-8")


def test_a_moved_folder_can_be_stopped(ground: Ground, tmp_path: Path) -> None:
    ground.launch()
    ground.suite = ground.suite.rename(tmp_path / "moved")

    assert ground.launch("--stop") == 0

    assert listed(ground.pm2) == {}


def test_one_of_ours_that_is_stopped_is_taken_away_too(ground: Ground) -> None:
    ground.launch()
    ground.pm2.cli("stop", GUARD)

    assert ground.launch("--stop") == 0

    assert listed(ground.pm2) == {}


def test_a_twin_that_is_damaged_holds_nobody(ground: Ground) -> None:
    ground.launch()
    (ground.pm2.path / "redundancy" / "installation.json").write_text("{", "utf-8")

    with pm2_home() as other:
        status = ground.launch(PM2_HOME=str(other.path))
        moved_to = set(listed(other))

    assert status == 0
    assert moved_to == {GUARD}


def test_another_pm2_home_is_refused_while_the_recorded_one_holds_us(ground: Ground, tmp_path: Path) -> None:
    ground.launch()

    assert ground.launch(PM2_HOME=str(tmp_path / "home")) == 3
    assert f"is installed for PM2_HOME={ground.pm2.path}" in ground.complained
    assert not (tmp_path / "home").exists()


def test_the_recorded_pm2_home_is_used_where_the_environment_names_none(ground: Ground) -> None:
    ground.launch()
    pid = ground.pid()

    assert ground.launch(PM2_HOME="") == 0

    assert ground.pid() == pid


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders away")
def test_a_user_who_owns_neither_home_nor_workspace_may_change_nothing(ground: Ground) -> None:
    ground.pm2.path.mkdir()
    for folder in (ground.pm2.path, ground.suite):
        os.chown(folder, 12345, 12345)

    assert ground.launch() == 3

    assert "owns neither" in ground.complained
    assert listed(ground.pm2) == {}


def test_status_shows_what_is_not_started_and_changes_nothing(ground: Ground) -> None:
    assert ground.launch("--status") == 3

    assert [line.split()[:4] for line in ground.said.splitlines()[1:]] == [
        [GUARD, "not", "started", "unknown"]
    ]
    assert not (ground.suite / "logs" / "state").exists()
    assert not ground.pm2.path.exists()


def test_status_of_a_daemon_that_cannot_be_understood_is_unknown(ground: Ground) -> None:
    def answer_garbage() -> None:
        with server.accept()[0] as peer:
            peer.sendall(b"\xff" * 64)

    ground.pm2.path.mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(ground.pm2.path / "rpc.sock"))
        server.listen()
        answering = threading.Thread(target=answer_garbage)
        answering.start()
        status = ground.launch("--status")
        answering.join(5)

    assert status == 3
    assert len(ground.complained.splitlines()) == 1


@pytest.mark.parametrize("words", [("--only", "nope"), ("--stop", "--restart"), ("now",)])
def test_wrong_words_are_refused(ground: Ground, words: tuple[str, ...]) -> None:
    assert ground.launch(*words) == 3
    assert len(ground.complained.splitlines()) == 1


def test_whoever_holds_the_daemon_is_named(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("automation.launch.doors.LOCK_TIMEOUT_S", 0.1)
    (ground.pm2.path / "redundancy").mkdir(parents=True)

    with locked(ground.pm2.path / "redundancy" / "daemon.lock", purpose="a restore", since="now"):
        status = ground.launch()

    assert status == 75
    assert "for a restore" in ground.complained


def test_a_pm2_that_cannot_start_is_said_in_one_line(ground: Ground) -> None:
    (ground.suite / "ecosystem.enhanced-redundancy.config.cjs").write_text("syntax error", "utf-8")

    assert ground.launch() == 1
    assert ground.complained.startswith("pm2 start exited with status 1")
    assert len(ground.complained.splitlines()) == 1


def test_a_damaged_record_is_said_and_nothing_is_started(ground: Ground) -> None:
    (ground.suite / "logs" / "state").mkdir()
    (ground.suite / "logs" / "state" / "installation.json").write_text("{", "utf-8")

    assert ground.launch() == 1
    assert "installation.json: not JSON; remove it" in ground.complained
    assert listed(ground.pm2) == {}


def test_an_app_that_never_reports_is_waited_for_no_longer_than_a_minute(ground: Ground) -> None:
    ground.launch()
    places = locate(ground.suite, ground.pm2.environment, str(NODE), "pm2")
    clock = SteppedClock()
    with closing(Pm2Client(places.pm2_home, SystemClock(), {})) as pm2:
        doors = Doors(clock, SystemCommands(), pm2, {})
        (line,) = wait_for_reports(places, doors, TABLE[:1], since_s=4_000_000_000.0)

    assert "has written no report within 60 s" in line
    assert clock.elapsed_s() == pytest.approx(1060.0, abs=1.0)


def test_a_running_pm2_command_of_this_home_is_waited_out(ground: Ground) -> None:
    ground.launch()
    other = SteppedClock()
    assert patience.wait_out_commands(other, ground.pm2.path, Path("/"))
    assert other.elapsed_s() == 1000.0


def test_ensure_sees_the_pm2_command_of_its_own_home(ground: Ground, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    config = tmp_path / "slow.config.js"
    config.write_text(f'require("fs").writeFileSync("{ready}", ""); for (;;) {{}}', "utf-8")
    with subprocess.Popen(
        [NODE, pm2_script("7"), "start", config],
        env=ground.pm2.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as command:
        try:
            eventually("the command is busy", ready.exists)

            assert patience.command_lives(ground.pm2.path, Path("/"))
            assert not patience.command_lives(tmp_path, Path("/"))
            assert not patience.wait_out_commands(SteppedClock(), ground.pm2.path, Path("/"))
        finally:
            command.kill()
