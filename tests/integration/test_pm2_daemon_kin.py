"""What is not quite a death of PM2's daemon: it hangs, is out of reach, or there twice; and kill-all."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from automation.ports.process import alive
from automation.systems.pm2.daemon.suspects import survey
from automation.systems.pm2.process import processes
from automation.systems.pm2.wire import client
from tests.guarding import LONGER_THAN_ANY_WAIT_S, SCRIPT, Ground, Watch, eventually
from tests.integration.test_pm2_daemon_death import python_app
from tests.real_pm2 import VERSIONS

pytestmark = [pytest.mark.pm2, pytest.mark.timeout(90)]
each_version = pytest.mark.parametrize("pm2_version", VERSIONS, indirect=True)


def daemons(ground: Ground) -> list[int]:
    return [one.pid for one in survey(ground.home.path).daemons]


def is_well(ground: Ground, *names: str) -> None:
    """See that these apps run, each once, under the one daemon there is."""
    assert sorted(one.name for one in ground.listed()) == sorted(names)
    assert {one.status for one in ground.listed()} <= {"online"}
    assert daemons(ground) == [ground.home.daemon_pid()]
    roots = [one for one in survey(ground.home.path).suspects if one.process.session == one.process.pid]
    assert sorted(one.name for one in roots) == sorted(names)


PTRACE_ATTACH, PTRACE_DETACH = 16, 17


@contextmanager
def hanging(pid: int) -> Iterator[None]:
    """Let a process hang: alive, not stopped by a signal, and deaf to all."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
    if libc.ptrace(PTRACE_ATTACH, pid, None, None) != 0:
        pytest.skip("this system lets nobody make a process hang")
    try:
        yield
    finally:
        libc.ptrace(PTRACE_DETACH, pid, None, None)


def test_a_daemon_that_was_stopped_by_a_signal_goes_on_and_nothing_is_restarted(ground: Ground) -> None:
    ground.home.start_app("web")
    with Watch(ground) as watch:
        watch.look()
        daemon = ground.home.end_daemon(signal.SIGSTOP)
        watch.look()
        seen = ground.report["findings"][0]["problem"]
        watch.until("it goes on", lambda: ground.report["status"] == "healthy", skip_s=1)

        assert seen == "daemon-stopped"
        assert ground.acts() == [("continue-daemon", "PM2")]
        assert ground.home.daemon_pid() == daemon
        assert ground.one("web").restarts == 0


def test_s9_a_daemon_that_hangs_on_three_looks_is_replaced_and_not_twice_on_a_day(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "LOOK_TIMEOUT_S", 0.3)
    ground.home.start_app("web")
    python_app(ground, "worker")
    with Watch(ground) as watch:
        watch.look()
        first = ground.home.daemon_pid()
        assert first is not None
        with hanging(first):
            watch.look(times=2)
            early = ground.report["status"]
            watch.until("it is replaced", lambda: ("restart-daemon", "PM2") in ground.acts(), skip_s=30)
        ground.home.remember()
        watch.look(times=2)
        well = ground.report["status"]
        second = ground.home.daemon_pid()
        assert second is not None
        with hanging(second):
            watch.look(times=6, skip_s=LONGER_THAN_ANY_WAIT_S)
            needs_human = ground.report["recovery"]["needsHuman"]
        watch.look()

        assert (early, well) == ("unknown", "healthy")
        assert not alive(first)
        assert [step for step, _ in ground.acts()] == ["restart-daemon"]
        assert [one["problem"] for one in needs_human] == ["daemon-hung"]
        assert ground.home.daemon_pid() == second
    is_well(ground, "web", "worker")


def remove_sockets(ground: Ground) -> int:
    """Remove the socket files under the living daemon; return its pid."""
    daemon = ground.home.daemon_pid()
    assert daemon is not None
    for name in ("rpc.sock", "pub.sock"):
        (ground.home.path / name).unlink()
    return daemon


@each_version
@pytest.mark.parametrize("guard", ["the same guard", "another guard"])
def test_socket_files_that_were_removed_are_put_back_and_nothing_is_restarted(
    ground: Ground, guard: str
) -> None:
    ground.home.start_app("web")
    daemon = ground.home.daemon_pid()
    with Watch(ground) as watch:
        watch.look()
        if guard == "the same guard":
            remove_sockets(ground)
            watch.until("they are back", lambda: ("put-sockets-back", "PM2") in ground.acts(), skip_s=1)
    if guard == "another guard":
        remove_sockets(ground)
        with Watch(ground) as watch:
            watch.until("they are back", lambda: ("put-sockets-back", "PM2") in ground.acts(), skip_s=20)

    assert ground.home.daemon_pid() == daemon
    assert [(one.name, one.restarts) for one in processes(ground.home.jlist())] == [("web", 0)]
    assert daemons(ground) == [daemon]


def test_a_daemon_whose_socket_is_lost_for_good_is_replaced_after_three_looks(ground: Ground) -> None:
    ground.home.start_app("web")
    python_app(ground, "worker")
    with Watch(ground) as watch:
        watch.look()
    daemon = remove_sockets(ground)
    for name in ("rpc.sock", "pub.sock"):
        (ground.home.path / "redundancy" / name).unlink()
    with Watch(ground) as watch:
        watch.look(times=2)
        early = ground.acts()
        watch.until(
            "it is replaced",
            lambda: ("restart-daemon", "PM2") in ground.acts(),
            skip_s=LONGER_THAN_ANY_WAIT_S,
        )
        ground.home.remember()
        watch.look(times=2)

        assert early == []
        assert not alive(daemon)
        assert ground.report["status"] == "healthy"
    is_well(ground, "web", "worker")


def test_empty_daemons_that_nobody_reaches_are_ended_and_what_died_before_them_comes_back(
    ground: Ground,
) -> None:
    ground.home.start_app("web")
    python_app(ground, "worker")
    with Watch(ground) as watch:
        watch.look()
        ground.home.end_daemon()
        ground.home.cli("ping")  # which starts another one
        idle = remove_sockets(ground)
        ground.home.cli("ping")  # and another one
        ground.home.end_daemon()
        watch.until("all is back", lambda: ("bring-back", "PM2") in ground.acts(), skip_s=5)
        ground.home.remember()
        watch.look(times=2)

        assert [step for step, _ in ground.acts()] == ["end-second-daemon", "bring-back"]
        assert not alive(idle)
        assert ground.report["status"] == "healthy"
    is_well(ground, "web", "worker")


@each_version
def test_of_two_daemons_the_first_gets_its_sockets_back_where_the_second_has_no_apps(
    ground: Ground,
) -> None:
    ground.home.start_app("web")
    with Watch(ground) as watch:
        watch.look()
        first = remove_sockets(ground)
        assert ground.home.jlist() == []  # which starts a second daemon
        watch.until("there is one", lambda: ("end-second-daemon", "PM2") in ground.acts(), skip_s=90)
        watch.look(times=2)

        assert ground.report["status"] == "healthy"
    assert ground.home.daemon_pid() == first
    assert [(one.name, one.restarts) for one in processes(ground.home.jlist())] == [("web", 0)]
    is_well(ground, "web")


def test_of_two_daemons_the_first_is_ended_where_the_second_has_apps_already(ground: Ground) -> None:
    ground.home.start_app("web")
    python_app(ground, "worker")
    with Watch(ground) as watch:
        watch.look()
        first = remove_sockets(ground)
        ground.home.start_app("new")
        watch.until("there is one", lambda: ("end-second-daemon", "PM2") in ground.acts(), skip_s=90)
        ground.home.remember()
        watch.look(times=2)

        assert not alive(first)
        assert ground.report["status"] == "healthy"
    is_well(ground, "new", "web", "worker")


def test_s9_kill_all_by_hand_ends_everything_and_brings_each_app_back(ground: Ground) -> None:
    ground.home.start_app("web")
    python_app(ground, "worker")
    ground.home.start_app("stopped")
    ground.home.cli("stop", "stopped")
    before = {one.name: (one.pid, one.status) for one in ground.listed()}
    planned = ground.run("recovery", "--level", "emergency", "--dry-run")
    ran = ground.run("recovery", "--level", "emergency")
    ground.home.remember()

    assert planned.returncode == 0
    assert "3 apps" in planned.stdout or "0 apps" in planned.stdout
    assert ran.returncode == 0, ran.stdout + ran.stderr
    after = {one.name: (one.pid, one.status) for one in ground.listed()}
    assert {name: status for name, (_, status) in after.items()} == {
        name: status for name, (_, status) in before.items()
    }
    assert not {pid for pid, _ in before.values() if pid} & {pid for pid, _ in after.values()}
    assert len(daemons(ground)) == 1
    assert [one["step"] for one in ground.audit] == ["kill-all", "kill-all"]


def test_s9_kill_all_from_inside_an_app_outlives_the_end_of_that_app(ground: Ground) -> None:
    words = [
        sys.executable,
        str(SCRIPT),
        "--workspace",
        str(ground.workspace),
        "recovery",
        "--level",
        "emergency",
    ]
    once = ground.home.apps / "done"
    script = ground.home.apps / "inside.py"
    script.write_text(
        "import os, subprocess, time\n"
        f"if not os.path.exists({str(once)!r}):\n"
        f"    open({str(once)!r}, 'w').close()\n"
        f"    subprocess.Popen({words!r}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "while True: time.sleep(1)\n",
        "utf-8",
    )
    ground.home.start_app("web")
    first = ground.home.daemon_pid()
    ground.home.start_app("inside", script, "--interpreter=python3")

    def ended() -> bool:
        try:
            return bool(ground.kept("kill-all.json")["endedAt"])
        except OSError:
            return False

    eventually("kill-all has ended", ended, limit_s=60)
    ground.home.remember()

    assert ground.kept("kill-all.json")["ok"] is True, ground.kept("kill-all.json")
    assert ground.home.daemon_pid() not in {None, first}
    is_well(ground, "inside", "web")


def test_an_unknown_level_is_refused_and_a_pause_holds_kill_all_back(ground: Ground) -> None:
    ground.home.start_app("web")
    wrong = ground.run("recovery", "--level", "nuke")
    ground.run("pause")
    paused = ground.run("recovery", "--level", "emergency")

    assert wrong.returncode == 3
    assert "process, ecosystem, restore, emergency" in wrong.stderr
    assert paused.returncode == 1
    assert "resume" in paused.stderr
    assert ground.one("web").status == "online"
