"""The monitoring loop as a real program: signals, kills, two of them, upgrades, and what the report says."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from automation.engine.calling import Call
from automation.engine.commands.start import start
from automation.engine.loop import installed_version
from automation.ports.clock import SteppedClock
from automation.ports.locks import is_locked, take_lock
from automation.ports.supervisor import Supervisor
from automation.ports.supervisor_home import supervisor_home
from automation.ports.waking import Waking
from automation.stores import publishing
from tests.toy_ground import ROOT, Ground, eventually, guarding, line_with
from tests.toy_system import BELL, GATE, SYSTEM

PATIENT = pytest.mark.timeout(40)


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    """Give a workspace whose guard looks every second."""
    made = Ground(tmp_path, {"LAMP_INTERVAL": "1s"})
    made.lamps({"hall": "on"})
    return made


@PATIENT
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_loop_cleanly_and_the_report_says_so(ground: Ground, number: int) -> None:
    with ground.program() as child:
        line_with(child, "guard_started")
        eventually("a report", ground.report_path.exists)
        child.send_signal(number)
        stopped = line_with(child, "guard_stopped")
        status = child.wait(10)

    assert status == 0
    assert stopped["reason"] == "signal"
    assert ground.report()["stopped"]["reason"] == "signal"
    assert ground.report()["pid"] == child.pid


@PATIENT
def test_a_signal_in_the_middle_of_a_step_lets_the_step_finish(ground: Ground) -> None:
    os.mkfifo(ground.workspace / GATE)
    ground.lamps({"hall": "off"}, cures={"switch": ["hall"]})
    with ground.program() as child:
        gate = (ground.workspace / GATE).open("wb")  # returns when the step has opened it too
        child.send_signal(signal.SIGTERM)
        gate.close()
        line_with(child, "step_taken")
        status = child.wait(10)

    assert status == 0
    assert ground.acts() == ["switch hall"]
    assert [one["event"] for one in ground.audit()] == ["act", "acted"]
    assert [one["ok"] for one in ground.report()["recovery"]["recent"]] == [True]
    assert ground.report()["stopped"]["reason"] == "signal"
    assert ground.report()["busyUntil"] is None


@PATIENT
def test_a_guard_killed_in_a_step_finds_the_try_counted(ground: Ground) -> None:
    os.mkfifo(ground.workspace / GATE)
    ground.lamps({"hall": "off"})
    with ground.program() as child, (ground.workspace / GATE).open("wb"):
        child.kill()
        child.wait(10)
    attempts = ground.history()["climbs"][0]["attempts"]
    (ground.workspace / GATE).unlink()
    with ground.program() as child:
        line_with(child, "guard_started")
        eventually("a report of the new guard", lambda: ground.report()["pid"] == child.pid)
        (active,) = ground.report()["recovery"]["active"]

    assert attempts == 1
    assert [one["event"] for one in ground.audit()] == ["act"]
    assert (active["step"], active["attempt"]) == ("switch", 2)


@PATIENT
def test_a_second_guard_by_hand_ends_at_once_and_names_the_first(ground: Ground) -> None:
    with ground.program() as first:
        line_with(first, "guard_started")
        second = ground.run("start")

    assert second.returncode == 75
    assert second.stderr.startswith(f"guard.lock is held by pid {first.pid} since ")
    assert second.stderr.endswith("for guarding lamp; try again\n")


def stopped_between_reports(pid: int, ground: Ground) -> bool:
    """Stop a guard by SIGSTOP; tell whether it is not just writing its report, else let it go on."""
    os.kill(pid, signal.SIGSTOP)
    if not is_locked(ground.report_path.with_name(f"{ground.report_path.name}.lock")):
        return True
    os.kill(pid, signal.SIGCONT)
    return False


@PATIENT
def test_a_guard_whose_lock_file_was_deleted_ends_and_leaves_the_report_of_the_next_one_alone(
    ground: Ground,
) -> None:
    with ground.program() as first:
        line_with(first, "guard_started")
        eventually("a report", ground.report_path.exists)
        eventually("it is stopped", lambda: stopped_between_reports(first.pid, ground))
        (ground.state / "guard.lock").unlink()
        with ground.program() as second:
            line_with(second, "guard_started")
            eventually("the second's report", lambda: ground.report()["pid"] == second.pid)
            os.kill(first.pid, signal.SIGCONT)
            stopped = line_with(first, "guard_stopped")
            status = first.wait(10)
            eventually("the second goes on", lambda: ground.report()["pid"] == second.pid)
            after = ground.report()

    assert stopped["reason"] == "lock_lost"
    assert status == 1
    assert "stopped" not in after


@PATIENT
def test_a_guard_ends_when_another_version_lies_on_disk(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "automation", tmp_path / "automation")
    shutil.copytree(ROOT / "tests", tmp_path / "tests", ignore=shutil.ignore_patterns("node*", "cases"))
    ground = Ground(tmp_path, {"LAMP_INTERVAL": "1s"})
    ground.lamps({"hall": "on"})
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.toy_program"],
        cwd=tmp_path,
        env=ground.child_environment(PYTHONPATH=str(tmp_path)),
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        line_with(child, "guard_started")
        (tmp_path / "automation" / "__init__.py").write_text('__version__ = "9.9.9"\n', "utf-8")
        stopped = line_with(child, "guard_stopped")
        status = child.wait(10)

    assert (status, stopped["reason"]) == (0, "upgraded")
    assert ground.report()["stopped"]["reason"] == "upgraded"


def test_a_version_that_cannot_be_told_is_no_upgrade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("automation.engine.loop._VERSION_FILE", tmp_path / "none.py")
    missing = installed_version()
    (tmp_path / "none.py").write_text("nothing of the kind", "utf-8")

    assert (missing, installed_version()) == ("", "")


@PATIENT
def test_an_event_is_looked_at_within_a_second_and_not_a_period_later(ground: Ground) -> None:
    ground.environment["LAMP_INTERVAL"] = "1h"
    os.mkfifo(ground.workspace / BELL)
    with ground.program() as child:
        line_with(child, "guard_started")
        eventually("the first look", lambda: ground.report_path.exists() and ground.report()["cycle"] == 1)
        with (ground.workspace / BELL).open("wb") as bell:
            bell.write(b"ring")
        eventually("the second look", lambda: ground.report()["cycle"] == 2, timeout_s=5.0)


@PATIENT
def test_a_storm_of_events_costs_a_look_a_second_and_few_awakenings(ground: Ground) -> None:
    ground.environment["LAMP_INTERVAL"] = "1h"
    os.mkfifo(ground.workspace / BELL)
    with ground.program() as child:
        eventually("the first look", lambda: ground.report_path.exists() and ground.report()["cycle"] == 1)
        with (ground.workspace / BELL).open("wb", buffering=0) as bell:
            began_s, slept = time.monotonic(), switches(child.pid)
            while time.monotonic() < began_s + 2.0:
                bell.write(b"ring")
                time.sleep(0.001)
            lasted_s, slept = time.monotonic() - began_s, switches(child.pid) - slept
        looks = ground.report()["cycle"] - 1

    assert 1 <= looks <= lasted_s + 1
    assert slept < 100 * lasted_s  # without a pause for breath it is awakened by each of a thousand rings


def switches(pid: int) -> int:
    """Return how often a process has gone to sleep."""
    lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))


@PATIENT
def test_a_bug_is_logged_with_its_traceback_ends_the_program_and_is_reported(ground: Ground) -> None:
    with ground.program() as child:
        eventually("a report", ground.report_path.exists)
        ground.lamps({"hall": "on"}, bug="observe")
        failed = line_with(child, "guard_failed")
        status = child.wait(10)

    assert status == 1
    assert "RuntimeError: a bug in the observer" in failed["exc_info"]
    assert ground.report()["stopped"]["reason"] == "failed: RuntimeError: a bug in the observer"


@PATIENT
def test_files_of_a_newer_version_are_left_alone_and_end_the_program_with_3(ground: Ground) -> None:
    ground.logs.mkdir()
    ground.report_path.write_text('{"schema": 2}', "utf-8")
    ran = ground.run("start")

    assert ran.returncode == 3
    assert ran.stderr.endswith("schema 2 is newer than this program knows (1); upgrade it\n")
    assert ran.stderr.count("\n") == 1
    assert ground.report_path.read_text("utf-8") == '{"schema": 2}'


@PATIENT
def test_wrong_settings_keep_a_guard_from_starting_and_odd_ones_are_logged(ground: Ground) -> None:
    folder = ground.workspace / "automation"
    folder.mkdir()
    (folder / "redundancy-config.json").write_text('{"lamp": {"intervall": 5}}', "utf-8")
    with ground.program() as child:
        odd = line_with(child, "setting_ignored")
    ground.environment["LAMP_INTERVAL"] = "30 sec"
    wrong = ground.run("start")

    assert odd["detail"].endswith("lamp.intervall: unknown key; did you mean lamp.interval?")
    assert wrong.returncode == 3
    assert wrong.stderr.count("\n") == 1


@PATIENT
def test_a_clock_set_back_an_hour_delays_no_look(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    ground.lamps({"hall": "on"})
    clock = SteppedClock()
    with guarding(ground, clock) as loop:
        os.kill(os.getpid(), 0)
        due_s = clock.elapsed_s() + 30.0
        clock.set(clock.now_s() - 3600.0)
        clock.wait(30.0)

        assert loop._sleep_until(due_s) == ""


def test_a_loop_that_was_told_to_stop_before_its_first_look_looks_once_and_ends(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    ground.lamps({"hall": "on"})
    with guarding(ground, SteppedClock()) as loop:
        loop.waking.stop_signal = signal.SIGTERM

        assert loop.run() == 0
    assert ground.report()["cycle"] == 1
    assert ground.report()["stopped"]["reason"] == "signal"


def test_a_stop_that_cannot_be_written_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ground = Ground(tmp_path)
    ground.lamps({"hall": "on"})
    with guarding(ground, SteppedClock()) as loop:
        loop.waking.stop_signal = signal.SIGTERM
        loop.guard.context.layout.report_lock.mkdir()
        loop.run()

    assert caplog.messages.count("report_not_written") == 2


def test_a_damaged_or_foreign_report_is_not_marked_as_stopped(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    layout = ground.context(SteppedClock()).layout
    for content in (b"torn {", b"[]", b'{"schema": 2, "pid": 1}'):
        layout.report.write_bytes(content)
        publishing.mark_stopped(layout, "signal", {}, "2027-01-15T08:00:00Z")

        assert layout.report.read_bytes() == content


def test_outcomes_of_an_old_report_that_make_no_sense_are_dropped(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    ground.lamps({"hall": "on"})
    with guarding(ground, SteppedClock()) as loop:
        loop.waking.stop_signal = signal.SIGTERM
        loop.run()
    report = ground.report()
    for recent in ([{"at": 5}], "none"):
        report["recovery"]["recent"] = recent
        ground.report_path.write_text(json.dumps(report), "utf-8")
        with guarding(ground, SteppedClock()) as loop:
            assert loop.guard.recent == ()
    report["recovery"] = 5
    ground.report_path.write_text(json.dumps(report), "utf-8")
    with guarding(ground, SteppedClock()) as loop:
        assert loop.guard.recent == ()


# --- started by PM2, by hand, by both: pm_id alone proves nothing (safety S5) ---


@pytest.fixture
def parent_socket(tmp_path: Path) -> Iterator[Path]:
    """Let this process own a socket as PM2's daemon does: it is the parent of what the tests start."""
    home = tmp_path / "pm2"
    home.mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(home / "rpc.sock"))
        listener.listen(16)
        yield home


@PATIENT
def test_a_guard_that_the_process_manager_starts_waits_for_the_first_and_takes_over(
    ground: Ground, parent_socket: Path
) -> None:
    with ground.program() as first:
        line_with(first, "guard_started")
        with ground.program("start", pm_id="0", PM2_HOME=str(parent_socket)) as second:
            waiting = line_with(second, "waiting_for_first_guard")
            first.terminate()
            line_with(second, "guard_started")
            second.terminate()
            status = second.wait(10)

    assert f"pid {first.pid} " in waiting["holder"]
    assert status == 0


@PATIENT
def test_a_guard_that_waits_ends_when_it_is_told_to(ground: Ground, parent_socket: Path) -> None:
    with ground.program() as first:
        line_with(first, "guard_started")
        with ground.program("start", pm_id="0", PM2_HOME=str(parent_socket)) as second:
            line_with(second, "waiting_for_first_guard")
            second.terminate()

            assert second.wait(10) == 0


@PATIENT
def test_an_inherited_pm_id_makes_nobody_wait(ground: Ground, tmp_path: Path) -> None:
    with ground.program() as first:
        line_with(first, "guard_started")
        second = ground.run("start", pm_id="0", PM2_HOME=str(tmp_path))

    assert second.returncode == 75


@PATIENT
def test_the_process_manager_and_the_files_that_it_writes_our_output_to_are_recognised(
    parent_socket: Path,
) -> None:
    program = (
        "import os, json; from automation.ports.supervisor import detect; s = detect(os.environ);"
        "print(json.dumps([s.runs_us, str(s.home), str(s.out_file), str(s.error_file), s.rotates]))"
    )
    environment = {
        "PATH": os.environ["PATH"],
        "pm_id": "3",
        "PM2_HOME": str(parent_socket),
        "pm_out_log_path": "/logs/out.log",
        "pm_err_log_path": "/dev/null",
    }
    (parent_socket / "modules" / "pm2-logrotate").mkdir(parents=True)
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    )

    assert json.loads(ran.stdout) == [True, str(parent_socket), "/logs/out.log", "None", True]


def test_without_an_environment_the_home_is_where_pm2_itself_looks() -> None:
    assert supervisor_home({"HOME": "/home/ann"}) == Path("/home/ann/.pm2")
    assert supervisor_home({"HOME": "/home/ann", "PM2_HOME": "/srv/pm2"}) == Path("/srv/pm2")


def test_a_loop_run_in_this_process_ends_by_a_signal_and_lets_the_lock_go(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    ground.lamps({"hall": "on"})
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    clock = SteppedClock()

    def stop() -> None:
        eventually("a report", ground.report_path.exists)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=stop)
    thread.start()
    try:
        code = start(Call(SYSTEM, "start", tmp_path, {}, {}, clock))
    finally:
        thread.join()
        for number, handler in kept.items():
            signal.signal(number, handler)

    assert code == 0
    take_lock(ground.state / "guard.lock", purpose="after", since="2027").release()


def test_waking_tells_a_descriptor_from_the_time(tmp_path: Path) -> None:
    del tmp_path
    waking = Waking()
    read_end, write_end = os.pipe()
    try:
        by_time = waking.sleep(0.0, (read_end,))
        os.write(write_end, b"x")
        by_descriptor = waking.sleep(5.0, (read_end, read_end))
        os.close(read_end)
        of_a_closed_one = waking.sleep(0.0, (read_end,))
        waking.stop_signal = 15
        at_a_stop = waking.sleep(5.0, ())
    finally:
        os.close(write_end)
        waking.close()

    assert (by_time, by_descriptor, of_a_closed_one, at_a_stop) == (False, True, False, False)


def test_logs_are_rotated_only_where_the_process_manager_leaves_that_to_us(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    ground.lamps({"hall": "on"})
    out, error = tmp_path / "out.log", tmp_path / "error.log"
    kept = []
    for rotates in (True, False):
        error.write_bytes(b"x" * (10 * 1024 * 1024 + 1))
        with guarding(ground, SteppedClock()) as loop:
            loop.supervisor = Supervisor(
                runs_us=True, home=tmp_path, out_file=out, error_file=error, rotates=rotates
            )
            loop._rotate_logs()
        kept.append(error.stat().st_size)

    assert kept == [10 * 1024 * 1024 + 1, 0]
