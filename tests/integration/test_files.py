"""Files written whole or not at all, read with a cap, and folders on disks that can hold a lock."""

from __future__ import annotations

import importlib
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from automation.core.errors import EffectFailed
from automation.engine.context import prepare_folders
from automation.engine.system import System
from automation.engine.whereabouts import layout_of
from automation.ports import files
from tests.toy_ground import ROOT

OLD, NEW = b"old " * 5000, b"new " * 5000

# Writes a file, and is killed by SIGKILL just before the n-th call by which it talks to the disk.
KILLED = """
import os, signal, sys
from pathlib import Path
from automation.ports import files
path, left, new = Path(sys.argv[1]), int(sys.argv[2]), b"new " * 5000
def before(event, args):
    global left
    if event in {"open", "os.rename", "os.remove"} or event == "step":
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(before)
for name in ("write", "fsync", "fchmod", "close"):
    def wrapped(*args, truly=getattr(os, name)):
        before("step", args)
        return truly(*(args[0], args[1][:7000]) if truly.__name__ == "write" else args)
    setattr(os, name, wrapped)
files.write_whole(path, new)
left = 1_000_000
print("done")
"""


def test_a_writer_killed_at_any_moment_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    """The moments are the calls that reach the disk, in their order: no clock is involved."""
    path = tmp_path / "shared.json"
    seen, said = [], ""
    for moment in range(40):
        path.write_bytes(OLD)
        argv = [sys.executable, "-c", KILLED, str(path), str(moment)]
        ran = subprocess.run(argv, cwd=ROOT, check=False, capture_output=True, text=True)
        seen.append(path.read_bytes())
        said = ran.stdout
        if said:
            break

    assert said == "done\n"
    assert set(seen) == {OLD, NEW}
    assert seen == sorted(seen, reverse=True)  # once it is new, it stays new
    assert len(seen) > 8


def test_a_new_file_has_exactly_the_mode_asked_for_and_leaves_nothing_beside(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        files.write_whole(tmp_path / "a", b"text", mode=0o644)
    finally:
        os.umask(before)

    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644
    assert [one.name for one in tmp_path.iterdir()] == ["a"]


def test_what_a_killed_writer_left_beside_a_file_goes_when_the_file_is_written_again(tmp_path: Path) -> None:
    long_ago_s = time.time() - 2 * files.LEFT_OVER_AFTER_S
    ended = subprocess.Popen(["true"])
    ended.wait()
    stay = [f".a.{os.getppid()}.tmp", f".b.{ended.pid}.tmp", ".a.mine.tmp", f".a.{ended.pid}.txt", ".a..tmp"]
    for name in (f".a.{ended.pid}.tmp", *stay):
        (tmp_path / name).write_bytes(b"half")
        os.utime(tmp_path / name, (long_ago_s, long_ago_s))
    files.write_whole(tmp_path / "a", b"whole")
    left = {one.name for one in tmp_path.iterdir()}
    (tmp_path / f".a.{ended.pid}.tmp").write_bytes(b"new")  # by somebody whom we cannot see
    files.write_whole(tmp_path / "a", b"whole")

    assert left == {"a", *stay}
    assert (tmp_path / f".a.{ended.pid}.tmp").exists()


def test_a_full_disk_leaves_the_old_file_and_says_which_and_why(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(EffectFailed, match=r"cannot write .*/a: File too large \(errno 27\)"):
            files.write_whole(path, b"x" * 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["a"]


def test_a_link_planted_at_the_temporary_name_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"whole")
    (tmp_path / f".a.{os.getpid()}.tmp").symlink_to(tmp_path / "victim")

    with pytest.raises(EffectFailed, match="cannot write"):
        files.write_whole(tmp_path / "a", b"evil")
    assert (tmp_path / "victim").read_bytes() == b"whole"


@pytest.mark.parametrize("where", ["none/a", "file/a"])
def test_a_folder_that_is_not_there_is_said(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(EffectFailed, match="cannot write"):
        files.write_whole(tmp_path / where, b"x")


def test_reading_has_a_cap_and_tells_absent_from_unreadable(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")

    assert files.read_whole(tmp_path / "a", cap=5) == b"12345"
    assert files.read_whole(tmp_path / "none") is None
    with pytest.raises(EffectFailed, match="larger than the 4 bytes") as larger:
        files.read_whole(tmp_path / "a", cap=4)
    assert not larger.value.retryable
    with pytest.raises(EffectFailed, match=r"cannot read .*Is a directory \(errno 21\)"):
        files.read_whole(tmp_path)


def test_a_folder_is_made_with_its_mode_and_an_old_one_keeps_its_own(tmp_path: Path) -> None:
    files.make_folder(tmp_path / "a" / "b", mode=0o700)
    (tmp_path / "old").mkdir(mode=0o750)
    files.make_folder(tmp_path / "old", mode=0o700)
    (tmp_path / "file").touch()

    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "old").stat().st_mode & 0o777 == 0o750
    with pytest.raises(EffectFailed, match="cannot create"):
        files.make_folder(tmp_path / "file")


def test_an_error_without_a_number_still_makes_one_line() -> None:
    assert str(files.cannot("lock", Path("/a"), OSError("no locks here"))) == (
        "cannot lock /a: no locks here (errno ?)"
    )


def test_this_disk_can_hold_a_lock_and_has_a_name(tmp_path: Path) -> None:
    files.refuse_remote(tmp_path)

    assert files.file_system(tmp_path) not in files.REMOTE_FILE_SYSTEMS | {""}
    assert files.file_system(tmp_path / "none") == ""


def test_a_disk_that_is_called_remote_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = files.file_system(tmp_path)
    monkeypatch.setattr(files, "REMOTE_FILE_SYSTEMS", frozenset({kind}))

    with pytest.raises(EffectFailed, match=f"is on {kind}: locks need a local disk; set REDUNDANCY_LOGS_DIR"):
        files.refuse_remote(tmp_path)
    with pytest.raises(EffectFailed, match="set OTHER_DIR to a local folder"):
        files.refuse_remote(tmp_path, "OTHER_DIR")


@pytest.mark.parametrize(("name", "variable"), [("pm2", "PM2_HOME"), ("github", "REDUNDANCY_LOGS_DIR")])
def test_s24_what_is_refused_names_the_variable_that_says_where_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, variable: str
) -> None:
    system: System = importlib.import_module(f"automation.systems.{name}").SYSTEM
    (tmp_path / "home").mkdir()
    layout = layout_of(system, tmp_path, {"PM2_HOME": str(tmp_path / "home")})
    monkeypatch.setattr(files, "file_system", lambda path: "nfs" if path == layout.own else "ext4")

    with pytest.raises(EffectFailed, match=f"set {variable} to a local folder"):
        prepare_folders(layout)
