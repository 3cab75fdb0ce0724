"""`restore` over lamps: its plan, its question, its way back, and whom it waits for."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from automation.ports.locks import take_lock
from automation.stores.backup_outcomes import read_outcome
from tests.toy_ground import ROOT, Ground

pytestmark = pytest.mark.timeout(40)


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    """Give a workspace with a snapshot of two files, one of which has changed since."""
    made = Ground(tmp_path, {"LAMP_BACKUPS": "1"})
    made.lamps({"hall": "on"})
    (tmp_path / "wires").mkdir()
    (tmp_path / "wires" / "red").write_text("copper", "utf-8")
    assert made.quick("backup").returncode == 0
    wire(made).write_text("string", "utf-8")
    return made


def wire(ground: Ground) -> Path:
    return ground.workspace / "wires" / "red"


def first(ground: Ground) -> str:
    """Return the id of the oldest snapshot."""
    return str(json.loads(ground.quick("backups", "--json").stdout)[0]["id"])


def test_the_plan_is_shown_and_nothing_is_done_without_a_yes(ground: Ground) -> None:
    dry = ground.quick("restore", "--dry-run")
    document = json.loads(ground.quick("restore", "--dry-run", "--json").stdout)
    unasked = ground.quick("restore")

    name = first(ground)
    assert dry.stdout.splitlines() == [
        f"changed  files/wires/red  (from {name})",
        "1 to write (1 changed), 1 the same, 0 not in the snapshot (left alone)",
    ]
    assert {one["path"]: one["change"] for one in document["files"]} == {
        "files/lamps.json": "same",
        "files/wires/red": "changed",
    }
    assert (dry.returncode, unasked.returncode) == (0, 3)
    assert unasked.stderr == "restore overwrites files: off a terminal it needs --yes (or --dry-run)\n"
    assert wire(ground).read_text("utf-8") == "string"


def test_what_was_overwritten_and_what_was_made_is_undone_by_the_command_that_it_names(
    ground: Ground,
) -> None:
    (ground.workspace / "lamps.json").unlink()
    done = ground.quick("restore", "--yes")
    restored = (wire(ground).read_text("utf-8"), (ground.workspace / "lamps.json").exists())
    undo = re.search(r"`enhanced-lamp-redundancy (restore \S+)` undoes this", done.stdout)
    assert undo is not None
    undone = ground.quick(*undo[1].split(), "--yes")

    assert (done.returncode, restored) == (0, ("copper", True))
    assert "2 to write (1 new, 1 changed)" in done.stdout
    assert "restored 2 files\n" in done.stdout
    assert undone.returncode == 0
    assert "restored 1 file, removed 1 that an earlier restore had made\n" in undone.stdout
    assert wire(ground).read_text("utf-8") == "string"
    assert not (ground.workspace / "lamps.json").exists()
    reported = (ground.state / "outcomes.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["step"] for line in reported if line] == ["restore", "restore"]
    assert [(one["step"], one.get("ok")) for one in ground.audit()] == [
        ("restore", None),
        ("restore", True),
    ] * 2


def test_the_document_says_what_was_done(ground: Ground) -> None:
    name = first(ground)
    said = json.loads(ground.quick("restore", name[:-1], "--yes", "--json").stdout)

    assert (said["id"], said["written"], said["removed"], said["failed"]) == (
        name,
        ["files/wires/red"],
        [],
        [],
    )
    assert said["savedAs"] > name
    assert read_outcome(ground.state / "backup.json")["count"] == 2


def test_what_the_snapshot_does_not_hold_is_left_alone_and_named(ground: Ground) -> None:
    name = first(ground)
    (ground.workspace / "wires" / "blue").write_text("tin", "utf-8")
    ground.quick("backup")
    shown = ground.quick("restore", name, "--dry-run").stdout.splitlines()
    ground.quick("restore", name, "--yes")

    assert "alone    files/wires/blue  (not in the snapshot: left alone)" in shown
    assert shown[-1].endswith("1 the same, 1 not in the snapshot (left alone)")
    assert (ground.workspace / "wires" / "blue").read_text("utf-8") == "tin"


def test_only_what_is_asked_for_comes_back_by_a_path_of_the_workspace_or_from_the_root_on(
    ground: Ground,
) -> None:
    ground.lamps({"hall": "off"})
    by_root = ground.quick("restore", "--path", str(ground.workspace / "wires"), "--dry-run")
    ran = ground.quick("restore", "--path", "./wires/", "--yes")

    assert by_root.stdout.splitlines()[0].startswith("changed  files/wires/red")
    assert ran.returncode == 0
    assert wire(ground).read_text("utf-8") == "copper"
    assert "off" in (ground.workspace / "lamps.json").read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ("--path", "none"),
            "none: no snapshot holds it; `restore --dry-run` without --path shows what there is",
        ),
        (("latest", "--path", "none"), "none: snapshot "),
        (("--path", "/etc/passwd"), "refused: /etc/passwd: is absolute"),
        (("--path", "../x"), "refused: ../x: climbs out with '..'"),
    ],
)
@pytest.mark.parametrize("how", ["--dry-run", "--yes"])
def test_a_path_that_matches_nothing_is_one_clear_line(
    ground: Ground, words: tuple[str, ...], line: str, how: str
) -> None:
    ran = ground.quick("restore", *words, how)

    assert ran.returncode == 1
    assert (
        ran.stdout
        == "0 to write, 0 the same, "
        + ("0" if "refused" in line else "1")
        + " not in the snapshot (left alone)\n"
    )
    assert ran.stderr.startswith(line)
    assert ran.stderr.count("\n") == 1


def test_what_can_be_restored_is_and_the_rest_is_named(ground: Ground) -> None:
    ran = ground.quick("restore", "--path", "none", "--path", "wires", "--yes")

    assert ran.returncode == 1
    assert ran.stderr.startswith("none: no snapshot holds it")
    assert wire(ground).read_text("utf-8") == "copper"


def test_a_folder_in_a_files_place_is_named_and_left(ground: Ground) -> None:
    wire(ground).unlink()
    wire(ground).mkdir()
    ran = ground.quick("restore", "--yes")

    assert (ran.returncode, ran.stderr) == (
        1,
        "refused: files/wires/red: a folder is in its place: move it away first\n",
    )


def test_nothing_to_restore_is_done(ground: Ground) -> None:
    wire(ground).write_text("copper", "utf-8")

    assert ground.quick("restore", "--yes").returncode == 0


@pytest.mark.parametrize(
    ("answer", "content"), [(b"y\n", "copper"), (b"no\n", "string"), (b"\x04", "string")]
)
def test_on_a_terminal_a_person_is_asked(ground: Ground, answer: bytes, content: str) -> None:
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
        timeout=30,
    )
    os.close(ours)
    os.close(theirs)

    assert ran.stderr.startswith("overwrite 1 file? [y/N]\n")
    assert ran.returncode == (0 if content == "copper" else 1)
    assert wire(ground).read_text("utf-8") == content


# --- two at once --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lock", "command"),
    [
        ("logs/state/lamp/action.lock", ("restore", "--yes")),
        ("backups/lamp/.lock", ("restore", "--yes")),
        ("backups/lamp/.lock", ("backup",)),
        ("backups/lamp/.lock", ("backup", "--scheduled")),
        ("backups/lamp/.lock", ("prune",)),
    ],
)
def test_s5_whoever_comes_second_exits_75_and_names_the_holder(
    ground: Ground, lock: str, command: tuple[str, ...]
) -> None:
    path = ground.workspace / lock
    path.parent.mkdir(parents=True, exist_ok=True)
    held = take_lock(path, purpose="a restore by hand", since="2026-11-24T10:15:00Z")
    before = read_outcome(ground.state / "backup.json")
    run = ground.run if "--scheduled" in command else ground.quick
    ran = run(*command)
    held.release()
    again = run(*command)

    assert ran.returncode == 75
    assert ran.stderr == (
        f"{path.name} is held by pid {os.getpid()} since 2026-11-24T10:15:00Z, "
        "for a restore by hand; try again\n"
    )
    assert read_outcome(ground.state / "backup.json")["failure"] == before["failure"] is None
    assert again.returncode == 0


def test_backups_and_restores_at_once_all_end_well_or_busy_and_leave_whole_snapshots(ground: Ground) -> None:
    words = (("backup",), ("restore", "--yes"), ("backup",), ("restore", "--yes"), ("prune",))
    children = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.toy_program", *one],
            cwd=ROOT,
            env=ground.child_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for one in words
    ]
    statuses = {child.wait(30) for child in children}

    assert statuses <= {0, 1, 75}
    assert 0 in statuses
    assert ground.quick("verify", "--all").returncode == 0
    assert ground.quick("backup").returncode == 0
