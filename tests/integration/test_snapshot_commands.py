"""`backup`, `backups`, `verify`, `restore` and `prune` over lamps, and the backups that the loop starts."""

from __future__ import annotations

import json
import logging
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from automation.engine import backup_schedule
from automation.engine.backup_schedule import BackupSchedule
from automation.engine.cycle import run_cycle
from automation.ports.clock import SteppedClock
from automation.stores.backup_outcomes import read_outcome, write_outcome
from tests.toy_ground import ROOT, Ground, eventually, guard
from tests.toy_system import BACKED_UP

pytestmark = pytest.mark.timeout(40)


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    """Give a workspace with something to keep."""
    made = Ground(tmp_path, {"LAMP_BACKUPS": "1"})
    made.lamps({"hall": "on"})
    (tmp_path / "wires").mkdir()
    (tmp_path / "wires" / "red").write_text("copper", "utf-8")
    return made


def taken(ground: Ground, *words: str) -> str:
    """Take a snapshot and return its id."""
    said = json.loads(ground.run("backup", "--json", *words).stdout)
    return str(said["id"])


def snapshot_file(ground: Ground, name: str, path: str) -> Path:
    """Return where a snapshot keeps a file."""
    return ground.workspace / "backups" / "lamp" / name / "files" / path


def test_a_backup_says_what_it_took_and_nothing_new_is_no_new_one(ground: Ground) -> None:
    first, second = ground.run("backup", "--reason", "before the move"), ground.run("backup")
    listed = ground.run("backups").stdout
    (row,) = json.loads(ground.run("backups", "--json").stdout)
    outcome = read_outcome(ground.state / "backup.json")

    assert re.fullmatch(r"\S+: 2 files, \d+ bytes\n", first.stdout)
    assert second.stdout == "nothing changed since the last snapshot: no new one\n"
    assert json.loads(ground.run("backup", "--json").stdout) == {"id": None, "changed": False}
    assert listed.startswith(f"{row['id']}  ")
    assert listed.endswith("(before the move)\n")
    assert (row["files"], row["verified"], row["allValid"], row["damage"]) == (2, True, True, None)
    assert (outcome["count"], outcome["lastId"], outcome["failure"]) == (1, row["id"], None)
    assert (ground.workspace / "backups").stat().st_mode & 0o777 == 0o700


def test_before_the_first_snapshot_each_command_says_so(ground: Ground) -> None:
    assert ground.run("backups").stdout == "no snapshots yet\n"
    assert ground.run("verify").stderr == "there are no snapshots yet\n"
    assert ground.run("verify").returncode == 1
    assert ground.run("restore", "--yes").stdout.startswith("0 to write")
    assert ground.run("prune").returncode == 0


def test_a_damaged_snapshot_is_named_and_exits_1(ground: Ground) -> None:
    name = taken(ground)
    whole = ground.run("verify")
    kept = snapshot_file(ground, name, "wires/red")
    kept.chmod(0o600)
    kept.write_text("cooper", "utf-8")
    (ground.workspace / "wires" / "red").write_text("silver", "utf-8")  # or it would be repaired from there
    text, document = ground.run("verify", "--all"), ground.run("verify", name, "--json")
    (said,) = json.loads(document.stdout)

    assert (whole.returncode, whole.stdout) == (0, f"{name}: every byte is as it was\n")
    assert (text.returncode, document.returncode) == (1, 1)
    assert text.stdout == f"{name}: DAMAGED\n"
    assert text.stderr.startswith(f"{name}: ")
    assert "wires/red" in text.stderr
    assert (said["id"], said["ok"]) == (name, False)
    assert "wires/red" in said["bad"][0]["path"]


def test_a_snapshot_of_that_name_does_not_exist(ground: Ground) -> None:
    taken(ground)
    for words in (("verify", "20200101T000000Z-ffff"), ("restore", "nonsense", "--yes")):
        ran = ground.run(*words)

        assert ran.returncode in {1, 3}
        assert ran.stderr.count("\n") == 1


def test_restore_shows_saves_what_it_overwrites_and_can_be_undone(ground: Ground) -> None:
    taken(ground)
    wire = ground.workspace / "wires" / "red"
    wire.write_text("string", "utf-8")
    dry = ground.run("restore", "--dry-run")
    dry_document = json.loads(ground.run("restore", "--dry-run", "--json").stdout)
    asked = ground.run("restore")
    untouched = wire.read_text("utf-8")
    done = ground.run("restore", "--yes")
    restored = wire.read_text("utf-8")
    undo = re.search(r"`restore (\S+)` undoes this", done.stdout)
    assert undo is not None
    document = json.loads(ground.run("restore", undo[1], "--path", "wires", "--yes", "--json").stdout)

    assert "1 to write, 1 the same, 0 not in the snapshot" in dry.stdout
    assert {one["path"] for one in dry_document["files"]} == {"files/lamps.json", "files/wires/red"}
    assert (asked.returncode, untouched) == (3, "string")
    assert asked.stderr == ("restore overwrites files: off a terminal it needs --yes (or --dry-run)\n")
    assert (done.returncode, restored) == (0, "copper")
    assert "restored 1 files" in done.stdout
    assert document["written"] == ["files/wires/red"]
    assert wire.read_text("utf-8") == "string"


def test_nothing_to_restore_is_done_and_a_path_that_no_snapshot_holds_is_not(ground: Ground) -> None:
    taken(ground)

    assert ground.run("restore", "--yes").returncode == 0
    assert ground.run("restore", "--path", "none", "--yes").returncode == 1


@pytest.mark.parametrize(("answer", "content"), [(b"y\n", "copper"), (b"no\n", "string")])
def test_on_a_terminal_a_person_is_asked(ground: Ground, answer: bytes, content: str) -> None:
    taken(ground)
    (ground.workspace / "wires" / "red").write_text("string", "utf-8")
    ours, theirs = pty.openpty()
    os.write(ours, answer)
    ran = subprocess.run(
        [sys.executable, "-m", "tests.toy_program", "restore"],
        cwd=ROOT,
        env=ground.child_environment(),
        stdin=theirs,
        capture_output=True,
        text=True,
        check=False,
    )
    os.close(ours)
    os.close(theirs)

    assert ran.stderr.startswith("overwrite 1 files? [y/N]\n")
    assert ran.returncode == (0 if content == "copper" else 1)
    assert (ground.workspace / "wires" / "red").read_text("utf-8") == content


def test_prune_says_what_it_would_remove_and_removes_it(ground: Ground) -> None:
    path = ground.workspace / "automation" / "redundancy-config.json"
    path.parent.mkdir()
    path.write_text('{"backups": {"retention": {"keepLast": 1}}}', "utf-8")
    for number in range(4):
        (ground.workspace / "wires" / "red").write_text(str(number), "utf-8")
        taken(ground)
    dry = ground.run("prune", "--dry-run").stdout
    before = len(json.loads(ground.run("backups", "--json").stdout))
    removed = [line.rpartition(" ")[2] for line in dry.splitlines() if line.startswith("would remove")]
    document = json.loads(ground.run("prune", "--json").stdout)
    after = [one["id"] for one in json.loads(ground.run("backups", "--json").stdout)]

    assert before == 4
    assert "keeps " in dry
    assert document["removed"] == removed
    assert len(after) == 4 - len(removed)


def test_what_cannot_be_read_is_left_out_and_said_and_a_broken_file_is_marked(ground: Ground) -> None:
    (ground.workspace / "lamps.json").write_text("torn {", "utf-8")
    os.mkfifo(ground.workspace / "wires" / "pipe")
    ran = ground.run("backup")
    listed = ground.run("backups").stdout

    assert ran.returncode == 1
    assert "left out: wires/pipe: " in ran.stderr.replace("files/", "")
    assert "holds files that are not valid" in listed


def test_a_backup_that_fails_says_why_and_keeps_that_for_the_report(ground: Ground) -> None:
    (ground.workspace / "backups").mkdir(mode=0o700)
    (ground.workspace / "backups" / "lamp").write_text("in the way", "utf-8")
    ran = ground.run("backup")

    assert ran.returncode == 1
    assert ran.stderr.count("\n") == 1


# --- by the clock ---


def schedule(ground: Ground, clock: SteppedClock) -> BackupSchedule:
    """Return the schedule of a guard over the lamps."""
    return BackupSchedule(ground.context(clock, BACKED_UP))


def test_without_snapshots_nothing_is_scheduled(ground: Ground) -> None:
    plan = BackupSchedule(ground.context(SteppedClock()))
    plan.go_on()
    plan.close()

    assert (plan.next_s(), plan.fds()) == (None, ())


def test_the_next_backup_is_due_an_interval_after_the_last_even_when_the_clock_was_set_back(
    ground: Ground,
) -> None:
    clock = SteppedClock()
    at_once = schedule(ground, clock).next_s()
    path = ground.state / "backup.json"
    write_outcome(path, lastAt="2027-01-15T07:30:00Z")  # half an hour ago
    later = schedule(ground, clock).next_s()
    write_outcome(path, lastAt="2027-02-15T08:00:00Z")  # a month ahead
    ahead = schedule(ground, clock).next_s()

    assert at_once == clock.elapsed_s()
    assert later == pytest.approx(clock.elapsed_s() + 1800.0)
    assert ahead == pytest.approx(clock.elapsed_s() + 3600.0)


def test_a_backup_that_failed_or_could_not_start_is_logged_and_the_next_is_due_in_an_interval(
    ground: Ground, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no such script beside the engine: the child fails."""
    caplog.set_level(logging.INFO, "redundancy")
    clock = SteppedClock()
    plan = schedule(ground, clock)
    plan.go_on()
    (descriptor,) = plan.fds()
    limit_s = plan.next_s()

    def has_ended() -> bool:
        plan.go_on()
        return descriptor not in plan.fds()

    eventually("the end of the child", has_ended)
    due_s = plan.next_s()
    monkeypatch.setattr(sys, "executable", str(ground.workspace / "none"))
    clock.wait(3600.0)
    plan.go_on()

    assert limit_s == pytest.approx(1000.0 + backup_schedule.CHILD_LIMIT_S)
    assert due_s == pytest.approx(1000.0 + 3600.0)
    assert [one.reason for one in caplog.records if one.message == "backup_failed"] == [  # type: ignore[attr-defined]
        "exit status 2",
        "the child could not be started",
    ]


def test_a_backup_that_hangs_is_ended_and_one_that_is_forgotten_goes_on(
    ground: Ground, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeper = ground.workspace / "sleeper"
    sleeper.write_text("#!/bin/sh\nexec sleep 600\n", "utf-8")
    sleeper.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(sleeper))
    clock = SteppedClock()
    plan = schedule(ground, clock)
    plan.go_on()
    plan.go_on()
    running = plan.fds()
    clock.wait(backup_schedule.CHILD_LIMIT_S)
    plan.go_on()
    ended = plan.fds()
    sleeper.write_text("#!/bin/sh\nexit 0\n", "utf-8")
    clock.wait(3600.0)
    plan.go_on()
    plan.close()

    assert len(running) == 1
    assert ended == ()
    assert "backup_failed" in caplog.messages
    assert plan.fds() == ()


def test_the_report_says_what_was_last_done_about_backups(ground: Ground) -> None:
    name = taken(ground)
    with guard(ground, SteppedClock(), BACKED_UP) as guarded:
        run_cycle(guarded)
        good = ground.report()["backup"]
        (ground.state / "backup.json").write_text("torn {", "utf-8")
        run_cycle(guarded)

    assert (good["lastId"], good["count"], good["failure"]) == (name, 1, None)
    assert ground.report()["backup"]["lastId"] is None
