"""Giving files back: whole, with a way back, and nowhere but where they belong."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from automation.core.errors import EffectFailed, LockBusy, RecordDamaged, UsageInvalid
from automation.ports.clock import SteppedClock
from automation.ports.locks import locked
from automation.stores.backups.beneath import PathRefused, folder_beneath
from automation.stores.backups.disk import SystemDisk, Target
from automation.stores.backups.manifest import Problem
from automation.stores.backups.planning import RestorePlan
from automation.stores.backups.retention import Policy
from automation.stores.backups.store import Restored, Snapshot, SnapshotStore, Source

PATHS = ["a.txt", "dir", "link"]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    (folder / "dir" / "inner").mkdir(parents=True)
    (folder / "dir").chmod(0o750)
    (folder / "a.txt").write_bytes(b"alpha")
    (folder / "a.txt").chmod(0o640)
    (folder / "dir" / "inner" / "b").write_bytes(b"beta")
    (folder / "link").symlink_to("a.txt")
    return folder


@pytest.fixture
def store(tmp_path: Path, workspace: Path) -> SnapshotStore:
    clock = SteppedClock(1_795_515_300.0)
    return SnapshotStore(tmp_path / "backups" / "pm2", "pm2", clock, "host-1", workspace)


def taken(store: SnapshotStore, *paths: str) -> Snapshot:
    snapshot = store.take([Source(paths or PATHS)], "by hand")
    assert snapshot is not None
    return snapshot


def restored(store: SnapshotStore, snapshot_id: str | None = None, *paths: str) -> Restored:
    return store.restore(store.plan_restore(snapshot_id, paths))


def changes(plan: RestorePlan) -> dict[str, str]:
    return {file.path: file.change for file in plan.files}


def test_a_plan_says_what_is_new_changed_the_same_and_left_alone(
    store: SnapshotStore, workspace: Path
) -> None:
    first = taken(store)
    (workspace / "later").touch()
    (workspace / "gone").touch()
    taken(store, *PATHS, "later", "gone")
    (workspace / "gone").unlink()
    (workspace / "a.txt").write_bytes(b"edited")
    (workspace / "dir" / "inner" / "b").unlink()

    plan = store.plan_restore(first.id)

    assert changes(plan) == {"files/a.txt": "changed", "files/dir/inner/b": "new", "files/link": "same"}
    assert plan.missing == ("files/later",)
    assert plan.refused == ()
    assert (workspace / "a.txt").read_bytes() == b"edited"


def test_a_restore_gives_back_bytes_mode_time_links_and_folders(
    store: SnapshotStore, workspace: Path
) -> None:
    before = (workspace / "a.txt").stat()
    first = taken(store)
    (workspace / "a.txt").unlink()
    (workspace / "a.txt").write_bytes(b"broken")
    (workspace / "link").unlink()
    (workspace / "dir" / "inner" / "b").unlink()
    (workspace / "dir" / "inner").rmdir()
    (workspace / "dir").rmdir()

    done = restored(store, first.id)

    after = (workspace / "a.txt").stat()
    assert done.written == ("files/a.txt", "files/dir/inner/b", "files/link")
    assert done.failed == ()
    assert (workspace / "a.txt").read_bytes() == b"alpha"
    assert (after.st_mode, after.st_mtime_ns) == (before.st_mode, before.st_mtime_ns)
    assert (workspace / "dir" / "inner" / "b").read_bytes() == b"beta"
    assert stat.S_IMODE((workspace / "dir").stat().st_mode) == 0o750
    assert str((workspace / "link").readlink()) == "a.txt"
    assert changes(store.plan_restore(first.id)).keys() == set(done.written)
    assert set(changes(store.plan_restore(first.id)).values()) == {"same"}


def test_a_restore_undoes_itself(store: SnapshotStore, workspace: Path) -> None:
    first = taken(store)
    (workspace / "a.txt").write_bytes(b"edited")
    (workspace / "link").unlink()
    (workspace / "link").symlink_to("dir")

    done = restored(store, first.id)
    assert (workspace / "a.txt").read_bytes() == b"alpha"
    assert done.saved_as is not None
    undone = restored(store, done.saved_as)

    assert undone.written == ("files/a.txt", "files/link")
    assert (workspace / "a.txt").read_bytes() == b"edited"
    assert str((workspace / "link").readlink()) == "dir"


def test_what_a_restore_saves_is_marked_never_latest_and_kept_when_pruning(
    store: SnapshotStore, workspace: Path
) -> None:
    first = taken(store)
    (workspace / "a.txt").write_bytes(b"edited")
    done = restored(store, first.id)

    saved = store.snapshots()[-1]
    assert saved.id == done.saved_as
    assert (saved.kind, saved.reason) == ("before-restore", f"before restore of {first.id}")
    assert str((store.folder / "latest").readlink()) == first.id
    assert store.prune(Policy(1)).removed == ()
    assert store.take([Source(PATHS)], "scheduled") is None


def test_what_a_restore_overwrites_is_saved_even_where_the_newest_backup_holds_the_same(
    store: SnapshotStore, workspace: Path
) -> None:
    first = taken(store, "a.txt")
    (workspace / "a.txt").write_bytes(b"edited")
    second = taken(store, "a.txt")

    done = restored(store, first.id)

    assert done.saved_as is not None
    assert done.saved_as > second.id
    assert store.snapshots()[-1].kind == "before-restore"


def test_undoing_a_restore_removes_what_it_made_and_can_itself_be_undone(
    store: SnapshotStore, workspace: Path
) -> None:
    first = taken(store)
    (workspace / "a.txt").unlink()
    (workspace / "link").unlink()
    (workspace / "dir" / "inner" / "b").write_bytes(b"edited")

    done = restored(store, first.id)
    assert done.saved_as is not None
    assert changes(store.plan_restore(done.saved_as)) == {
        "files/a.txt": "removed",
        "files/dir/inner/b": "changed",
        "files/link": "removed",
    }
    undone = restored(store, done.saved_as)

    assert (undone.removed, undone.failed) == (("files/a.txt", "files/link"), ())
    assert undone.written == ("files/dir/inner/b",)
    assert sorted(path.name for path in workspace.iterdir()) == ["dir"]
    assert (workspace / "dir" / "inner" / "b").read_bytes() == b"edited"
    assert restored(store, undone.saved_as).written == ("files/a.txt", "files/dir/inner/b", "files/link")
    assert (workspace / "a.txt").read_bytes() == b"alpha"


def test_undoing_a_restore_leaves_alone_what_somebody_changed_since(
    store: SnapshotStore, workspace: Path
) -> None:
    first = taken(store)
    (workspace / "a.txt").unlink()
    (workspace / "link").unlink()
    done = restored(store, first.id)
    assert done.saved_as is not None
    (workspace / "a.txt").write_bytes(b"edited since")
    (workspace / "link").unlink()

    undone = restored(store, done.saved_as)

    said = "was changed since a restore made it, and so is not removed"
    assert undone == Restored(None, (), (Problem("files/a.txt", said),))
    assert (workspace / "a.txt").read_bytes() == b"edited since"


def test_only_what_is_asked_for_is_removed_again(store: SnapshotStore, workspace: Path) -> None:
    first = taken(store)
    (workspace / "a.txt").unlink()
    (workspace / "dir" / "inner" / "b").unlink()
    done = restored(store, first.id)

    plan = store.plan_restore(done.saved_as, ["dir", "link"])

    assert changes(plan) == {"files/dir/inner/b": "removed"}
    assert plan.missing == ("files/link",)
    assert store.restore(plan).removed == ("files/dir/inner/b",)
    assert (workspace / "a.txt").exists()


def test_what_was_to_be_removed_and_is_gone_already_is_fine(store: SnapshotStore, workspace: Path) -> None:
    first = taken(store)
    (workspace / "a.txt").unlink()
    done = restored(store, first.id)
    plan = store.plan_restore(done.saved_as)
    (workspace / "a.txt").unlink()

    assert store.restore(plan).removed == ("files/a.txt",)


def test_a_restore_of_what_is_there_does_nothing(store: SnapshotStore) -> None:
    first = taken(store)

    assert restored(store, first.id) == Restored(None, (), ())


def test_only_what_is_asked_for_is_restored(store: SnapshotStore, workspace: Path) -> None:
    first = taken(store)
    (workspace / "a.txt").write_bytes(b"edited")
    (workspace / "dir" / "inner" / "b").unlink()

    plan = store.plan_restore(first.id, ["dir", "nothing"])

    assert plan.missing == ("files/nothing",)
    assert store.restore(plan).written == ("files/dir/inner/b",)
    assert (workspace / "a.txt").read_bytes() == b"edited"


def test_without_an_id_each_file_comes_from_its_newest_valid_copy(
    store: SnapshotStore, workspace: Path
) -> None:
    def judge(_: str, data: bytes) -> bool:
        return b"broken" not in data

    source = [Source(["a.txt", "dir"], valid=judge)]
    store.take(source, "1")
    (workspace / "a.txt").write_bytes(b"broken")
    (workspace / "dir" / "inner" / "b").write_bytes(b"newer")
    store.take(source, "2")
    (workspace / "dir" / "inner" / "b").write_bytes(b"broken too")

    assert restored(store).failed == ()
    assert (workspace / "a.txt").read_bytes() == b"alpha"
    assert (workspace / "dir" / "inner" / "b").read_bytes() == b"newer"


def test_there_is_no_restore_of_a_snapshot_that_is_not_there_or_cannot_be_read(
    store: SnapshotStore,
) -> None:
    with pytest.raises(UsageInvalid, match="there is no snapshot"):
        store.plan_restore("20261124T101500Z-0000")
    first = taken(store)
    (store.folder / first.id / "manifest.json").write_bytes(b"{")
    with pytest.raises(RecordDamaged):
        store.plan_restore(first.id)
    assert store.plan_restore().files == ()


def test_a_file_whose_folder_nobody_knows_here_is_refused_by_name(
    store: SnapshotStore, workspace: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "dump.pm2").write_text("[]")
    both = SnapshotStore(store.folder, "pm2", store.clock, "h", workspace, roots={"pm2-home": home})
    snapshot = both.take([Source(["a.txt"]), Source(["dump.pm2"], "pm2-home")], "by hand")
    assert snapshot is not None
    (home / "dump.pm2").write_text("")
    (workspace / "a.txt").unlink()

    done = restored(store, snapshot.id)

    assert done.written == ("files/a.txt",)
    assert done.failed == (Problem("pm2-home/dump.pm2", "nobody knows where pm2-home/ belongs here"),)
    assert restored(both, snapshot.id).written == ("pm2-home/dump.pm2",)
    assert (home / "dump.pm2").read_text() == "[]"


# Damaged copies


def flip(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])


def test_a_copy_with_a_wrong_hash_is_never_written_and_the_rest_is_done(
    store: SnapshotStore, workspace: Path
) -> None:
    first = taken(store)
    flip(store.folder / first.id / "files" / "a.txt")
    (workspace / "a.txt").write_bytes(b"edited")
    (workspace / "dir" / "inner" / "b").unlink()

    done = restored(store, first.id)

    reason = f"its copy in {first.id} is damaged, and no other snapshot has the same bytes"
    assert done.failed == (Problem("files/a.txt", reason),)
    assert done.written == ("files/dir/inner/b",)
    assert (workspace / "a.txt").read_bytes() == b"edited"
    assert not (workspace / ".restore-pm2.tmp").exists()


@pytest.mark.parametrize("how", ["flipped", "gone", "folder", "folder-linked"])
def test_another_snapshots_copy_of_the_same_bytes_takes_the_place_of_a_damaged_one(
    store: SnapshotStore, workspace: Path, tmp_path: Path, how: str
) -> None:
    first = taken(store)
    (workspace / "moved.txt").write_bytes(b"alpha")
    taken(store, "moved.txt")
    copy = store.folder / first.id / "files" / "a.txt"
    if how == "flipped":
        flip(copy)
    elif how == "folder-linked":
        copy.parent.rename(tmp_path / "files")
        copy.parent.symlink_to(tmp_path / "files")
    else:
        copy.unlink()
        if how == "folder":
            copy.mkdir()
    (workspace / "a.txt").unlink()

    assert restored(store, first.id, "a.txt").written == ("files/a.txt",)
    assert (workspace / "a.txt").read_bytes() == b"alpha"
    assert stat.S_IMODE((workspace / "a.txt").stat().st_mode) == 0o640


# Nowhere but where they belong


def test_paths_that_lead_elsewhere_are_refused_by_name_and_the_rest_is_done(
    store: SnapshotStore, workspace: Path
) -> None:
    first = taken(store)
    (workspace / "a.txt").unlink()

    done = restored(store, first.id, "/etc/passwd", "../x", "a.txt")

    assert [problem.path for problem in done.failed] == ["/etc/passwd", "../x"]
    assert done.written == ("files/a.txt",)


def test_a_folder_that_became_a_link_to_the_outside_is_not_written_through(
    store: SnapshotStore, workspace: Path, tmp_path: Path
) -> None:
    first = taken(store)
    (workspace / "dir").rename(tmp_path / "outside")
    (tmp_path / "outside" / "inner" / "b").write_bytes(b"theirs")
    (workspace / "dir").symlink_to(tmp_path / "outside")
    (workspace / "a.txt").unlink()

    done = restored(store, first.id)

    assert [problem.path for problem in done.failed] == ["files/dir/inner/b"]
    assert "leads out of" in done.failed[0].reason
    assert done.written == ("files/a.txt",)
    assert (tmp_path / "outside" / "inner" / "b").read_bytes() == b"theirs"


def test_a_folder_that_became_a_link_inside_the_workspace_is_written_through(
    store: SnapshotStore, workspace: Path
) -> None:
    first = taken(store, "dir")
    (workspace / "dir").rename(workspace / "moved")
    (workspace / "dir").symlink_to("moved")
    (workspace / "moved" / "inner" / "b").write_bytes(b"edited")

    done = restored(store, first.id)

    assert done.failed == ()
    assert (workspace / "dir").is_symlink()
    assert (workspace / "moved" / "inner" / "b").read_bytes() == b"beta"
    assert done.saved_as is not None
    assert restored(store, done.saved_as).failed == ()
    assert (workspace / "moved" / "inner" / "b").read_bytes() == b"edited"


def test_a_link_to_the_outside_that_comes_after_the_plan_is_not_written_through(
    store: SnapshotStore, workspace: Path, tmp_path: Path
) -> None:
    first = taken(store)
    (workspace / "dir" / "inner" / "b").unlink()
    plan = store.plan_restore(first.id)
    (tmp_path / "outside" / "inner").mkdir(parents=True)
    (workspace / "dir" / "inner").rmdir()
    (workspace / "dir").rmdir()
    (workspace / "dir").symlink_to(tmp_path / "outside")

    done = store.restore(plan)

    assert [problem.path for problem in done.failed] == ["files/dir/inner/b"]
    assert list((tmp_path / "outside" / "inner").iterdir()) == []


def test_a_link_that_somebody_slips_in_while_folders_are_opened_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "root" / "dir").mkdir(parents=True)
    outside = tmp_path / "outside"
    outside.mkdir()

    def slip_in(folder: int, name: str, _: str) -> None:
        os.symlink(outside, name, dir_fd=folder)

    with (
        pytest.raises(NotADirectoryError),
        folder_beneath(tmp_path / "root", "dir/new", make=slip_in),
    ):
        pass


def test_a_link_that_stays_inside_is_followed_and_one_that_does_not_is_refused(tmp_path: Path) -> None:
    (tmp_path / "root" / "real").mkdir(parents=True)
    (tmp_path / "root" / "inside").symlink_to("real")
    (tmp_path / "root" / "outside").symlink_to("..")
    (tmp_path / "root-twin").mkdir()
    (tmp_path / "root" / "twin").symlink_to("../root-twin")

    with folder_beneath(tmp_path / "root", "inside") as folder:
        assert os.fstat(folder).st_ino == (tmp_path / "root" / "real").stat().st_ino
    for name in ("outside", "twin"):
        with pytest.raises(PathRefused, match="leads out"), folder_beneath(tmp_path / "root", name):
            pass


def test_what_is_neither_file_nor_link_is_not_replaced(store: SnapshotStore, workspace: Path) -> None:
    first = taken(store)
    (workspace / "a.txt").unlink()
    (workspace / "a.txt").mkdir()
    (workspace / "link").unlink()
    os.mkfifo(workspace / "link")

    done = restored(store, first.id)

    assert done.failed == (
        Problem("files/a.txt", "a folder is in its place: move it away first"),
        Problem("files/link", "a pipe is in its place: move it away first"),
    )


def test_a_file_in_the_place_of_a_folder_is_not_replaced(store: SnapshotStore, workspace: Path) -> None:
    first = taken(store)
    (workspace / "dir" / "inner" / "b").unlink()
    (workspace / "dir" / "inner").rmdir()
    (workspace / "dir" / "inner").write_text("a file")
    (workspace / "a.txt").unlink()

    done = restored(store, first.id)

    assert [problem.path for problem in done.failed] == ["files/dir/inner/b"]
    assert done.written == ("files/a.txt",)
    assert (workspace / "dir" / "inner").read_text() == "a file"


def test_what_changed_kind_after_the_plan_could_not_be_saved_and_is_left_alone(
    store: SnapshotStore, workspace: Path
) -> None:
    first = taken(store)
    (workspace / "a.txt").write_bytes(b"edited")
    plan = store.plan_restore(first.id)
    (workspace / "a.txt").unlink()
    os.mkfifo(workspace / "a.txt")

    done = store.restore(plan)

    assert done.failed == (Problem("files/a.txt", "could not be saved first, and so is not overwritten"),)
    assert stat.S_ISFIFO((workspace / "a.txt").stat().st_mode)


class EditsAfterSaving(SystemDisk):
    """A disk on which somebody saves a file again, just after the restore has put it aside."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def rename(self, hidden: Path, shown: Path) -> None:
        """Show the snapshot, and let the other one write."""
        super().rename(hidden, shown)
        self.path.write_bytes(b"edited again")


def test_a_file_that_is_edited_while_it_is_being_saved_is_left_alone(
    store: SnapshotStore, workspace: Path
) -> None:
    first = taken(store)
    (workspace / "a.txt").write_bytes(b"edited")
    disk = EditsAfterSaving(workspace / "a.txt")
    other = SnapshotStore(store.folder, "pm2", store.clock, "h", workspace, disk=disk)

    done = restored(other, first.id)

    said = "changed while it was being saved, and so is not overwritten"
    assert done.failed == (Problem("files/a.txt", said),)
    assert (workspace / "a.txt").read_bytes() == b"edited again"


class Garbles(SystemDisk):
    """A disk that puts other bytes in place than it was given."""

    def place_file(self, place: Target, *args: Any, **named: Any) -> None:  # noqa: ANN401  # as they come
        """Write, and spoil."""
        super().place_file(place, *args, **named)
        descriptor = os.open(place.name, os.O_WRONLY, dir_fd=place.folder)
        os.write(descriptor, b"?")
        os.close(descriptor)


def test_what_reads_back_differently_is_said(store: SnapshotStore, workspace: Path) -> None:
    first = taken(store)
    (workspace / "a.txt").unlink()
    other = SnapshotStore(store.folder, "pm2", store.clock, "h", workspace, disk=Garbles())

    assert restored(other, first.id).failed == (
        Problem("files/a.txt", "was written, and reads back differently"),
    )


def test_a_restore_waits_for_nobody(store: SnapshotStore, workspace: Path) -> None:
    first = taken(store)
    (workspace / "a.txt").unlink()
    plan = store.plan_restore(first.id)
    with locked(store.folder / ".lock", purpose="backup", since="now"), pytest.raises(LockBusy):
        store.restore(plan)
    assert not (workspace / "a.txt").exists()


class Full(SystemDisk):
    """A disk that takes no more snapshots."""

    def copy_file(self, *_: object, **__: object) -> str:
        """Refuse."""
        raise EffectFailed("cannot write x: No space left on device (errno 28)")


def test_what_cannot_be_saved_first_is_not_overwritten(store: SnapshotStore, workspace: Path) -> None:
    first = taken(store)
    (workspace / "a.txt").write_bytes(b"edited")
    other = SnapshotStore(store.folder, "pm2", store.clock, "h", workspace, disk=Full())

    with pytest.raises(EffectFailed, match=r"nothing was restored: .* saved first: .*No space left"):
        restored(other, first.id)
    assert (workspace / "a.txt").read_bytes() == b"edited"


def test_what_a_killed_restore_left_behind_is_in_no_ones_way(store: SnapshotStore, workspace: Path) -> None:
    first = taken(store)
    for name in ("a.txt", "link"):
        (workspace / name).unlink()
    (workspace / ".restore-pm2.tmp").write_text("half")

    assert restored(store, first.id).failed == ()
    assert not (workspace / ".restore-pm2.tmp").exists()


@needs_root
def test_as_root_the_owner_and_the_bits_that_lend_rights_are_kept(
    store: SnapshotStore, workspace: Path
) -> None:
    try:
        os.chown(workspace / "a.txt", 1234, 2345)
    except PermissionError:
        pytest.skip("this root may give nothing away")
    (workspace / "a.txt").chmod(0o4755)
    first = taken(store)
    (workspace / "a.txt").unlink()

    assert restored(store, first.id).failed == ()
    status = (workspace / "a.txt").stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (1234, 2345, 0o4755)
