"""What the disk refuses is said in one line, with path and errno, and leaves nothing half done."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from automation.core.errors import EffectFailed
from automation.ports.clock import SteppedClock
from automation.stores.backups.disk import Attributes, SystemDisk, Target, WrongContent
from automation.stores.backups.listing import read_manifest
from automation.stores.backups.manifest import Problem
from automation.stores.backups.place import clear_leftovers
from automation.stores.backups.scanning import scan
from automation.stores.backups.store import SnapshotStore, Source
from automation.stores.backups.verifying import problems_of

DISK = SystemDisk()
LIKE = Attributes(0o644, os.geteuid(), os.getegid(), 0)


@contextmanager
def opened(path: Path, flags: int = os.O_RDONLY) -> Iterator[int]:
    descriptor = os.open(path, flags)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda gone: DISK.copy_file(0, gone / "x", 1, LIKE), "cannot write .*gone/x: No such file"),
        (lambda gone: DISK.copy_link("to", gone / "x", LIKE), "cannot write .*gone/x: No such file"),
        (DISK.sync_folder, "cannot flush .*gone: No such file"),
        (lambda gone: DISK.rename(gone, gone.with_name("to")), "cannot write .*to: No such file"),
        (lambda gone: DISK.point(gone / "x", "to", gone / "y"), "cannot write .*gone/x: No such file"),
        (lambda gone: DISK.remove(gone.with_name("file") / "x"), "cannot remove .*file/x: Not a directory"),
        (lambda gone: DISK.make_folder(gone.with_name("file")), "cannot create .*file: File exists"),
        (lambda gone: DISK.make_folder(gone.with_name("link"), LIKE), "cannot create .*link: "),
        (lambda gone: clear_leftovers(gone, DISK), "cannot read .*gone: No such file"),
    ],
)
def test_each_change_that_fails_names_path_and_errno(
    tmp_path: Path, change: Callable[[Path], object], said: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")

    with pytest.raises(EffectFailed, match=rf"{said}.*\(errno [0-9]+\)$"):
        change(tmp_path / "gone")


def test_removing_what_is_gone_is_fine_and_a_link_goes_without_what_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")

    DISK.remove(tmp_path / "gone")
    DISK.remove(tmp_path / "link")

    assert [path.name for path in tmp_path.iterdir()] == ["real"]


def test_what_cannot_be_put_into_place_leaves_no_temporary_file(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "source").write_bytes(b"x")
    sha256 = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    with opened(tmp_path, os.O_RDONLY | os.O_DIRECTORY) as folder, opened(tmp_path / "source") as source:
        place = Target(folder, "taken", ".temporary")
        with pytest.raises(OSError, match="directory"):
            DISK.place_file(place, source, sha256, LIKE)
        with pytest.raises(OSError, match="directory"):
            DISK.place_link(place, "to", LIKE)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "taken"]


def test_a_copy_that_the_disk_cannot_read_has_not_the_right_bytes(tmp_path: Path) -> None:
    with (
        opened(tmp_path, os.O_RDONLY | os.O_DIRECTORY) as folder,
        opened(Path("/proc/self/mem")) as unreadable,
        pytest.raises(WrongContent),
    ):
        DISK.place_file(Target(folder, "x", ".temporary"), unreadable, "0" * 64, LIKE)

    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "a").write_bytes(b"alpha")
    return SnapshotStore(tmp_path / "backups" / "s", "s", SteppedClock(), "h", workspace)


def flushed_until_shown(store: SnapshotStore, act: Callable[[SnapshotStore], object]) -> set[str]:
    """Do something, and return the names of what was flushed before a folder got its final name."""
    flushed: set[str] = set()
    shown: list[set[str]] = []
    real = os.fsync

    def note(descriptor: int) -> None:
        flushed.add(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        real(descriptor)

    class Notes(SystemDisk):
        """Notes what was flushed when the snapshot is shown."""

        def rename(self, hidden: Path, final: Path) -> None:
            shown.append(set(flushed))
            super().rename(hidden, final)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", note)
        act(SnapshotStore(store.folder, "s", store.clock, "h", store.workspace, disk=Notes()))
    assert str(store.folder) in flushed
    return {str(Path(path).relative_to(store.folder.parent.parent)) for path in shown[0]}


def test_a_snapshot_is_on_disk_before_it_is_shown(store: SnapshotStore) -> None:
    (store.workspace / "dir" / "inner").mkdir(parents=True)
    (store.workspace / "dir" / "inner" / "b").write_bytes(b"beta")

    flushed = flushed_until_shown(store, lambda noting: noting.take([Source(["a", "dir"])], "by hand"))

    hidden = "backups/s/.tmp-new"
    assert flushed >= {
        ".",
        "backups",
        hidden,
        f"{hidden}/files",
        f"{hidden}/files/a",
        f"{hidden}/files/dir",
        f"{hidden}/files/dir/inner",
        f"{hidden}/files/dir/inner/b",
        f"{hidden}/.manifest.json.{os.getpid()}.tmp",
    }


def test_a_restored_file_is_on_disk_before_and_its_folder_after_it_takes_its_place(
    store: SnapshotStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = store.take([Source(["a"])], "by hand")
    assert snapshot is not None
    (store.workspace / "a").unlink()
    seen: list[str] = []
    real_fsync, real_rename = os.fsync, os.rename

    def fsync(descriptor: int) -> None:
        seen.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)  # noqa: PTH115  # as text
        real_fsync(descriptor)

    def rename(source: str, target: str, **named: int) -> None:
        seen.append(f"{source} to {target}")
        real_rename(source, target, **named)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "rename", rename)
    store.restore(store.plan_restore(snapshot.id))

    assert seen[-3:] == [".restore-s.tmp", ".restore-s.tmp to a", "workspace"]


def test_bits_that_lend_the_owners_rights_are_lost_with_the_owner(
    store: SnapshotStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    (store.workspace / "a").chmod(0o6755)
    snapshot = store.take([Source(["a"])], "by hand")
    assert snapshot is not None
    assert read_manifest(store.folder, snapshot.id).files[0].mode == 0o6755
    (store.workspace / "a").unlink()

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", refuse)
    done = store.restore(store.plan_restore(snapshot.id))

    assert done.failed == ()
    assert (store.workspace / "a").stat().st_mode & 0o7777 == 0o755


def test_what_is_not_there_is_not_said_and_what_cannot_be_looked_at_is(store: SnapshotStore) -> None:
    assert list(scan(store.workspace, ["gone/x"])) == []
    (store.workspace / "file").touch()
    problem, found = scan(store.workspace, ["file/x", "a"])

    assert problem == Problem("file/x", "cannot be read: Not a directory (errno 20)")
    assert found == ("a", (store.workspace / "a").lstat())


def test_what_may_not_be_read_is_left_out_and_said_and_refused_when_it_would_be_overwritten(
    store: SnapshotStore,
) -> None:
    (store.workspace / "dir").mkdir()
    (store.workspace / "b").write_bytes(b"beta")
    snapshot = store.take([Source(["a", "b"])], "by hand")
    assert snapshot is not None
    (store.workspace / "a").chmod(0)
    (store.workspace / "dir").chmod(0)
    if os.access(store.workspace / "a", os.R_OK):
        pytest.skip("root may read everything")
    (store.workspace / "b").write_bytes(b"other")

    second = store.take([Source(["a", "b", "dir"])], "by hand")
    done = store.restore(store.plan_restore(snapshot.id))
    (store.workspace / "dir").chmod(0o700)

    said = "cannot be read: Permission denied (errno 13)"
    assert second is not None
    assert second.skipped == (Problem("files/a", said), Problem("files/dir", said))
    assert done.failed == (Problem("files/a", said),)
    assert done.written == ("files/b",)


def test_a_snapshot_that_is_removed_while_it_is_verified_is_no_damage(
    store: SnapshotStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = store.take([Source(["a"])], "by hand")
    assert snapshot is not None
    real = os.scandir

    def remove_first(path: Path) -> Iterator[os.DirEntry[str]]:
        if path == store.folder / snapshot.id:
            path.rename(store.folder / ".tmp-removed")
        return real(path)

    monkeypatch.setattr(os, "scandir", remove_first)

    with pytest.raises(EffectFailed, match="was removed while it was verified"):
        problems_of(store.folder, snapshot.id)


def test_a_damaged_manifest_says_nothing_against_the_snapshot_before(store: SnapshotStore) -> None:
    first = store.take([Source(["a"])], "1")
    (store.workspace / "a").write_bytes(b"beta")
    second = store.take([Source(["a"])], "2")
    assert first is not None
    assert second is not None
    (store.folder / second.id / "manifest.json").write_bytes(b"{")

    assert store.verify(first.id).ok


def test_a_record_in_the_place_of_a_folder_is_damage_and_no_crash(store: SnapshotStore) -> None:
    snapshot = store.take([Source(["a"])], "by hand")
    assert snapshot is not None
    path = store.folder / snapshot.id / "manifest.json"
    path.unlink()
    path.mkdir()

    assert "Is a directory" in (store.snapshots()[0].damage or "")
    assert store.plan_restore().files == ()
    assert store.take([Source(["a"])], "by hand") is not None
