"""Backup, restore, recovery and prune over all systems: what was taken together comes back together."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from automation.ports.clock import SystemClock
from automation.ports.locks import take_lock
from automation.systems.master import SYSTEM, programs, tokens
from tests.master_ground import Ground, make_ground, peer_of

pytestmark = pytest.mark.timeout(60)

ONLY_THE_NEWEST = {"keepLast": 1, "keepHourly": 0, "keepDaily": 0, "keepWeekly": 0, "keepMonthly": 0}


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
    made = make_ground(tmp_path, monkeypatch)
    made.guard("pm2", hall="on")
    made.guard("github", attic="on")
    return made


@pytest.fixture
def out(capsys: pytest.CaptureFixture[str]) -> pytest.CaptureFixture[str]:
    return capsys


def taken(ground: Ground, out: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """Take a set and return the document that says so."""
    out.readouterr()
    ground.run("backup", "--json", *words)
    said: dict[str, Any] = json.loads(out.readouterr().out)
    return said


def lamp(ground: Ground, name: str) -> dict[str, str]:
    """Return a guard's lamps as they are."""
    said: dict[str, str] = json.loads((ground.workspace / f"{name}.json").read_text("utf-8"))["lamps"]
    return said


# --- backup -------------------------------------------------------------------------------------------------


def test_a_backup_takes_every_system_and_names_the_snapshots_as_one_set(
    ground: Ground, out: pytest.CaptureFixture[str]
) -> None:
    said = taken(ground, out)

    own = ground.workspace / "backups" / "master" / said["id"] / "set" / "set.json"
    named = json.loads(own.read_text("utf-8"))
    assert (named["set"], named["whole"], named["snapshots"]) == (said["set"], True, said["snapshots"])
    assert set(said["snapshots"]) == {"pm2", "github"}
    for name, id_ in said["snapshots"].items():
        manifest = ground.workspace / "backups" / peer_of(name).backups / id_ / "manifest.json"
        assert f"(set {said['set']})" in json.loads(manifest.read_text("utf-8"))["reason"]


def test_a_system_that_did_not_change_stands_in_the_next_set_with_its_older_snapshot(
    ground: Ground, out: pytest.CaptureFixture[str]
) -> None:
    first = taken(ground, out)
    ground.lamps("pm2", {"hall": "dim"})
    second = taken(ground, out)

    assert second["snapshots"]["github"] == first["snapshots"]["github"]
    assert second["snapshots"]["pm2"] > first["snapshots"]["pm2"]
    ground.run("backup")
    assert f"github: unchanged since {first['snapshots']['github']}" in out.readouterr().out


def test_what_a_restore_put_aside_is_never_taken_for_this_moment(
    ground: Ground, out: pytest.CaptureFixture[str]
) -> None:
    first = taken(ground, out)
    ground.lamps("pm2", {"hall": "broken"})
    ground.run("restore", "--yes")
    second = taken(ground, out)

    assert second["snapshots"] == first["snapshots"]


def test_a_backup_that_failed_makes_a_set_that_is_not_whole_and_names_no_old_snapshot(
    ground: Ground, out: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = taken(ground, out)
    monkeypatch.setattr(programs, "BUSY_WAIT_S", 0.0)
    held = take_lock(ground.workspace / "backups" / "github-actions" / ".lock", purpose="a test", since="now")
    status = ground.run("backup")
    complained = out.readouterr().err
    held.release()
    ground.lamps("pm2", {"hall": "dim"})
    out.readouterr()

    assert status == 75
    assert "github: exit status 75" in complained
    newest = max((ground.workspace / "backups" / "master").glob("2*"))
    assert set(json.loads((newest / "set" / "set.json").read_text("utf-8"))["snapshots"]) == {"pm2"}
    assert ground.run("restore", "--yes") == 0  # the newest whole one
    assert first["id"] in out.readouterr().out


# --- restore ------------------------------------------------------------------------------------------------


def test_a_restore_brings_every_system_back_as_its_set_has_it(
    ground: Ground, out: pytest.CaptureFixture[str]
) -> None:
    first = taken(ground, out)
    for name in ("pm2", "github"):
        ground.lamps(name, {"hall": "dim"})
    second = taken(ground, out)
    (ground.workspace / "github.json").unlink()

    assert ground.run("restore", first["id"], "--yes") == 0
    assert (lamp(ground, "pm2"), lamp(ground, "github")) == ({"hall": "on"}, {"attic": "on"})
    assert ground.run("restore", "--yes") == 0
    assert (lamp(ground, "pm2"), lamp(ground, "github")) == ({"hall": "dim"}, {"hall": "dim"})
    assert second["id"] in out.readouterr().out
    restores = [one["event"] for one in ground.audit() if one["step"] == "restore"]
    assert restores == ["act", "acted"] * 4


def test_a_dry_run_prints_each_systems_plan_and_changes_nothing(
    ground: Ground, out: pytest.CaptureFixture[str]
) -> None:
    taken(ground, out)
    ground.lamps("pm2", {"hall": "dim"})
    (ground.workspace / "github.json").unlink()

    assert ground.run("restore", "--dry-run") == 0
    said = out.readouterr().out.splitlines()
    assert any(line.startswith("pm2: changed  files/pm2.json") for line in said)
    assert any(line.startswith("github: new      files/github.json") for line in said)
    assert lamp(ground, "pm2") == {"hall": "dim"}


def test_off_a_terminal_a_restore_needs_yes_and_shows_its_plan(
    ground: Ground, out: pytest.CaptureFixture[str]
) -> None:
    taken(ground, out)
    ground.lamps("pm2", {"hall": "dim"})
    ran = ground.finished("restore")

    assert ran.returncode == 3
    assert "pm2: 1 to write" in ran.stdout
    assert ran.stderr.splitlines() == [
        "restore overwrites files: off a terminal it needs --yes (or --dry-run)"
    ]
    assert lamp(ground, "pm2") == {"hall": "dim"}


@pytest.mark.parametrize(("answer", "status", "state"), [("n", 1, "dim"), ("y", 0, "on")])
def test_on_a_terminal_a_restore_asks(
    ground: Ground, out: pytest.CaptureFixture[str], answer: str, status: int, state: str
) -> None:
    taken(ground, out)
    ground.lamps("pm2", {"hall": "dim"})
    master, slave = pty.openpty()
    os.write(master, f"{answer}\n".encode())
    ran = subprocess.run(
        [
            sys.executable,
            str(ground.suite / SYSTEM.script),
            "--workspace",
            str(ground.workspace),
            "restore",
        ],
        env={"PATH": os.environ["PATH"]} | ground.environment,
        stdin=slave,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    os.close(master)
    os.close(slave)

    assert "overwrite 1 file? [y/N]" in ran.stderr
    assert (ran.returncode, lamp(ground, "pm2")) == (status, {"hall": state})


def test_a_path_is_restored_by_the_system_that_has_it(
    ground: Ground, out: pytest.CaptureFixture[str]
) -> None:
    taken(ground, out)
    for name in ("pm2", "github"):
        ground.lamps(name, {"hall": "dim"})

    assert ground.run("restore", "--path", "./github.json", "--yes") == 0
    assert (lamp(ground, "pm2"), lamp(ground, "github")) == ({"hall": "dim"}, {"attic": "on"})
    out.readouterr()
    assert ground.run("restore", "--path", "nowhere.json", "--yes") == 1
    assert "nowhere.json: no snapshot of this set has it" in out.readouterr().err
    assert ground.run("restore", "--path", "/etc/passwd", "--dry-run") == 1
    assert "is absolute" in out.readouterr().err


def test_what_is_not_there_is_refused_in_one_line(ground: Ground, out: pytest.CaptureFixture[str]) -> None:
    assert ground.run("restore", "--yes") == 3
    assert ground.run("restore", "20260101T000000Z-0000", "--yes") == 3
    complained = out.readouterr().err.splitlines()
    assert complained == [
        "there is no whole set yet: `backup` takes one",
        "there is no snapshot '20260101T000000Z-0000'; see the list of `backups`",
    ]


def test_s21_an_emergencys_set_and_a_damaged_one_are_never_the_newest_whole(
    ground: Ground, out: pytest.CaptureFixture[str]
) -> None:
    good = taken(ground, out)
    ground.lamps("pm2", {"hall": "dim"})
    damaged = taken(ground, out)
    path = ground.workspace / "backups" / "master" / damaged["id"] / "set" / "set.json"
    path.write_text("torn {", "utf-8")
    ground.lamps("pm2", {"hall": "broken"})
    taken(ground, out, "--emergency")

    assert ground.run("restore", "--yes") == 0
    assert good["id"] in out.readouterr().out
    assert lamp(ground, "pm2") == {"hall": "on"}
    assert ground.run("restore", damaged["id"], "--yes") == 1


def test_s21_a_set_with_an_invalid_file_is_taken_only_by_its_id(
    ground: Ground, out: pytest.CaptureFixture[str]
) -> None:
    good = taken(ground, out)
    (ground.workspace / "github.json").write_text('{"lamps": ', "utf-8")
    broken = taken(ground, out)

    assert ground.run("restore", "--yes") == 0
    assert good["id"] in out.readouterr().out
    assert lamp(ground, "github") == {"attic": "on"}
    assert ground.run("restore", broken["id"], "--yes") == 0
    shutil.rmtree(ground.workspace / "backups" / "master" / good["id"])
    assert ground.run("restore", "--dry-run") == 3
    assert f"every whole set holds a file that was not valid; `restore {broken['id']}` takes" in (
        out.readouterr().err
    )


def test_a_copy_with_a_wrong_hash_is_refused_and_the_others_come_back(
    ground: Ground, out: pytest.CaptureFixture[str]
) -> None:
    said = taken(ground, out)
    copy = ground.workspace / "backups" / "pm2" / said["snapshots"]["pm2"] / "files" / "pm2.json"
    copy.write_text("{}", "utf-8")
    for name in ("pm2", "github"):
        ground.lamps(name, {"hall": "dim"})

    assert ground.run("restore", said["id"], "--yes") == 1
    assert (lamp(ground, "pm2"), lamp(ground, "github")) == ({"hall": "dim"}, {"attic": "on"})
    assert "is damaged" in out.readouterr().err


def test_a_system_of_the_set_that_is_not_installed_is_named(
    ground: Ground, out: pytest.CaptureFixture[str]
) -> None:
    taken(ground, out)
    ground.lamps("pm2", {"hall": "dim"})
    (ground.suite / peer_of("github").script).unlink()

    assert ground.run("restore", "--yes") == 1
    assert "github: is in the set and not installed here" in out.readouterr().err
    assert lamp(ground, "pm2") == {"hall": "on"}


# --- prune --------------------------------------------------------------------------------------------------


def test_s22_pruning_a_guards_snapshots_keeps_what_a_kept_set_names(
    ground: Ground, out: pytest.CaptureFixture[str]
) -> None:
    settings = ground.workspace / "automation" / "redundancy-config.json"
    settings.parent.mkdir()
    settings.write_text(json.dumps({"backups": {"retention": ONLY_THE_NEWEST}}), "utf-8")
    first = taken(ground, out)
    for state in ("dim", "flickers", "on again"):
        ground.lamps("pm2", {"hall": state})
        programs.programs(ground.context(SystemClock())).run(peer_of("pm2"), "backup", "--prune")
    left = {path.name for path in (ground.workspace / "backups" / "pm2").glob("2*")}

    assert first["snapshots"]["pm2"] in left
    assert len(left) == 2
    assert ground.run("restore", first["id"], "--yes") == 0
    assert lamp(ground, "pm2") == {"hall": "on"}
    ground.lamps("github", {"attic": "dim"})
    taken(ground, out, "--prune")  # the first set goes, and with it the pin
    programs.programs(ground.context(SystemClock())).run(peer_of("pm2"), "prune")
    assert first["id"] not in {path.name for path in (ground.workspace / "backups" / "master").glob("2*")}


# --- recovery -----------------------------------------------------------------------------------------------


def test_a_recovery_lets_every_guard_climb_and_returns_what_is_left(
    ground: Ground, out: pytest.CaptureFixture[str]
) -> None:
    ground.lamps("github", {"attic": "off"}, cures={"switch": ["attic"]})

    assert ground.run("recovery", "--dry-run") == 0
    assert "github: attic: lamp-off: switch → replace" in out.readouterr().out
    assert ground.acts("github") == []
    assert ground.run("recovery", "--subject", "attic") == 0
    assert ground.acts("github") == ["switch attic"]
    (ground.logs / "state" / "github").mkdir(exist_ok=True)
    held = take_lock(ground.logs / "state" / "github" / "action.lock", purpose="a test", since="now")
    assert ground.run("recovery") == 75
    held.release()
    ground.lamps("pm2", {}, blind="dark")
    assert ground.run("recovery") == 1


def test_without_any_guard_there_is_nothing_to_recover(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bare").mkdir()
    bare = make_ground(tmp_path / "bare", monkeypatch)

    assert bare.run("recovery") == 0
    assert "no guard is installed" in out.readouterr().out
    assert bare.run("emergency") == 1


def test_a_program_that_cannot_be_run_is_a_result_and_not_an_error(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    ran = programs.programs(ground.context(SystemClock())).run(peer_of("pm2"), "check")

    assert ran.status == 126
    assert "exit status 126" in programs.how_it_ended(ran)


@pytest.mark.parametrize(
    ("given", "lacks", "well"),
    [
        ({}, True, True),
        ({"GITHUB_TOKEN_FILE": "/t"}, False, True),
        ({"GITHUB_TOKEN": "t"}, False, False),
        ({"GITHUB_TOKEN": "t", "GITHUB_TOKEN_FILE": "/t"}, False, True),
        ({"GITHUB_TOKEN_FILE": ""}, True, True),
    ],
)
def test_s19_what_a_program_leaves_out_for_want_of_a_token_is_said(
    given: dict[str, str],
    lacks: bool,  # noqa: FBT001  # a parameter
    well: bool,  # noqa: FBT001  # the same
) -> None:
    assert bool(tokens.lacks_token(peer_of("github"), given)) is lacks
    assert tokens.where_the_token_is(peer_of("github"), given)[1] is well
    assert tokens.lacks_token(peer_of("pm2"), given) == ""


def test_s19_recovery_and_doctor_say_that_the_token_is_missing_or_in_the_wrong_place(
    ground: Ground, out: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GITHUB_TOKEN", "GITHUB_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    ground.run("recovery")
    without = out.readouterr().err
    monkeypatch.setenv("GITHUB_TOKEN", "never-to-be-seen")
    ground.run("recovery")
    said = out.readouterr().err
    ground.run("doctor")
    shown = out.readouterr().out

    assert "github: without GITHUB_TOKEN_FILE" in without
    assert said == ""
    assert "GITHUB_TOKEN reaches the guard alone" in shown
    assert "no report yet" in shown
    assert "never-to-be-seen" not in shown


def test_s19_programs_get_settings_tokens_and_the_way_out_and_nothing_else() -> None:
    given = {"PM2_HOME": "h", "GITHUB_TOKEN": "t", "https_proxy": "p", "pm_id": "3", "AWS_SECRET": "s"}

    assert programs.passed_on(given) == {"PM2_HOME": "h", "GITHUB_TOKEN": "t", "https_proxy": "p"}
