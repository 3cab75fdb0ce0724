"""The PM2 guard where PM2, its home or the disk is not as it should be."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from automation.core.errors import RecordNewer
from tests.guarding import LONGER_THAN_ANY_WAIT_S, SCRIPT, Ground, Watch, eventually, webhook
from tests.integration.test_pm2_daemon_kin import hanging
from tests.real_pm2 import VERSIONS, Pm2Home

pytestmark = pytest.mark.timeout(60)
each_version = pytest.mark.parametrize("pm2_version", VERSIONS, indirect=True)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")

NOBODY = 65534
# Without capabilities root is held to the permission bits, as everybody else is.
POWERLESS = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--")


@pytest.fixture
def ground(pm2_home: Pm2Home) -> Iterator[Ground]:
    ground = Ground(pm2_home)
    yield ground
    ground.client.close()


def powerless(ground: Ground, *words: str) -> subprocess.CompletedProcess[str]:
    before = POWERLESS if os.geteuid() == 0 else ()
    return subprocess.run(
        [*before, sys.executable, str(SCRIPT), "--workspace", str(ground.workspace), *words],
        env=ground.environment(),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def one_line(ran: subprocess.CompletedProcess[str], code: int, *parts: str) -> None:
    assert ran.returncode == code, ran.stdout + ran.stderr
    assert len(ran.stderr.splitlines()) == 1, ran.stderr
    for part in parts:
        assert part in ran.stderr


@pytest.mark.pm2
def test_s18_where_nobody_recorded_which_pm2_is_ours_no_daemon_is_started_and_a_human_is_told_once(
    ground: Ground,
) -> None:
    ground.home.start_app("web")
    with webhook() as (address, came), Watch(ground, REDUNDANCY_WEBHOOK=address) as watch:
        watch.look()
        ground.home.end_daemon(signal.SIGKILL)

        def told() -> bool:
            """Wait for the message before time is skipped: its sender has a limit."""
            due = bool(ground.report["recovery"]["needsHuman"])
            return due and bool(eventually("a message", lambda: came))

        watch.until("a human is told", told, skip_s=LONGER_THAN_ANY_WAIT_S)
        watch.look(times=4, skip_s=60)

        assert [message["problem"] for message in came] == ["daemon-dead"]
        assert ground.report["status"] == "critical"
        assert ground.report["score"] == 0.0
        assert ground.report["daemon"]["alive"] is False
        assert {one["ok"] for one in ground.audit if one["event"] == "acted"} == {False}
        assert "start-enhanced-redundancy.sh" in ground.report["recovery"]["recent"][-1]["detail"]
        assert ground.home.daemon_pid() is None


@pytest.mark.pm2
@each_version
@pytest.mark.parametrize("end", ["pm2 kill", "SIGTERM"])
def test_s14_a_daemon_that_ended_in_order_has_ended_and_nobody_is_alarmed(ground: Ground, end: str) -> None:
    ground.home.start_app("web")
    with Watch(ground) as watch:
        watch.look()
        if end == "SIGTERM":
            ground.home.end_daemon(signal.SIGTERM)
        else:
            ground.home.cli("kill")
        # A look in the very moment of its end is `unknown`, and such a report names no daemon.
        watch.until("it is gone", lambda: ground.report.get("daemon", {}).get("alive") is False)
        watch.leaves_alone()

        assert [one["problem"] for one in ground.report["findings"]] == ["daemon-ended"]
        assert ground.report["recovery"]["needsHuman"] == []
        assert ground.home.daemon_pid() is None


@pytest.mark.pm2
def test_s14_a_daemon_of_an_earlier_boot_did_not_end_in_order(ground: Ground) -> None:
    ground.home.start_app("web")
    with Watch(ground) as watch:
        watch.look()
    ground.home.cli("kill")
    roster = ground.home.path / "redundancy" / "roster.json"
    roster.write_text(json.dumps(json.loads(roster.read_text("utf-8")) | {"bootId": "another"}), "utf-8")

    with Watch(ground) as watch:
        watch.look()
        first = [one["problem"] for one in ground.report["findings"]]
        watch.look(times=2, skip_s=16)

        assert first == ["daemon-missing"]
        assert [one["problem"] for one in ground.report["findings"]] == ["daemon-dead"]


@pytest.mark.pm2
def test_s2_a_daemon_that_hangs_is_not_down_but_unknown(ground: Ground) -> None:
    ground.home.start_app("web")
    with Watch(ground) as watch:
        watch.look()
        with hanging(ground.home.daemon_pid() or 0):
            watch.look()
            hung = ground.report
        watch.look()

        assert hung["status"] == "unknown"
        assert hung["score"] == 1.0
        assert "did not answer" in hung["findings"][0]["message"]
        assert ground.report["status"] == "healthy"


@pytest.mark.pm2
def test_s2_a_living_daemon_whose_socket_was_removed_is_unknown(ground: Ground) -> None:
    ground.home.start_app("web")
    (ground.home.path / "rpc.sock").rename(ground.home.path / "moved.sock")
    try:
        ran = ground.run("check")
    finally:
        (ground.home.path / "moved.sock").rename(ground.home.path / "rpc.sock")

    assert ran.returncode == 3
    assert "does not listen" in ran.stdout


def test_a_home_in_which_no_pm2_ever_lived_has_nothing_to_guard(ground: Ground) -> None:
    ground.home.path.mkdir()

    ran = ground.run("check")

    assert ran.returncode == 0
    assert "nothing to guard" in ran.stdout
    assert list(ground.home.path.iterdir()) == []


def test_a_stale_socket_without_a_pid_file_is_no_daemon(ground: Ground) -> None:
    ground.home.path.mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(ground.home.path / "rpc.sock"))

    assert ground.run("check").returncode == 0


def test_a_home_that_is_missing_is_named_and_not_made(ground: Ground) -> None:
    for words in ("start", "check", "recovery"):
        one_line(ground.run(words), 3, str(ground.home.path), "no such folder")

    assert not ground.home.path.exists()
    assert ground.run("doctor").returncode == 1


def test_a_home_that_cannot_be_entered_is_named(ground: Ground) -> None:
    ground.home.path.mkdir(mode=0o000)
    try:
        one_line(powerless(ground, "check"), 3, str(ground.home.path))
        started = powerless(ground, "start")
        doctor = powerless(ground, "doctor")
    finally:
        ground.home.path.chmod(0o700)

    assert started.returncode in {1, 3}
    assert "Traceback" not in started.stderr + doctor.stderr
    assert doctor.returncode == 1


def test_a_home_that_cannot_be_written_is_named(ground: Ground) -> None:
    ground.home.path.mkdir(mode=0o500)

    one_line(powerless(ground, "start"), 1, str(ground.home.path), "ermission denied")
    assert powerless(ground, "check").returncode == 0


@as_root
def test_s18_a_user_who_owns_neither_home_nor_workspace_changes_nothing(ground: Ground) -> None:
    ground.home.path.mkdir()
    for path in (ground.home.path, ground.workspace):
        os.chown(path, NOBODY, NOBODY)

    for words in (["start"], ["pause"], ["resume"], ["recovery"]):
        one_line(ground.run(*words), 3, "owns neither")
    assert ground.run("check").returncode == 0
    assert list(ground.workspace.iterdir()) == list(ground.home.path.iterdir()) == []


@pytest.mark.pm2
def test_a_disk_that_is_full_stops_all_acts_until_there_is_room(ground: Ground) -> None:
    ground.home.start_app("bystander")
    with ground.started() as guard:
        resource.prlimit(guard.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        broken = ground.fragile("web")
        ground.wait_for("web", "errored")
        broken.unlink()
        cycle = ground.report["cycle"]
        cpu_s = ticks_of(guard.pid)
        eventually("it goes on looking", lambda: ticks_of(guard.pid) > cpu_s + 1)

        assert guard.poll() is None
        assert ground.one("web").status == "errored"
        assert ground.report["cycle"] == cycle
        resource.prlimit(guard.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        ground.wait_for("web", "online")

    assert ground.acts() == [("restart", "web")]


def ticks_of(pid: int) -> int:
    """Return the processor time that a process has used, in clock ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@pytest.mark.pm2
def test_a_memory_that_is_damaged_is_kept_and_every_stop_counts_as_a_persons(ground: Ground) -> None:
    ground.home.start_app("web")
    with Watch(ground) as watch:
        watch.look()
        ground.client.stop(ground.one("web").pm_id)
    own = ground.home.path / "redundancy"
    for name in ("intents.json", "roster.json", "recreation.json"):
        (own / name).write_text('{"schema": 1, "daemon": [', "utf-8")

    with Watch(ground) as watch:
        watch.leaves_alone()

        assert watch.intent("web") == "stopped-unseen"
        assert (own / "intents.json.damaged").read_text("utf-8") == '{"schema": 1, "daemon": ['
        assert [one["env"]["name"] for one in ground.kept("roster.json")["entries"]] == ["web"]


@pytest.mark.pm2
@pytest.mark.parametrize("name", ["intents.json", "roster.json"])
def test_s32_the_memory_of_a_newer_version_is_left_as_it_is(ground: Ground, name: str) -> None:
    ground.home.start_app("web")
    own = ground.home.path / "redundancy"
    own.mkdir(mode=0o700)
    (own / name).write_text('{"schema": 2}', "utf-8")

    with pytest.raises(RecordNewer), Watch(ground) as watch:
        watch.look()

    assert (own / name).read_text("utf-8") == '{"schema": 2}'


@pytest.mark.pm2
@pytest.mark.parametrize("when", ["idle", "in a step"])
def test_sigterm_ends_the_guard_after_its_step_and_nothing_is_lost(ground: Ground, when: str) -> None:
    broken = ground.fragile("web")
    ground.wait_for("web", "errored")
    broken.unlink()
    with ground.started() as guard:
        if when == "idle":
            ground.wait_for("web", "online")
        else:
            eventually("it acts", ground.acts)
        guard.send_signal(signal.SIGTERM)

        assert guard.wait(15) == 0

    assert ground.one("web").status == "online"
    assert [one["event"] for one in ground.audit] == ["act", "acted"]
    assert ground.report["stopped"]["reason"] == "signal"
