"""`backup`, `backups`, `verify` and `prune` over lamps, and the backups that the loop starts."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from pathlib import Path

import pytest

from automation.engine import backup_schedule
from automation.engine.backup_schedule import BackupSchedule
from automation.engine.cycle import run_cycle
from automation.ports.clock import SteppedClock
from automation.stores.backup_outcomes import read_outcome, write_outcome
from tests.toy_ground import Ground, eventually, guard
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
    said = json.loads(ground.quick("backup", "--json", *words).stdout)
    return str(said["id"])


def snapshot_file(ground: Ground, name: str, path: str) -> Path:
    """Return where a snapshot keeps a file."""
    return ground.workspace / "backups" / "lamp" / name / "files" / path


def damage(ground: Ground, name: str) -> None:
    """Change a byte of a snapshot's copy of the red wire."""
    kept = snapshot_file(ground, name, "wires/red")
    kept.chmod(0o600)
    kept.write_text("cooper", "utf-8")


def keep(ground: Ground, **counts: object) -> None:
    """Set the retention: nothing but the newest snapshot, and what is given."""
    nothing = {"keepLast": 1, "keepHourly": 0, "keepDaily": 0, "keepWeekly": 0, "keepMonthly": 0}
    path = ground.workspace / "automation" / "redundancy-config.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"backups": {"retention": nothing | counts}}), "utf-8")


def test_a_backup_says_what_it_took_and_nothing_new_is_no_new_one(ground: Ground) -> None:
    first, second = ground.quick("backup", "--reason", "before the move"), ground.quick("backup")
    listed = ground.quick("backups").stdout
    (row,) = json.loads(ground.quick("backups", "--json").stdout)
    outcome = read_outcome(ground.state / "backup.json")

    assert re.fullmatch(r"\S+: 2 files, \d+ bytes\n", first.stdout)
    assert second.stdout == "nothing changed since the last snapshot: no new one\n"
    assert json.loads(ground.quick("backup", "--json").stdout) == {
        "id": None,
        "changed": False,
        "leftOut": [],
    }
    assert listed.startswith(f"{row['id']}  ")
    assert listed.endswith("(before the move)\n")
    assert (row["files"], row["verified"], row["allValid"], row["damage"]) == (2, True, True, None)
    assert (outcome["count"], outcome["lastId"], outcome["failure"]) == (1, row["id"], None)
    assert (ground.workspace / "backups").stat().st_mode & 0o777 == 0o700


def test_before_the_first_snapshot_each_command_says_so(ground: Ground) -> None:
    assert ground.quick("backups").stdout == "no snapshots yet\n"
    for words in (("verify",), ("restore", "--yes"), ("restore", "--dry-run", "--json")):
        ran = ground.quick(*words)
        assert (ran.returncode, ran.stderr) == (1, "no snapshots yet\n")
    assert (ground.quick("prune").returncode, ground.quick("prune").stdout) == (0, "no snapshots yet\n")


def test_what_a_list_says_of_a_snapshot_that_lacks_a_file_or_is_of_an_emergency(ground: Ground) -> None:
    os.mkfifo(ground.workspace / "wires" / "pipe")
    ground.quick("backup", "--emergency")

    assert ", 1 left out, taken in an emergency  (by hand)" in ground.quick("backups").stdout


def test_a_default_restore_says_which_snapshot_can_give_nothing_back(ground: Ground) -> None:
    name = taken(ground)
    (ground.workspace / "backups" / "lamp" / name / "manifest.json").write_bytes(b"")
    ran = ground.quick("restore", "--dry-run")

    assert (ran.returncode, ran.stdout.startswith("0 to write")) == (0, True)
    assert ran.stderr.startswith(f"{name}: gives nothing back: ")
    assert "manifest.json: is no JSON" in ran.stderr


def test_a_damaged_snapshot_is_named_and_exits_1(ground: Ground) -> None:
    name = taken(ground)
    whole = ground.quick("verify")
    damage(ground, name)
    (ground.workspace / "wires" / "red").unlink()  # where it could have been repaired from
    text, document = ground.quick("verify", "--all"), ground.quick("verify", name[:-2], "--json")
    (said,) = json.loads(document.stdout)

    assert (whole.returncode, whole.stdout) == (0, f"{name}: every byte is as it was\n")
    assert (text.returncode, document.returncode) == (1, 1)
    assert text.stdout == f"{name}: DAMAGED\n"
    assert text.stderr == f"{name}: files/wires/red: has other bytes than were taken\n"
    assert (said["id"], said["ok"], said["repaired"]) == (name, False, [])
    assert said["bad"] == [{"path": "files/wires/red", "reason": "has other bytes than were taken"}]


def test_what_can_be_repaired_is_repaired_and_said(ground: Ground) -> None:
    name = taken(ground)
    damage(ground, name)
    ran = ground.quick("verify")
    again = json.loads(ground.quick("verify", "latest", "--json").stdout)

    assert ran.returncode == 0
    assert ran.stdout.startswith(f"{name}: repaired 1 file that had changed or gone\n")
    assert "repaired: files/wires/red: " in ran.stdout
    assert again[0]["repaired"] == []


def test_verify_takes_an_id_or_all_and_says_when_there_is_nothing(ground: Ground) -> None:
    nothing = ground.quick("verify", "--json")
    taken(ground)
    both = ground.quick("verify", "latest", "--all")

    assert (nothing.returncode, json.loads(nothing.stdout)) == (1, [])
    assert (both.returncode, both.stderr) == (3, "verify: give an id or --all, not both\n")


def test_verify_all_names_what_a_newer_version_wrote(ground: Ground) -> None:
    name = taken(ground)
    manifest = ground.workspace / "backups" / "lamp" / name / "manifest.json"
    manifest.write_text(manifest.read_text("utf-8").replace('"schema": 1', '"schema": 9'), "utf-8")
    ran = ground.quick("verify", "--all")

    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == f"{name}: not verified: a newer version wrote it, or it was removed meanwhile\n"


@pytest.mark.parametrize("command", ["verify", "restore"])
def test_an_id_that_means_none_or_several_is_refused_in_one_line(ground: Ground, command: str) -> None:
    taken(ground)
    (ground.workspace / "wires" / "red").write_text("tin", "utf-8")
    taken(ground)
    for wanted, line in (
        ("nonsense", "there is no snapshot 'nonsense'; see the list of `backups`\n"),
        ("2", "2 snapshots begin with '2'; give more of the id: … "),
    ):
        ran = ground.quick(command, wanted)

        assert ran.returncode == 3
        assert ran.stdout == ""
        assert ran.stderr.startswith(line)
        assert ran.stderr.count("\n") == 1


def several(ground: Ground, count: int) -> list[str]:
    """Take so many snapshots, each with another wire."""
    names = []
    for number in range(count):
        (ground.workspace / "wires" / "red").write_text(str(number), "utf-8")
        names.append(taken(ground))
    return names


def listed(ground: Ground) -> list[str]:
    """Return the ids that `backups` lists."""
    return [one["id"] for one in json.loads(ground.quick("backups", "--json").stdout)]


def test_prune_says_what_it_would_remove_and_why_the_rest_stays_and_removes_it(ground: Ground) -> None:
    keep(ground)
    names = several(ground, 4)
    dry = ground.quick("prune", "--dry-run").stdout.splitlines()
    before = listed(ground)
    document = json.loads(ground.quick("prune", "--json").stdout)

    assert dry[:3] == [f"would remove {name}" for name in names[:3]]
    assert dry[3].startswith(f"keeps {names[3]}: one of the last 1")
    assert before == names
    assert (document["dryRun"], document["removed"]) == (False, names[:3])
    assert [one["id"] for one in document["kept"]] == listed(ground) == names[3:]
    assert read_outcome(ground.state / "backup.json")["count"] == 1
    assert dry[4:] == ["3 to remove, 1 kept"]
    assert ground.quick("prune").stdout.splitlines() == [dry[3], "0 removed, 1 kept"]


@pytest.mark.parametrize(
    ("counts", "kept"), [({"keepLast": 3}, 3), ({"keepWithin": "7d"}, 4), ({"keepHourly": 5}, 2)]
)
def test_each_word_of_the_retention_keeps_what_it_says(
    ground: Ground, counts: dict[str, object], kept: int
) -> None:
    """All are of one hour, of which the newest and the oldest stay; at the turn of an hour one more does."""
    keep(ground, **counts)
    several(ground, 4)
    ground.quick("prune")

    assert len(listed(ground)) in {kept, kept + ("keepHourly" in counts)}


@pytest.mark.parametrize(
    ("counts", "line"),
    [
        ({"keepLast": 0}, "keepLast: expected a whole number from 1 to 10000, got 0"),
        ({"keepDaily": -1}, "keepDaily: expected a whole number from 0 to 10000, got -1"),
        ({"keepWithin": 7}, "keepWithin: expected 0, or a number with s, m, h or d, got 7"),
    ],
)
def test_a_retention_that_cannot_be_is_refused_before_anything_is_removed(
    ground: Ground, counts: dict[str, object], line: str
) -> None:
    taken(ground)
    keep(ground, **counts)
    ran = ground.quick("prune")

    assert (ran.returncode, ran.stdout) == (3, "")
    assert ran.stderr == f"automation/redundancy-config.json: backups.retention.{line}\n"


def test_what_cannot_be_read_is_left_out_and_said_and_a_broken_file_is_marked(ground: Ground) -> None:
    (ground.workspace / "lamps.json").write_text("torn {", "utf-8")
    os.mkfifo(ground.workspace / "wires" / "pipe")
    ran = ground.quick("backup")
    listed = ground.quick("backups").stdout

    assert ran.returncode == 1
    assert "left out: wires/pipe: " in ran.stderr.replace("files/", "")
    assert "holds files that are not valid" in listed


def test_a_backup_that_fails_says_why_and_keeps_that_for_the_report(ground: Ground) -> None:
    (ground.workspace / "backups").mkdir(mode=0o700)
    (ground.workspace / "backups" / "lamp").write_text("in the way", "utf-8")
    ran = ground.quick("backup")

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
        "its program ended with exit status 2",
        "its program could not be started",
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


@pytest.mark.parametrize(
    ("script", "trouble", "again_s"),
    [
        ("exit 75", "", backup_schedule.BUSY_AGAIN_S),
        ("exit 3", "its program ended with exit status 3", 3600.0),
        ("exit 1", "its program ended with exit status 1", 3600.0),
        ("exit 0", "its program ended with exit status 0", 3600.0),  # and has done nothing
        ('echo \'{"lastAt": "2027-01-15T08:00:00Z"}\' > "$STATE"; exit 0', "", 3600.0),
        ('echo \'{"lastAt": "2027-01-15T08:00:00Z"}\' > "$STATE"; exit 1', "", 3600.0),  # in part
        ('echo \'{"failedAt": "2027-01-15T08:00:00Z", "failure": "full"}\' > "$STATE"; exit 1', "", 3600.0),
        (
            'echo \'{"failedAt": "2027-01-15T08:00:00Z", "failure": "full"}\' > "$STATE"; kill -9 $$',
            "its program ended with exit status -9",
            3600.0,
        ),
    ],
)
def test_what_the_child_could_not_say_of_itself_is_known_and_a_busy_one_is_tried_again_soon(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, script: str, trouble: str, again_s: float
) -> None:
    child = ground.workspace / "child"
    child.write_text(f"#!/bin/sh\nSTATE='{ground.state / 'backup.json'}'\n{script}\n", "utf-8")
    child.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(child))
    clock = SteppedClock()
    plan = schedule(ground, clock)
    plan.go_on()
    (descriptor,) = plan.fds()

    def has_ended() -> bool:
        plan.go_on()
        return descriptor not in plan.fds()

    eventually("the end of the child", has_ended)

    assert plan.trouble == trouble
    assert plan.next_s() == pytest.approx(clock.elapsed_s() + again_s)


def test_what_the_child_could_not_say_of_itself_is_a_finding(ground: Ground) -> None:
    with guard(ground, SteppedClock(), BACKED_UP) as guarded:
        guarded.backups.trouble = "its program could not be started"
        run_cycle(guarded)
        (finding,) = ground.report()["findings"]
        run_cycle(guarded)

    assert finding["problem"] == "backup-failing"
    assert "its program could not be started; none has ended well yet" in finding["message"]
    (told,) = ground.report()["recovery"]["needsHuman"]
    assert told["problem"] == "backup-failing"
