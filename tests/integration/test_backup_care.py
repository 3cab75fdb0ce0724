"""Backups by the clock, as the loop's child takes them: retention, verification, and what the report says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from automation.core.moments import to_text
from automation.engine.backup_care import VERIFIED_EVERY_S, look_after
from automation.engine.backup_notes import note
from automation.engine.context import build
from automation.engine.cycle import run_cycle
from automation.engine.snapshots import store_of
from automation.ports.clock import SteppedClock, SystemClock
from automation.ports.gentle import LOWEST_LEVEL, NICENESS
from automation.stores.backup_outcomes import read_outcome
from automation.stores.backups import stamps
from automation.stores.backups.listing import Check, checks_to_bytes
from automation.stores.backups.place import CHECKS
from tests.toy_ground import ROOT, Ground, guard
from tests.toy_system import BACKED_UP

pytestmark = pytest.mark.timeout(60)

ONLY_THE_NEWEST = {"keepLast": 1, "keepHourly": 0, "keepDaily": 0, "keepWeekly": 0, "keepMonthly": 0}
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    """Give a workspace with something to keep."""
    made = Ground(tmp_path, {"LAMP_BACKUPS": "1"})
    made.lamps({"hall": "on"})
    (tmp_path / "wires").mkdir()
    wire(made).write_text("copper", "utf-8")
    return made


def wire(ground: Ground) -> Path:
    return ground.workspace / "wires" / "red"


def outcome(ground: Ground) -> dict[str, Any]:
    return dict(read_outcome(ground.state / "backup.json"))


def findings(ground: Ground) -> dict[str, dict[str, Any]]:
    """Look once as the loop does, and return what the report finds wrong, by problem."""
    with guard(ground, SteppedClock(), BACKED_UP) as guarded:
        run_cycle(guarded)
    return {one["problem"]: one for one in ground.report()["findings"]}


def snapshots(ground: Ground) -> list[str]:
    return sorted(path.name for path in (ground.workspace / "backups" / "lamp").glob("2*"))


def copy_of_the_wire(ground: Ground, name: str) -> Path:
    """Return a snapshot's copy of the wire, writable."""
    path = ground.workspace / "backups" / "lamp" / name / "files" / "wires" / "red"
    path.chmod(0o600)
    return path


def as_if_verified(ground: Ground, name: str, ago_s: float) -> None:
    """Let the record say that a snapshot was verified so long ago."""
    at = to_text(SystemClock().now_s() - ago_s)
    (ground.workspace / "backups" / "lamp" / CHECKS).write_bytes(checks_to_bytes({name: Check(at, 0)}))


def test_by_the_clock_the_policy_is_applied_ten_files_are_compared_and_the_report_says_all(
    ground: Ground,
) -> None:
    settings = ground.workspace / "automation" / "redundancy-config.json"
    settings.parent.mkdir()
    settings.write_text(json.dumps({"backups": {"retention": ONLY_THE_NEWEST}}), "utf-8")
    for metal in ("iron", "tin"):
        wire(ground).write_text(metal, "utf-8")
        ground.quick("backup")
    wire(ground).write_text("gold", "utf-8")
    ran = ground.run("backup", "--scheduled", "--json")

    said = outcome(ground)
    assert ran.returncode == 0
    assert snapshots(ground) == [json.loads(ran.stdout)["id"]] == [said["lastId"]]
    assert (said["spotCheck"]["files"], said["spotCheck"]["differ"]) == (2, [])
    assert findings(ground) == {}
    backup = ground.report()["backup"]
    assert sorted(backup) == ["bytes", "count", "failure", "lastAt", "lastId", "lastVerifiedAt"]
    assert backup == {key: said[key] for key in backup}
    assert (backup["count"], backup["bytes"]) == (1, (ground.workspace / "lamps.json").stat().st_size + 4)


def test_nothing_changed_is_no_new_snapshot_and_moves_the_moment_of_the_last_backup(ground: Ground) -> None:
    ground.run("backup", "--scheduled")
    before = outcome(ground)
    again = ground.run("backup", "--scheduled", "--json")

    after = outcome(ground)
    assert json.loads(again.stdout)["changed"] is False
    assert (after["count"], after["lastId"]) == (before["count"], before["lastId"])
    assert after["lastAt"] > before["lastAt"]


def test_everything_is_verified_once_a_day_and_what_cannot_be_repaired_is_a_finding(ground: Ground) -> None:
    ground.quick("backup")
    (name,) = snapshots(ground)
    copy_of_the_wire(ground, name).write_text("cooper", "utf-8")
    wire(ground).write_text("tin", "utf-8")  # from which it could have been repaired
    ground.run("backup", "--scheduled")
    fresh = findings(ground)
    as_if_verified(ground, name, VERIFIED_EVERY_S)
    ran = ground.run("backup", "--scheduled")
    late = findings(ground)["backup-damaged"]
    report = ground.quick("report").stdout
    copy_of_the_wire(ground, name).write_text("copper", "utf-8")
    ground.quick("verify", name)

    assert fresh == {}
    assert ran.returncode == 0
    assert (late["subject"], late["severity"]) == (name, "warning")
    assert f"`enhanced-lamp-redundancy verify {name}`" in late["advice"]
    assert f"backup-damaged  {name}" in report
    assert findings(ground) == {}


def test_what_can_be_repaired_is_repaired_and_is_no_finding(ground: Ground) -> None:
    ground.quick("backup")
    (name,) = snapshots(ground)
    copy_of_the_wire(ground, name).write_text("cooper", "utf-8")
    as_if_verified(ground, name, -3600.0)  # the clock was set back
    ground.run("backup", "--scheduled")

    assert copy_of_the_wire(ground, name).read_text("utf-8") == "copper"
    assert findings(ground) == {}


def test_a_copy_that_is_not_as_the_file_that_nobody_touched_is_a_finding_of_the_spot_check(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The manifest is made to name other bytes, as a backup of the wrong thing would."""
    monkeypatch.setattr(stamps, "RACY_NS", -3600 * 10**9)  # as if the files had been there for long
    ground.quick("backup")
    (name,) = snapshots(ground)
    manifest = ground.workspace / "backups" / "lamp" / name / "manifest.json"
    entry = next(one for one in json.loads(manifest.read_text())["files"] if one["path"].endswith("red"))
    manifest.write_text(manifest.read_text("utf-8").replace(entry["sha256"], "0" * 64), "utf-8")
    context = build(BACKED_UP, ground.workspace, {}, SystemClock())
    store = store_of(context)
    note(context, store, look_after(store))

    assert findings(ground)["backup-differs"]["message"].startswith(
        f"files/wires/red of {name}: has other bytes"
    )


def test_without_any_snapshot_there_is_nothing_to_look_after(ground: Ground) -> None:
    store = store_of(ground.context(SteppedClock(), BACKED_UP))

    assert look_after(store) == {"spotCheck": None}


def test_it_works_gently() -> None:
    code = (
        "import psutil\n"
        "from automation.ports.gentle import be_gentle\n"
        "be_gentle()\n"
        "own = psutil.Process()\n"
        "print(own.nice(), *own.ionice())\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    nice, kind, level = (int(word) for word in ran.stdout.split())
    assert nice == min(os.nice(0) + NICENESS, 19)
    assert (kind, level) == (psutil.IOPRIO_CLASS_BE, LOWEST_LEVEL)


# --- backups that come to nothing ---------------------------------------------------------------------------


def test_a_backup_that_failed_is_a_finding_until_one_ends_well(ground: Ground) -> None:
    ground.quick("backup")
    folder = ground.workspace / "backups" / "lamp"
    folder.rename(folder.with_name("aside"))
    folder.write_text("in the way", "utf-8")
    ran = ground.quick("backup")
    failing = findings(ground)["backup-failing"]
    reported = ground.quick("report").stdout
    checked = json.loads(ground.quick("check", "--json").stdout)
    folder.unlink()
    folder.with_name("aside").rename(folder)
    again = ground.quick("backup")

    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (1, "", 1)
    assert str(folder) in ran.stderr
    assert failing["message"].startswith(f"the last backup failed: {ran.stderr.strip()}; the last that ended")
    assert failing["severity"] == "warning"
    assert "\nbackups\n  1 snapshots, " in reported
    assert f"\n  failed: {ran.stderr}" in reported
    assert [one["problem"] for one in checked["findings"]] == ["backup-failing"]
    assert again.returncode == 0
    assert findings(ground) == {}


@contextmanager
def mounted(ground: Ground, options: str) -> Iterator[Path]:
    """Mount a small disk where the backups go."""
    folder = ground.workspace / "backups"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, timeout=10, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False, timeout=10, capture_output=True)


@needs_root
def test_a_full_disk_is_one_clear_line_and_a_finding_and_the_next_backup_works(ground: Ground) -> None:
    with mounted(ground, "size=1m") as folder:
        ground.quick("backup")
        wire(ground).write_bytes(os.urandom(2 * 1024 * 1024))
        ran = ground.quick("backup")
        failing = findings(ground)["backup-failing"]
        whole = ground.quick("verify", "--all")
        wire(ground).write_text("tin", "utf-8")
        again = ground.quick("backup")
        left = [path.name for path in (folder / "lamp").iterdir() if path.name.startswith(".tmp-")]

        assert ran.returncode == 1
        assert ran.stderr.count("\n") == 1
        assert "No space left on device (errno 28)" in ran.stderr
        assert "No space left on device" in failing["message"]
        assert "df -h" in failing["advice"]
        assert (whole.returncode, again.returncode, len(snapshots(ground)), left) == (0, 0, 2, [])
        assert findings(ground) == {}


@needs_root
def test_a_read_only_disk_is_one_clear_line_and_still_lists_verifies_and_restores(ground: Ground) -> None:
    with mounted(ground, "size=4m") as folder:
        ground.quick("backup")
        wire(ground).write_text("tin", "utf-8")
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True, timeout=10)
        ran = ground.quick("backup")
        pruned = ground.quick("prune")
        listed, verified = ground.quick("backups"), ground.quick("verify")
        failing = findings(ground)
        restored = ground.quick("restore", "--yes")
        subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True, timeout=10)
        again = ground.quick("backup")

        for one in (ran, pruned, restored):
            assert one.returncode == 1
            assert one.stderr.count("\n") == 1
            assert "Read-only file system (errno 30)" in one.stderr
        assert (listed.returncode, verified.returncode, again.returncode) == (0, 0, 0)
        assert "backup-failing" in failing
        assert wire(ground).read_text("utf-8") == "tin"  # what cannot be saved first is not overwritten
        assert findings(ground) == {}


def test_snapshots_that_vanished_are_a_finding_backups_go_on_and_it_ends_when_they_are_back(
    ground: Ground,
) -> None:
    """What an unmounted disk looks like: an empty folder."""
    ground.quick("backup")
    folder = ground.workspace / "backups" / "lamp"
    before = snapshots(ground)
    folder.rename(ground.workspace / "unmounted")
    gone = ground.quick("restore", "--dry-run")
    listed = ground.quick("backups")
    again = ground.quick("backup")
    found = findings(ground)
    for name in before:
        (ground.workspace / "unmounted" / name).rename(folder / name)
    ground.quick("backup")

    said = f"no snapshots in {folder}, where {max(before)} was the newest: is its disk mounted?\n"
    assert (gone.returncode, gone.stderr, listed.stdout) == (1, said, said)
    assert again.returncode == 0
    assert f"all snapshots up to {before[0]} (1) were gone" in found["backup-vanished"]["message"]
    assert findings(ground) == {}


def test_without_a_workspace_nothing_is_backed_up_and_the_line_says_so(ground: Ground) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.toy_program", "--workspace", str(ground.workspace / "none"), "backup"],
        cwd=ROOT,
        env=ground.child_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert ran.returncode == 3
    assert ran.stderr == f"workspace {ground.workspace / 'none'}: no such folder; see --workspace\n"
