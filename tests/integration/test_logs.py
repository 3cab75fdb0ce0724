"""The log of a guard: one JSON object a line, no secret in it, and a way on when nobody reads it."""

from __future__ import annotations

import gzip
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from automation.engine import log_rotation, logs
from automation.ports.clock import SteppedClock, SystemClock
from tests.toy_ground import ROOT, Ground, eventually, line_with

PATIENT = pytest.mark.timeout(40)


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Give the log of this process back as it was."""
    logger = logging.getLogger(logs.LOGGER)
    kept = (list(logger.handlers), logger.propagate, logger.level, logging.raiseExceptions)
    yield
    logger.handlers[:], logger.propagate, level, logging.raiseExceptions = kept
    logger.setLevel(level)


def log_to(form: str, tmp_path: Path, secrets: frozenset[str] = frozenset()) -> logging.Logger:
    """Set up the log, and return it."""
    logs.configure("lamp", tmp_path / "lamp-orphan.log", level="INFO", form=form, secrets=secrets)
    return logging.getLogger(logs.LOGGER)


def test_each_line_is_one_json_object_in_a_fixed_order(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = log_to("json", tmp_path)
    log.info("step_taken", extra={"subject": "two\nlines", "attempt": 2, "odd": "half \ud83d"})
    log.debug("too_small")
    logs.flush()
    (line,) = capfd.readouterr().out.splitlines()
    said = json.loads(line)

    assert list(said) == ["time", "level", "event", "system", "subject", "attempt", "odd"]
    assert (said["level"], said["event"], said["system"]) == ("INFO", "step_taken", "lamp")
    assert (said["subject"], said["attempt"]) == ("two\nlines", 2)
    assert said["time"].endswith("Z")


def test_the_text_form_says_the_same_for_people(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = log_to("text", tmp_path)
    log.info("step_taken", extra={"subject": "hall"})
    log.error("guard_failed", exc_info=ValueError("what happened"))
    first, second, *trace = capfd.readouterr().out.splitlines()

    assert first.split(" ", 1)[1] == "INFO step_taken subject=hall"
    assert second.split(" ", 1)[1] == "ERROR guard_failed"
    assert trace[-1] == "ValueError: what happened"


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_secret_is_written(tmp_path: Path, capfd: pytest.CaptureFixture[str], form: str) -> None:
    secrets = logs.secrets_of({"LAMP_TOKEN": "hunter2hunter2", "LAMP_KEY": "short", "HOME": "/home/ann"})
    log = log_to(form, tmp_path, secrets | {"https://hook.example/T0/hidden"})
    log.info(
        "look_failed",
        extra={
            "reason": "hunter2hunter2 refused at https://ann:pw1@host/ and https://hook.example/T0/hidden",
            "api_key": "abcdef",
            "inner": [{"password": "pw2"}, "Bearer abcdefghijkl"],
        },
    )
    said = capfd.readouterr().out

    assert secrets == {"hunter2hunter2"}
    for secret in ("hunter2", "pw1", "hidden", "abcdef", "pw2", "abcdefghijkl"):
        assert secret not in said


@PATIENT
def test_when_nobody_reads_stdout_any_more_the_log_goes_on_in_a_file(tmp_path: Path) -> None:
    ground = Ground(tmp_path, {"LAMP_INTERVAL": "1s"})
    ground.lamps({"hall": "on"})
    orphan = ground.logs / "enhanced-lamp-orphan.log"
    with ground.program() as child:
        line_with(child, "guard_started")
        assert child.stdout is not None
        child.stdout.close()
        ground.lamps(blind="dark")
        eventually("the orphan log", orphan.exists)
        eventually("its first line", lambda: orphan.stat().st_size)
        child.send_signal(signal.SIGTERM)
        status = child.wait(10)
    events = [json.loads(line)["event"] for line in orphan.read_text("utf-8").splitlines()]

    assert status == 0
    assert events == ["look_failed", "guard_stopped"]
    assert ground.report()["stopped"]["reason"] == "signal"


@PATIENT
def test_a_guard_started_with_stdout_closed_logs_into_the_file_and_into_no_other(tmp_path: Path) -> None:
    """Whatever is opened first gets the number that was free: it must not be taken for stdout."""
    ground = Ground(tmp_path, {"LAMP_INTERVAL": "1s"})
    ground.lamps({"hall": "on"})
    child = subprocess.Popen(
        ["sh", "-c", f"exec {sys.executable} -m tests.toy_program start <&- >&- 2>&-"],
        cwd=ROOT,
        env=ground.child_environment(),
    )
    eventually("a report", ground.report_path.exists)
    child.terminate()
    status = child.wait(10)
    orphan = (ground.logs / "enhanced-lamp-orphan.log").read_text("utf-8")

    assert status == 0
    assert [json.loads(line)["event"] for line in orphan.splitlines()] == ["guard_started", "guard_stopped"]
    assert json.loads((ground.state / "guard.lock").read_text("utf-8"))["pid"] == child.pid


def test_an_orphan_log_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from automation.engine import logs; import logging\n"
        "handler = logs.configure('lamp', Path(sys.argv[1]) / 'file' / 'x', level='INFO', form='json')\n"
        "os.close(1); os.open('/dev/null', os.O_RDONLY)\n"
        "log = logging.getLogger('redundancy')\n"
        "log.info('one'); log.info('two'); handler.setFormatter(logging.Formatter())\n"
        "sys.exit(7 if handler.orphaned else 8)\n"
    )
    (tmp_path / "file").touch()
    ran = subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, check=False)

    assert ran.returncode == 7


# --- rotation, with a writer between us and the file, as PM2 is: it reads a pipe and appends ---

WRITER = """
import os, sys
file = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
while data := os.read(0, 4096):
    os.write(file, data)
"""

LOGGING = """
import logging, sys
from pathlib import Path
from automation.engine import log_rotation, logs
from automation.ports.clock import SystemClock
path = Path(sys.argv[1])
logs.configure("lamp", path.with_name("orphan.log"), level="INFO", form="json")
log = logging.getLogger("redundancy")
for number in range(3000):
    log.info("line", extra={"number": number, "padding": "x" * 100})
    if number % 10 == 9:
        log_rotation.rotate_output(path, log, SystemClock(), limit_bytes=60_000)
"""


@PATIENT
def test_rotation_loses_no_line_with_a_real_writer_that_appends(tmp_path: Path) -> None:
    path = tmp_path / "lamp-out.log"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdin=subprocess.PIPE)
    with writer:
        ran = subprocess.run(
            [sys.executable, "-c", LOGGING, str(path)], cwd=ROOT, check=True, stdout=writer.stdin, timeout=30
        )
        assert writer.stdin is not None
        writer.stdin.close()
        writer.wait(10)
    copies = sorted(tmp_path.glob("lamp-out.*.log.gz"))
    text = b"".join(gzip.decompress(copy.read_bytes()) for copy in copies) + path.read_bytes()
    said = [json.loads(line) for line in text.splitlines()]
    numbers = [one["number"] for one in said if one["event"] == "line"]

    assert ran.returncode == 0
    assert len(copies) >= 5
    assert numbers == list(range(3000))
    assert sum(one["event"] == "log_rotated" for one in said) == len(copies)
    assert copies[0].stat().st_mode & 0o777 == 0o640


def test_a_marker_that_does_not_arrive_puts_the_rotation_off(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "lamp-out.log"
    path.write_bytes(b"x" * 200)
    clock = SteppedClock()
    moved = log_rotation.rotate_output(path, logging.getLogger("redundancy"), clock, limit_bytes=100)

    assert not moved
    assert path.read_bytes() == b"x" * 200
    assert "log_rotation_put_off" in caplog.messages
    assert clock.elapsed_s() >= 1002.0


def test_a_file_that_vanishes_meanwhile_is_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Vanishing(SteppedClock):
        def now_s(self) -> float:
            path.unlink(missing_ok=True)
            return super().now_s()

    path = tmp_path / "lamp-out.log"
    path.write_bytes(b"x" * 200)
    moved = log_rotation.rotate_output(path, logging.getLogger("redundancy"), Vanishing(), limit_bytes=100)

    assert not moved
    assert "log_rotation_put_off" in caplog.messages


def test_a_small_file_or_none_is_left_alone(tmp_path: Path) -> None:
    log = logging.getLogger("redundancy")
    (tmp_path / "small.log").write_bytes(b"x")

    assert not log_rotation.rotate_output(tmp_path / "none.log", log, SystemClock())
    assert not log_rotation.rotate_errors(tmp_path / "small.log", log, SystemClock())


def test_copies_of_one_second_do_not_overwrite_each_other_and_ten_are_kept(tmp_path: Path) -> None:
    path, clock = tmp_path / "lamp-error.log", SteppedClock()
    for number in range(13):
        path.write_bytes(b"%d" % number)
        assert log_rotation.rotate_errors(path, logging.getLogger("redundancy"), clock, limit_bytes=0)
    copies = sorted(tmp_path.glob("lamp-error.*.log.gz"))

    assert path.read_bytes() == b""
    assert [gzip.decompress(copy.read_bytes()) for copy in copies] == [b"%d" % one for one in range(3, 13)]
    assert copies[0].name == "lamp-error.20270115T080003Z.log.gz"


def test_a_copy_that_cannot_be_made_leaves_the_log_as_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "lamp-error.log"
    path.write_bytes(b"text")
    (tmp_path / ".lamp-error.20270115T080000Z.log.gz.tmp").mkdir()
    moved = log_rotation.rotate_errors(path, logging.getLogger("redundancy"), SteppedClock(), limit_bytes=0)

    assert not moved
    assert path.read_bytes() == b"text"
    assert "log_rotation_failed" in caplog.messages


def test_flushing_streams_that_are_gone_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "w", encoding="utf-8") as stream:
        stream.write("x")
        monkeypatch.setattr(sys, "stdout", stream)
        logs.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), write_end)
