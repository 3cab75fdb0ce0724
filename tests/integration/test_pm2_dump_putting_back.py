"""PM2's dump as a file: backed up, marked, put back under the daemon lock, and kept before it is touched."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from automation.core.errors import EffectFailed, StepRefused
from automation.engine.console import main
from automation.engine.context import Context, build, prepare_folders
from automation.ports.clock import SteppedClock, SystemClock
from automation.ports.locks import take_lock
from automation.systems.pm2 import SYSTEM
from automation.systems.pm2.backed_up import backed_up
from automation.systems.pm2.dump.condition import Condition
from automation.systems.pm2.dump.copies import FOLDER, MOST_KEPT, keep_copy, valid_copies
from automation.systems.pm2.dump.putting_back import GRACE_S, DumpFile, restore_dump
from automation.systems.pm2.dump.where import DUMP
from automation.systems.pm2.home import daemon_lock

APPS = json.dumps([{"name": "web", "pm_id": 0}, {"name": "api", "pm_id": 1}]).encode()


@dataclass
class Home:
    """A PM2 home in which no PM2 runs, and a workspace."""

    path: Path
    workspace: Path

    @property
    def dump_path(self) -> Path:
        """Return where the dump lies."""
        return self.path / DUMP

    @property
    def context(self) -> Context:
        """Return the guard's context."""
        made = build(SYSTEM, self.workspace, {"PM2_HOME": str(self.path)}, SystemClock())
        prepare_folders(made.layout)
        return made

    @property
    def dump(self) -> DumpFile:
        """Return what guards the dump: a step finds it on the observer."""
        return DumpFile(self.context, self.path)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the guard in this process."""
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            status = main(SYSTEM, ["--workspace", str(self.workspace), *words])
        return subprocess.CompletedProcess(words, status, out.getvalue(), err.getvalue())

    def rows(self) -> list[dict[str, Any]]:
        """Return the snapshots, oldest first."""
        said: list[dict[str, Any]] = json.loads(self.run("backups", "--json").stdout)
        return said

    def write(self, data: bytes) -> None:
        """Write the dump, as it would have been two minutes ago."""
        self.dump_path.write_bytes(data)
        then = self.dump_path.stat().st_mtime - 2 * GRACE_S
        os.utime(self.dump_path, (then, then))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Give a home whose dump names two apps, and a backup of it."""
    made = Home(tmp_path / "pm2", tmp_path / "workspace")
    made.path.mkdir()
    made.workspace.mkdir()
    made.write(APPS)
    monkeypatch.setenv("PM2_HOME", str(made.path))
    assert made.run("backup").returncode == 0
    return made


def test_a_dump_is_put_back_under_the_daemon_lock_and_not_while_another_holds_it(home: Home) -> None:
    home.write(b"")
    held = take_lock(daemon_lock(home.path), purpose="a test", since="now")
    with pytest.raises(EffectFailed, match=r"daemon\.lock is held by pid \d+"):
        restore_dump(home, DUMP)
    by_hand = home.run("restore", "--path", "pm2-home/dump.pm2", "--yes")
    untouched = home.dump_path.read_bytes()
    held.release()
    done = restore_dump(home, DUMP)

    assert (by_hand.returncode, untouched) == (75, b"")
    assert "daemon.lock is held by" in by_hand.stderr
    assert done.startswith("put back dump.pm2 from snapshot ")
    assert home.dump_path.read_bytes() == APPS


@pytest.mark.parametrize("broken", [b"", b"\0" * 40, b'[{"name": "web", ', b"{}"])
def test_s20_each_damage_is_undone_and_the_damaged_one_is_in_a_snapshot(home: Home, broken: bytes) -> None:
    home.write(broken)
    restore_dump(home, DUMP)
    aside = home.rows()[-1]

    assert home.dump_path.read_bytes() == APPS
    assert aside["kind"] == "before-restore"
    assert home.run("restore", aside["id"], "--yes").returncode == 0
    assert home.dump_path.read_bytes() == broken


def test_s20_what_is_no_damage_is_left_alone(home: Home) -> None:
    for data in (b"[]", APPS):
        home.write(data)
        with pytest.raises(StepRefused, match=r"dump\.pm2 is left alone: it is "):
            restore_dump(home, DUMP)

        assert home.dump_path.read_bytes() == data


def test_without_a_copy_in_the_snapshots_pm2s_own_copy_is_taken_and_the_broken_one_kept(home: Home) -> None:
    before = home.path / "dump.pm2.bak"
    before.write_bytes(APPS)
    home.write(b"broken")
    home.dump_path.chmod(0o640)
    (home.workspace / "backups" / "pm2").rename(home.workspace / "aside")
    done = restore_dump(home, DUMP)
    mode = home.dump_path.stat().st_mode & 0o777
    before.unlink()
    before.mkdir()
    home.write(b"")

    assert done.startswith("put back dump.pm2 as dump.pm2.bak has it; what was there is in ")
    assert Path(done.rpartition(" ")[2]).read_bytes() == b"broken"
    assert mode == 0o640
    with pytest.raises(StepRefused, match=r"neither a snapshot nor dump\.pm2\.bak"):
        restore_dump(home, DUMP)


def test_an_observer_that_only_looks_guards_no_dump() -> None:
    class Looking:
        @property
        def dump(self) -> None:
            """Guard nothing."""

    with pytest.raises(StepRefused, match="no dump is guarded"):
        restore_dump(Looking(), DUMP)


def test_s21_a_dump_that_shrank_without_a_hand_is_kept_marked_and_never_the_default(home: Home) -> None:
    good = home.rows()[-1]
    home.write(json.dumps(json.loads(APPS)[:1]).encode())
    ran = home.run("backup")
    shrunk = home.rows()[-1]
    plan = json.loads(home.run("restore", "--dry-run", "--json").stdout)
    latest = (home.workspace / "backups" / "pm2" / "latest").readlink()

    assert ran.returncode == 0
    assert (good["allValid"], shrunk["allValid"]) == (True, False)
    assert str(latest) == good["id"]
    assert {one["path"]: one["from"] for one in plan["files"] if one["change"] == "changed"} == {
        "pm2-home/dump.pm2": good["id"]
    }
    assert home.run("restore", "--yes").returncode == 0
    assert home.dump_path.read_bytes() == APPS


# --- the copies ---------------------------------------------------------------------------------------------


def test_a_copy_is_kept_before_anything_touches_the_dump_and_the_last_ten_different_ones_stay(
    home: Home,
) -> None:
    clock = SteppedClock()
    first = keep_copy(home.dump_path, home.path, clock)
    last = same = keep_copy(home.dump_path, home.path, clock)
    for number in range(MOST_KEPT + 3):
        home.write(json.dumps([{"name": f"app{number}"}]).encode())
        last = keep_copy(home.dump_path, home.path, clock)
    folder = home.path / "redundancy" / FOLDER
    home.dump_path.unlink()

    assert first == same
    assert first is not None
    assert not first.exists()
    assert last is not None
    assert json.loads(last.read_bytes()) == [{"name": f"app{MOST_KEPT + 2}"}]
    assert (len(list(folder.iterdir())), folder.stat().st_mode & 0o777) == (MOST_KEPT, 0o700)
    assert last.stat().st_mode & 0o777 == 0o600
    assert keep_copy(home.dump_path, home.path, clock) is None


def test_a_copy_whose_bytes_have_changed_is_no_copy(home: Home) -> None:
    snapshots = home.workspace / "backups" / "pm2"
    (copy,) = valid_copies(snapshots, f"pm2-home/{DUMP}")
    kept = snapshots / copy.snapshot_id / "pm2-home" / DUMP
    kept.chmod(0o600)
    kept.write_text('[{"name": "other"}]', "utf-8")
    changed = list(valid_copies(snapshots, f"pm2-home/{DUMP}"))
    kept.unlink()
    kept.mkdir()

    assert copy.data == APPS
    assert changed == list(valid_copies(snapshots, f"pm2-home/{DUMP}")) == []


def test_a_dump_that_cannot_be_read_is_said_and_is_not_gone(home: Home) -> None:
    guarded = home.dump
    home.dump_path.unlink()
    missing = guarded.look()
    home.dump_path.mkdir()
    folder = guarded.look()
    home.dump_path.rmdir()
    home.path.rename(home.path.with_name("moved"))
    home.path.write_text("a file in its place", "utf-8")
    beyond = guarded.look()

    assert (missing.condition, missing.has_copy) == (Condition.MISSING, True)
    assert (folder.condition, beyond.condition) == (Condition.UNREADABLE, Condition.UNREADABLE)
    assert "errno 21" in folder.detail
    assert "errno 20" in beyond.detail


def test_a_dump_that_has_not_changed_is_not_read_again(home: Home) -> None:
    guarded = home.dump
    first = guarded.look()
    again = guarded.look()
    home.write(APPS + b"\n")

    assert (first.condition, again is first) == (Condition.WHOLE, True)
    assert guarded.look() is not first


def test_without_intents_every_loss_counts_and_what_else_pm2_keeps_is_judged_as_json(home: Home) -> None:
    (home.path / "redundancy").mkdir(exist_ok=True)
    (home.path / "redundancy" / "intents.json").write_text('{"schema": 99}', "utf-8")
    judge = backed_up(home.context).sources[1].valid

    assert judge(DUMP, APPS) is True
    assert judge(DUMP, json.dumps(json.loads(APPS)[1:]).encode()) is False
    assert judge("module_conf.json", b"{") is False
    home.dump_path.unlink()
    assert judge(DUMP, b"[]") is False
