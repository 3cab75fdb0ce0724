"""Reading the host and the ends of logs: the real ones, and files that say odd things."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from automation.ports.clock import SteppedClock
from automation.ports.host import HostReading, host_reader, read_host
from automation.ports.tails import read_tail
from automation.systems.pm2.app_rules import AppRules
from automation.systems.pm2.flap_steps import MOST_CHARACTERS, MOST_TAIL_BYTES, tidied
from automation.systems.pm2.rest_notes import RestNotes
from automation.systems.pm2.tracked import Tracking


def test_the_real_host_tells_its_memory_load_and_disks(tmp_path: Path) -> None:
    reading = host_reader((tmp_path, tmp_path))()

    assert reading.cores >= 1
    assert reading.memory_total_bytes is not None
    assert 0 < (reading.memory_available_bytes or 0) <= reading.memory_total_bytes
    assert reading.load_5m is not None
    (disk,) = reading.disks
    assert disk.path == str(tmp_path)
    assert 0 < disk.free_bytes <= disk.total_bytes
    assert all(0.0 <= value <= 100.0 for value in reading.pressure.values())


def proc(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def test_what_proc_says_is_taken_as_it_is_meant(tmp_path: Path) -> None:
    here = proc(
        tmp_path,
        meminfo="MemTotal: 1000 kB\nMemAvailable:  400 kB\nSwapTotal: 20 kB\nSwapFree: 10 kB\nHuge: 0\n",
        loadavg="1.00 2.50 3.00 1/100 42\n",
        pressure__cpu="some avg10=1.00 avg60=12.34 avg300=0.00 total=5\nfull avg60=99 total=0\n",
        pressure__memory="some avg10=0.00 avg60=1.00 total=0\nfull avg10=0.00 avg60=2.00 total=0\n",
        pressure__io="full avg60=nonsense\n",
    )
    reading = read_host((tmp_path / "nowhere",), here)

    assert reading == HostReading(
        cores=reading.cores,
        memory_total_bytes=1000 * 1024,
        memory_available_bytes=400 * 1024,
        swap_total_bytes=20 * 1024,
        swap_free_bytes=10 * 1024,
        load_5m=2.5,
        pressure={"cpu some": 12.34, "memory full": 2.0},
    )


@pytest.mark.parametrize("text", ["", "nonsense", "a: b\n: 5\nMemTotal:\n", "1.0 x"])
def test_a_proc_that_says_nothing_useful_is_a_host_of_which_nothing_is_known(
    tmp_path: Path, text: str
) -> None:
    reading = read_host((), proc(tmp_path, meminfo=text, loadavg=text, pressure__cpu=text))

    assert reading == HostReading(cores=reading.cores)
    assert read_host((), tmp_path / "none") == HostReading(cores=reading.cores)


def test_the_host_is_read_at_most_every_five_seconds_and_also_without_a_daemon(tmp_path: Path) -> None:
    clock, read = SteppedClock(), []

    def reader() -> HostReading:
        read.append(clock.elapsed_s())
        return HostReading(cores=1, memory_total_bytes=1000, memory_available_bytes=1)

    tracking = Tracking(clock, RestNotes(tmp_path), 30.0, reader)
    levels = []
    for _ in range(11):
        tracked = tracking.look(None, (), None, AppRules(), clock.now_s())
        levels.append(tracked.host.levels["host-memory-low"].level)
        clock.wait(1.0)

    assert len(read) == 3
    assert levels == [0] * 5 + [2] * 6


def test_the_end_of_a_log_is_read_and_not_the_whole(tmp_path: Path) -> None:
    log = tmp_path / "error.log"
    log.write_bytes(b"x" * 100_000 + b"the end")

    assert read_tail(log, 7) == b"the end"
    assert len(read_tail(log, 4096)) == 4096
    (tmp_path / "link").symlink_to(log)
    assert read_tail(tmp_path / "link", 3) == b"end"


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "to-fifo").symlink_to(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        found = [
            read_tail(tmp_path / name, 10)
            for name in ("fifo", "to-fifo", "folder", "socket", "none", "nul\0")
        ]

    assert found == [b""] * 6
    assert read_tail(Path("/dev/zero"), 10) == b""


def test_a_fifo_that_takes_a_files_place_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "error.log"
    log.write_text("hello", "utf-8")
    real = os.open

    def swapped(path: Path, flags: int) -> int:
        path.unlink()
        os.mkfifo(path)
        return real(path, flags)

    monkeypatch.setattr(os, "open", swapped)
    thread = threading.Thread(target=lambda: found.append(read_tail(log, 10)))
    found: list[bytes] = []
    thread.start()
    thread.join(10)

    assert found == [b""]


def test_a_log_that_ends_while_it_is_read_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    (tmp_path / "error.log").write_text("hello", "utf-8")
    monkeypatch.setattr(os, "pread", fails)

    assert read_tail(tmp_path / "error.log", 10) == b""


def test_the_last_five_lines_are_said_in_one_without_colours_or_secrets() -> None:
    lines = [f"line {number}" for number in range(9)]
    tail = "\n".join([*lines, "", "\x1b[31mAPI_TOKEN=abcdef123\x1b[0m", "key is s3cr3t-value\r\n"]).encode()

    assert tidied(tail, frozenset({"s3cr3t-value"})) == (
        "line 6 | line 7 | line 8 | API_TOKEN=[redacted] | key is [redacted]"
    )
    assert tidied(b"") == ""
    assert tidied(b"\xff\xfe\n") == "\ufffd\ufffd"


def test_a_long_end_is_cut_after_it_was_redacted_and_a_line_without_beginning_is_left_out() -> None:
    long = tidied(b"password=hunter2hunter2 " + b"y" * 1000 + b" end")
    cut = b"unter2\n" + b"z" * MOST_TAIL_BYTES

    assert len(long) == MOST_CHARACTERS + 1
    assert long.endswith(" end")
    assert "unter2" not in tidied(cut[:MOST_TAIL_BYTES])
