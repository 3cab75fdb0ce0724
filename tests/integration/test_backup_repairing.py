"""Spoiled copies get good bytes again, wherever those are left; and a look at a few files tells the rest."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

import pytest

from automation.core.errors import EffectFailed
from automation.ports.clock import SteppedClock
from automation.ports.locks import locked
from automation.stores.backups import reading, verifying
from automation.stores.backups.disk import Attributes, SystemDisk
from automation.stores.backups.manifest import Problem
from automation.stores.backups.store import Snapshot, SnapshotStore, Source, SpotCheck

ALL = [Source(["a", "dir", "link"])]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    (folder / "dir").mkdir(parents=True)
    (folder / "a").write_bytes(b"alpha")
    (folder / "a").chmod(0o640)
    (folder / "dir" / "b").write_bytes(b"beta")
    (folder / "link").symlink_to("a")
    return folder


@pytest.fixture
def store(tmp_path: Path, workspace: Path) -> SnapshotStore:
    return SnapshotStore(tmp_path / "backups" / "pm2", "pm2", SteppedClock(), "host-1", workspace)


def taken(store: SnapshotStore, sources: list[Source] | None = None) -> Snapshot:
    snapshot = store.take(sources or ALL, "by hand")
    assert snapshot is not None
    return snapshot


def flip(path: Path) -> None:
    """Change a byte, and neither size nor times."""
    before, data = path.stat(), path.read_bytes()
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def copy_of(store: SnapshotStore, snapshot: Snapshot, path: str) -> Path:
    return store.folder / snapshot.id / "files" / path


@pytest.mark.parametrize("how", ["flipped", "gone", "shorter", "linked", "pipe", "folder-gone"])
def test_a_bad_file_is_replaced_from_the_workspace_as_it_was(
    store: SnapshotStore, workspace: Path, how: str
) -> None:
    snapshot = taken(store)
    copy = copy_of(store, snapshot, "dir/b")
    before = (workspace / "dir" / "b").stat()
    if how == "flipped":
        flip(copy)
    elif how == "folder-gone":
        shutil.rmtree(copy.parent)
    else:
        copy.unlink()
        if how == "shorter":
            copy.write_bytes(b"bet")
        elif how == "linked":
            copy.symlink_to("/etc/hostname")
        elif how == "pipe":
            os.mkfifo(copy)

    found = store.verify(snapshot.id)

    said = "was replaced by a copy from the workspace"
    assert (found.ok, found.bad, found.repaired) == (True, (), (Problem("files/dir/b", said),))
    after = copy.lstat()
    assert copy.read_bytes() == b"beta"
    assert (after.st_mode, after.st_mtime_ns) == (before.st_mode, before.st_mtime_ns)
    assert store.verify(snapshot.id).repaired == ()
    assert store.snapshots()[0].verified
    assert not [path for path in store.folder.iterdir() if path.name.startswith(".tmp-")]


def test_a_bad_file_is_replaced_from_another_snapshot_that_has_the_same_bytes(
    store: SnapshotStore, workspace: Path
) -> None:
    (workspace / "dir" / "other-name").write_bytes(b"alpha")
    first = taken(store, [Source(["dir"])])
    (workspace / "dir" / "other-name").unlink()
    second = taken(store, [Source(["a"])])
    (workspace / "a").write_bytes(b"edited")
    flip(copy_of(store, second, "a"))

    found = store.verify(second.id)

    said = f"was replaced by a copy from {first.id}"
    assert (found.ok, found.repaired) == (True, (Problem("files/a", said),))
    assert copy_of(store, second, "a").read_bytes() == b"alpha"
    assert copy_of(store, second, "a").stat().st_mode & 0o777 == 0o640


def test_what_took_the_place_of_the_original_keeps_no_other_source_from_being_used(
    store: SnapshotStore, workspace: Path, tmp_path: Path
) -> None:
    (workspace / "dir" / "other-name").write_bytes(b"alpha")
    taken(store, [Source(["dir"])])
    second = taken(store, [Source(["a", "dir"])])
    (workspace / "a").unlink()
    (workspace / "a").symlink_to("dir/b")
    (workspace / "dir").rename(tmp_path / "outside")
    (workspace / "dir").symlink_to(tmp_path / "outside")
    copy_of(store, second, "a").unlink()

    assert store.verify(second.id).ok
    assert copy_of(store, second, "a").read_bytes() == b"alpha"


def test_a_bad_file_of_whose_bytes_nothing_is_left_is_counted_and_named(
    store: SnapshotStore, workspace: Path
) -> None:
    snapshot = taken(store)
    (workspace / "a").write_bytes(b"other")
    (workspace / "dir" / "b").write_bytes(b"betas")
    for path in ("a", "dir/b"):
        flip(copy_of(store, snapshot, path))

    found = store.verify(snapshot.id)

    said = "has other bytes than were taken"
    assert found.bad == (Problem("files/a", said), Problem("files/dir/b", said))
    assert not store.snapshots()[0].verified


def test_all_snapshots_that_share_a_spoiled_file_are_repaired(store: SnapshotStore, workspace: Path) -> None:
    snapshots = []
    for number in range(3):
        (workspace / "a").write_text(str(number))
        snapshots.append(taken(store))
    flip(copy_of(store, snapshots[0], "dir/b"))
    assert copy_of(store, snapshots[2], "dir/b").read_bytes() != b"beta"

    found = store.verify_all()

    assert [each.id for each in found] == [each.id for each in reversed(snapshots)]
    assert all(each.ok and len(each.repaired) == 1 for each in found)
    assert all(copy_of(store, each, "dir/b").read_bytes() == b"beta" for each in snapshots)


def test_verifying_all_reads_each_shared_file_once(
    store: SnapshotStore, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        (workspace / "a").write_text(str(number))
        taken(store)
    read: list[int] = []

    def hash_noting(descriptor: int, size: int) -> str:
        read.append(os.fstat(descriptor).st_ino)
        return reading.hash_of(descriptor, size)

    monkeypatch.setattr(verifying, "hash_of", hash_noting)
    found = store.verify_all()

    assert all(each.ok for each in found)
    assert len(read) == len(set(read)) == 4  # three times a, and once dir/b
    assert {each.verified_at for each in store.snapshots()} == {found[0].at}


def test_verifying_all_leaves_out_what_a_newer_version_wrote(store: SnapshotStore, workspace: Path) -> None:
    first = taken(store)
    (workspace / "a").write_bytes(b"edited")
    second = taken(store)
    (store.folder / second.id / "manifest.json").write_text('{"schema": 2}')

    assert [each.id for each in store.verify_all()] == [first.id]


def test_while_another_process_works_a_bad_file_is_named_and_not_replaced(store: SnapshotStore) -> None:
    snapshot = taken(store)
    flip(copy_of(store, snapshot, "a"))

    with locked(store.folder / ".lock", purpose="a long backup", since="now"):
        found = store.verify(snapshot.id)

    assert (found.ok, found.repaired) == (False, ())
    assert store.verify(snapshot.id).ok


class Full(SystemDisk):
    """A disk that takes no new file."""

    def stage_file(self, *_: object, **__: object) -> None:
        """Refuse."""
        raise OSError(28, "No space left on device")


def test_on_a_full_disk_a_bad_file_stays_bad_and_nothing_is_lost(
    store: SnapshotStore, workspace: Path
) -> None:
    snapshot = taken(store)
    flip(copy_of(store, snapshot, "a"))
    full = SnapshotStore(store.folder, "pm2", store.clock, "h", workspace, disk=Full())

    assert [problem.path for problem in full.verify(snapshot.id).bad] == ["files/a"]
    assert copy_of(store, snapshot, "a").exists()


def test_a_folder_in_the_place_of_a_file_is_not_replaced(store: SnapshotStore) -> None:
    snapshot = taken(store)
    copy = copy_of(store, snapshot, "a")
    copy.unlink()
    copy.mkdir()

    assert [problem.path for problem in store.verify(snapshot.id).bad] == ["files/a"]
    assert copy.is_dir()


def test_a_damaged_manifest_repairs_nothing(store: SnapshotStore) -> None:
    snapshot = taken(store)
    (store.folder / snapshot.id / "manifest.json").write_bytes(b"{")

    found = store.verify(snapshot.id)

    assert [problem.path for problem in found.bad] == ["manifest.json"]


# Spot checks


def first_ones(numbers: Sequence[int], count: int) -> Collection[int]:
    return numbers[:count]


def last_ones(numbers: Sequence[int], count: int) -> Collection[int]:
    return numbers[-count:]


class Later(SnapshotStore):
    """A store whose scans begin long after the files were touched, as far as it can tell."""

    def take(self, *args: object, **named: object) -> Snapshot | None:
        """Take, at a moment that is far ahead."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("automation.stores.backups.taking._now_ns", lambda _: 2**62)
            return super().take(*args, **named)  # type: ignore[arg-type]  # as they come


@pytest.fixture
def later(store: SnapshotStore) -> SnapshotStore:
    return Later(store.folder, "pm2", store.clock, "host-1", store.workspace)


def test_a_spot_check_compares_the_chosen_files_with_the_workspace(
    store: SnapshotStore, workspace: Path
) -> None:
    assert store.spot_check(first_ones) is None
    snapshot = taken(store)
    assert store.spot_check(first_ones) == SpotCheck(snapshot.id, 3)

    (workspace / "a").write_bytes(b"edited")
    (workspace / "dir" / "b").unlink()

    assert store.spot_check(first_ones, count=1) == SpotCheck(snapshot.id, 1, ("files/a",))
    assert store.spot_check(last_ones, count=2) == SpotCheck(snapshot.id, 2, ("files/dir/b",))


def test_a_spot_check_names_what_differs_though_nobody_touched_it(later: SnapshotStore) -> None:
    snapshot = taken(later)
    manifest = later.folder / snapshot.id / "manifest.json"
    kept = "8ed3f6ad685b959ead7022518e1af76cd816f8e8ec7ccdda1ed4018e8f2223f8"  # of alpha
    assert kept.encode() in manifest.read_bytes()
    manifest.write_bytes(manifest.read_bytes().replace(kept.encode(), b"0" * 64))

    found = later.spot_check(first_ones)

    said = "has other bytes than the backup, though nobody changed it since"
    assert found == SpotCheck(snapshot.id, 3, (), (Problem("files/a", said),))


def test_a_spot_check_of_a_folder_that_nobody_knows_here_says_so(
    store: SnapshotStore, workspace: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "dump").write_text("[]")
    both = SnapshotStore(store.folder, "pm2", store.clock, "h", workspace, roots={"pm2-home": home})
    snapshot = taken(both, [Source(["a"]), Source(["dump"], "pm2-home")])

    said = "nobody knows where it belongs here"
    assert store.spot_check(first_ones) == SpotCheck(snapshot.id, 2, (), (Problem("pm2-home/dump", said),))


def test_a_file_behind_a_link_that_leads_out_counts_as_changed(
    store: SnapshotStore, workspace: Path, tmp_path: Path
) -> None:
    snapshot = taken(store)
    (workspace / "dir").rename(tmp_path / "outside")
    (workspace / "dir").symlink_to(tmp_path / "outside")

    assert store.spot_check(first_ones) == SpotCheck(snapshot.id, 3, ("files/dir/b",))


def test_a_repair_that_cannot_begin_is_no_crash(
    store: SnapshotStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = taken(store)
    flip(copy_of(store, snapshot, "a"))

    def refuse(_: SystemDisk, path: Path, like: Attributes | None = None) -> None:
        raise EffectFailed(f"cannot create {path} like {like}: No space left on device (errno 28)")

    monkeypatch.setattr(SystemDisk, "make_folder", refuse)

    assert not store.verify(snapshot.id).ok
