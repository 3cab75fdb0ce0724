"""The doors to clock and processes, and small shared files: what they say where little can be said."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from automation.core.errors import EffectFailed
from automation.core.report import Outcome
from automation.ports import process
from automation.ports.clock import SteppedClock, SystemClock
from automation.ports.socket_owner import socket_owner
from automation.stores import outcomes, pauses
from automation.stores.layout import Layout, backups_folder, logs_folder
from automation.stores.records import keep_evidence, read_record, write_record


def test_the_machines_clock_goes_on_and_names_its_boot() -> None:
    clock = SystemClock()
    before, began_s = clock.now_s(), clock.elapsed_s()
    clock.wait(-5.0)
    clock.wait(0.001)

    assert clock.now_s() > before
    assert clock.elapsed_s() > began_s
    assert len(clock.boot_id()) == 36


def test_a_stepped_clock_moves_only_as_told_and_setting_it_leaves_the_time_since_boot() -> None:
    clock = SteppedClock(100.0, "boot-7")
    began_s = clock.elapsed_s()
    clock.wait(5.0)
    clock.set(50.0)

    assert (clock.now_s(), clock.elapsed_s() - began_s, clock.boot_id()) == (50.0, 5.0, "boot-7")


def test_a_process_is_named_for_good_by_its_pid_and_start() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        ticks, living = process.start_ticks(child.pid), process.alive(child.pid)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        zombie = process.alive(child.pid)

    assert isinstance(ticks, int)
    assert ticks >= (process.start_ticks(os.getpid()) or 0)
    assert (living, zombie) == (True, False)
    assert process.start_ticks(child.pid) is None
    assert not process.alive(child.pid)


def test_the_owner_of_a_socket_is_whoever_listens(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    nobody = socket_owner(path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        ours = socket_owner(path)

    assert (nobody, ours) == (None, os.getpid())
    assert socket_owner(path) is None  # the file stayed, and nobody listens
    assert socket_owner(Path("/" + "x" * 200)) is None


def test_memory_and_user_are_told() -> None:
    assert process.resident_bytes() > 1_000_000
    assert process.uid() == os.geteuid()


def test_who_owns_a_path_that_is_not_there_owns_the_folder_above_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert process.owns(tmp_path)
    assert process.owns(tmp_path / "not" / "yet")
    assert not process.owns(tmp_path / "file" / "below a file")


def test_a_value_comes_back_as_it_was_written_with_half_a_surrogate_pair_too(tmp_path: Path) -> None:
    value = {"name": "half \ud83d größe", "list": [1, None, 2.5]}
    write_record(tmp_path / "a", value)

    assert read_record(tmp_path / "a") == value
    assert (tmp_path / "a").read_bytes().decode("utf-8").endswith("\n")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


def test_evidence_that_cannot_be_kept_is_no_error(tmp_path: Path) -> None:
    keep_evidence(tmp_path / "none")

    assert list(tmp_path.iterdir()) == []


def test_outcomes_where_there_are_none_and_where_none_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()

    assert not outcomes.waiting(tmp_path / "none")
    assert outcomes.take(tmp_path / "none") == ()
    one = Outcome(0.0, "p", "s", "step", ok=True, detail="", duration_ms=1)
    with pytest.raises(EffectFailed, match="cannot write"):
        outcomes.append(tmp_path / "folder", (one,))


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        '{"since": "2027-01-15T08:00:00", "until": null, "who": "a", "reason": ""}',
        '{"since": "2027-01-15T08:00:00Z", "until": "later", "who": "a", "reason": ""}',
        "torn {",
    ],
)
def test_a_pause_that_makes_no_sense_holds(tmp_path: Path, text: str) -> None:
    (tmp_path / "pause.json").write_text(text, "utf-8")
    pause = pauses.load(tmp_path / "pause.json", 0.0)

    assert pause is not None
    assert pause.until_s is None
    assert "cannot be read" in pause.reason


def test_folders_are_relative_to_the_workspace_or_absolute() -> None:
    workspace = Path("/srv/site")

    assert logs_folder(workspace, {}) == Path("/srv/site/logs")
    assert logs_folder(workspace, {"REDUNDANCY_LOGS_DIR": "var/l"}) == Path("/srv/site/var/l")
    assert backups_folder(workspace, {"REDUNDANCY_BACKUPS_DIR": "/mnt/b"}) == Path("/mnt/b")
    layout = Layout(
        workspace, workspace / "logs", workspace / "backups", "lamp", "r.json", "lamp", Path("/own")
    )
    assert layout.error_log == Path("/srv/site/logs/lamp-error.log")
    assert layout.guard_lock == Path("/own/guard.lock")
    assert layout.action_lock == Path("/srv/site/logs/state/lamp/action.lock")
