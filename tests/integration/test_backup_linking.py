"""What did not change is linked, after its old copy was read again; everything else is copied."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from automation.core.errors import EffectFailed
from automation.ports.clock import SteppedClock
from automation.stores.backups import comparing, copying
from automation.stores.backups.beneath import opened_file
from automation.stores.backups.disk import SystemDisk
from automation.stores.backups.listing import read_manifest
from automation.stores.backups.reading import state_in
from automation.stores.backups.store import Snapshot, SnapshotStore, Source
from automation.stores.backups.taking import WHOLE_EVERY

ALL = [Source(["a", "dir", "link"])]
LONG_AGO_NS = 1_700_000_000_000_000_000


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    (folder / "dir" / "inner").mkdir(parents=True)
    (folder / "a").write_bytes(b"alpha")
    (folder / "dir" / "b").write_bytes(b"beta")
    (folder / "dir" / "inner" / "c").write_bytes(b"gamma")
    (folder / "link").symlink_to("a")
    return folder


@pytest.fixture
def store(tmp_path: Path, workspace: Path) -> SnapshotStore:
    return SnapshotStore(tmp_path / "backups" / "pm2", "pm2", SteppedClock(), "host-1", workspace)


def taken(store: SnapshotStore, sources: list[Source] | None = None) -> Snapshot:
    snapshot = store.take(sources or ALL, "by hand")
    assert snapshot is not None
    return snapshot


def inodes(store: SnapshotStore, snapshot: Snapshot) -> dict[str, int]:
    files = store.folder / snapshot.id / "files"
    return {path: (files / path).stat().st_ino for path in ("a", "dir/b", "dir/inner/c")}


def shared(store: SnapshotStore, one: Snapshot, other: Snapshot) -> set[str]:
    """Return the files that two snapshots share."""
    first, second = inodes(store, one), inodes(store, other)
    return {path for path in first if first[path] == second[path]}


def test_only_what_changed_is_copied_and_the_rest_is_linked(store: SnapshotStore, workspace: Path) -> None:
    first = taken(store)
    (workspace / "a").write_bytes(b"edited")

    second = taken(store)

    assert shared(store, first, second) == {"dir/b", "dir/inner/c"}
    assert (store.folder / second.id / "files" / "a").read_bytes() == b"edited"
    assert (first.linked, second.linked) == (0, 1)
    assert store.verify(second.id).ok
    assert read_manifest(store.folder, second.id).files[1:] == read_manifest(store.folder, first.id).files[1:]


def test_an_old_copy_whose_bytes_changed_is_not_handed_on(store: SnapshotStore, workspace: Path) -> None:
    first = taken(store)
    spoiled = store.folder / first.id / "files" / "dir" / "b"
    before = spoiled.stat()
    spoiled.write_bytes(b"bEta")
    os.utime(spoiled, ns=(before.st_atime_ns, before.st_mtime_ns))
    (workspace / "a").write_bytes(b"edited")

    second = taken(store)

    assert shared(store, first, second) == {"dir/inner/c"}
    assert (store.folder / second.id / "files" / "dir" / "b").read_bytes() == b"beta"
    assert store.verify(second.id).ok


@pytest.mark.parametrize("change", ["mode", "time", "gone", "pipe", "folder"])
def test_an_old_copy_that_is_not_as_it_was_taken_is_not_linked(
    store: SnapshotStore, workspace: Path, change: str
) -> None:
    first = taken(store)
    old = store.folder / first.id / "files" / "dir" / "b"
    if change == "mode":
        old.chmod(0o600 if old.stat().st_mode & 0o777 != 0o600 else 0o640)
    elif change == "time":
        os.utime(old, ns=(0, 0))
    else:
        old.unlink()
        if change == "pipe":
            os.mkfifo(old)
        elif change == "folder":
            old.mkdir()
    (workspace / "a").write_bytes(b"edited")

    second = taken(store)

    new = (store.folder / second.id / "files" / "dir" / "b").stat()
    original = (workspace / "dir" / "b").stat()
    assert (new.st_nlink, new.st_mode, new.st_mtime_ns) == (1, original.st_mode, original.st_mtime_ns)
    assert store.verify(second.id).ok


@pytest.mark.parametrize("change", ["mode", "time", "owner"])
def test_what_belongs_to_the_inode_and_changed_is_copied(
    store: SnapshotStore, workspace: Path, change: str
) -> None:
    first = taken(store)
    (workspace / "a").write_bytes(b"edited")
    if change == "mode":
        (workspace / "dir" / "b").chmod(0o755)
    elif change == "time":
        os.utime(workspace / "dir" / "b", ns=(LONG_AGO_NS, LONG_AGO_NS))
    else:
        try:
            os.chown(workspace / "dir" / "b", 1234, 2345)
        except PermissionError:
            pytest.skip("only root gives files away")

    second = taken(store)

    assert shared(store, first, second) == {"dir/inner/c"}
    kept, original = store.folder / second.id / "files" / "dir" / "b", workspace / "dir" / "b"
    for one in ("st_mode", "st_uid", "st_gid", "st_mtime_ns"):
        assert getattr(kept.stat(), one) == getattr(original.stat(), one)


class NoLinks(SystemDisk):
    """A disk that links nothing."""

    def __init__(self, code: int) -> None:
        self._code = code

    def link_file(self, old: int, new: int, name: str) -> bool:
        """Let the real method meet the error."""

        def refuse(*_: object, **__: object) -> None:
            raise OSError(self._code, os.strerror(self._code))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "link", refuse)
            return super().link_file(old, new, name)


@pytest.mark.parametrize("code", [errno.EMLINK, errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP])
def test_where_the_disk_links_nothing_everything_is_copied(
    store: SnapshotStore, workspace: Path, code: int
) -> None:
    first = taken(store)
    (workspace / "a").write_bytes(b"edited")
    other = SnapshotStore(store.folder, "pm2", store.clock, "h", workspace, disk=NoLinks(code))

    second = taken(other)

    assert shared(store, first, second) == set()
    assert store.verify(second.id).ok


def test_a_link_that_a_full_disk_refuses_is_said_with_path_and_errno(
    store: SnapshotStore, workspace: Path
) -> None:
    first = taken(store)
    (workspace / "a").write_bytes(b"edited")
    other = SnapshotStore(store.folder, "pm2", store.clock, "h", workspace, disk=NoLinks(errno.ENOSPC))

    with pytest.raises(EffectFailed, match=r"cannot link .*files/dir/b: No space left .* \(errno 28\)"):
        taken(other)

    assert store.snapshots() == (first,)


def test_every_twentieth_snapshot_is_whole(store: SnapshotStore, workspace: Path) -> None:
    snapshots = []
    for number in range(WHOLE_EVERY + 2):
        (workspace / "a").write_text(str(number))
        snapshots.append(taken(store))

    assert WHOLE_EVERY == 20
    assert [each.linked for each in snapshots] == [*range(20), 0, 1]
    assert shared(store, snapshots[18], snapshots[19]) == {"dir/b", "dir/inner/c"}
    assert shared(store, snapshots[19], snapshots[20]) == set()
    assert shared(store, snapshots[20], snapshots[21]) == {"dir/b", "dir/inner/c"}
    assert [each.linked for each in store.snapshots()] == [each.linked for each in snapshots]


def test_what_a_restore_put_aside_is_never_linked_to(store: SnapshotStore, workspace: Path) -> None:
    first = taken(store)
    (workspace / "a").write_bytes(b"edited")
    store.restore(store.plan_restore(first.id))
    (workspace / "a").write_bytes(b"again")

    second = taken(store)

    assert shared(store, first, second) == {"dir/b", "dir/inner/c"}


def test_a_linked_file_is_judged_anew(store: SnapshotStore, workspace: Path) -> None:
    verdicts: dict[str, bool | None] = {"dir/b": True}
    seen: list[bytes] = []

    def judge(path: str, data: bytes) -> bool | None:
        seen.append(data)
        return verdicts.get(path)

    source = [Source(["a", "dir"], valid=judge)]
    first = taken(store, source)
    (workspace / "a").write_bytes(b"edited")
    verdicts["dir/b"] = False
    seen.clear()

    second = taken(store, source)

    assert shared(store, first, second) == {"dir/b", "dir/inner/c"}
    assert [entry.valid for entry in read_manifest(store.folder, second.id).files] == [None, False, None]
    assert (first.all_valid, second.all_valid) == (True, False)
    assert seen == [b"edited", b"beta", b"gamma"]


def test_a_file_too_large_to_be_judged_is_linked_all_the_same(store: SnapshotStore, workspace: Path) -> None:
    (workspace / "dir" / "large").write_bytes(b"x" * (copying.JUDGE_CAP_BYTES + 1))
    source = [Source(["a", "dir"], valid=lambda _, __: True)]
    taken(store, source)
    (workspace / "a").write_bytes(b"edited")

    second = taken(store, source)

    assert (store.folder / second.id / "files" / "dir" / "large").stat().st_nlink == 2
    assert [entry.valid for entry in read_manifest(store.folder, second.id).files] == [True, True, True, None]


# What is read at all


@contextmanager
def reading(monkeypatch: pytest.MonkeyPatch, seen: list[str]) -> Iterator[None]:
    """Note the files of the workspace that are read while nothing is copied."""
    real_compare, real_open = state_in, opened_file

    def compare(folder: int, name: str) -> object:
        seen.append(name)
        return real_compare(folder, name)

    @contextmanager
    def open_noting(folder: int, name: str) -> Iterator[int]:
        if "/workspace" in str(Path(f"/proc/self/fd/{folder}").readlink()):
            seen.append(name)
        with real_open(folder, name) as descriptor:
            yield descriptor

    with monkeypatch.context() as patch:
        patch.setattr(comparing, "state_in", compare)
        patch.setattr(copying, "opened_file", open_noting)
        yield


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


def test_what_has_not_moved_is_not_read_again(
    later: SnapshotStore, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken(later)
    seen: list[str] = []

    with reading(monkeypatch, seen):
        assert later.take(ALL, "scheduled") is None
        (workspace / "a").write_bytes(b"edited")
        taken(later)

    assert seen == ["a"]  # its size told that it changed; it was read to be copied


def test_what_changed_just_before_the_last_scan_is_read_again(
    store: SnapshotStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken(store)
    seen: list[str] = []

    with reading(monkeypatch, seen):
        assert store.take(ALL, "scheduled") is None

    assert sorted(seen) == ["a", "b", "c", "link"]


def test_what_was_touched_is_read_once_and_not_again(
    later: SnapshotStore, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken(later)
    os.utime(workspace / "a", ns=(LONG_AGO_NS, LONG_AGO_NS))
    seen: list[str] = []

    with reading(monkeypatch, seen):
        assert later.take(ALL, "scheduled") is None
        assert later.take(ALL, "scheduled") is None

    assert seen == ["a"]


def test_a_file_replaced_by_one_of_the_same_size_and_time_is_seen(
    later: SnapshotStore, workspace: Path
) -> None:
    taken(later)
    before = (workspace / "a").stat()
    (workspace / "beside").write_bytes(b"ALPHA")
    os.utime(workspace / "beside", ns=(before.st_atime_ns, before.st_mtime_ns))
    (workspace / "beside").replace(workspace / "a")

    second = taken(later)

    assert (later.folder / second.id / "files" / "a").read_bytes() == b"ALPHA"


@pytest.mark.parametrize("how", ["gone", "garbage", "boot", "shorter", "folder", "lines"])
def test_without_sound_stamps_everything_is_read_and_nothing_else_changes(
    later: SnapshotStore, workspace: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    taken(later)
    stamps = later.folder / ".stamps"
    text = stamps.read_bytes()
    if how == "gone":
        stamps.unlink()
    elif how == "folder":
        stamps.unlink()
        stamps.mkdir()
    else:
        broken = {
            "garbage": b"\xff\xff",
            "boot": text.replace(b'"boot-1"', b'"boot-0"'),
            "shorter": text[: text.rindex(b"\n", 0, -1) + 1],
            "lines": text[: text.index(b"\n") + 1] + b"x\n" * 4,
        }
        stamps.write_bytes(broken[how])
    seen: list[str] = []

    with reading(monkeypatch, seen):
        assert later.take(ALL, "scheduled") is None
    assert sorted(seen) == ["a", "b", "c", "link"]

    (workspace / "a").write_bytes(b"edited")
    assert later.verify(taken(later).id).ok


def test_stamps_of_another_folder_say_nothing(
    later: SnapshotStore, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken(later)
    workspace.rename(tmp_path / "moved")
    workspace.mkdir()
    for path in sorted((tmp_path / "moved").iterdir()):
        path.rename(workspace / path.name)
    seen: list[str] = []

    with reading(monkeypatch, seen):
        assert later.take(ALL, "scheduled") is None

    assert sorted(seen) == ["a", "b", "c", "link"]


def test_a_manifest_written_in_another_way_is_read_and_only_not_linked_to(store: SnapshotStore) -> None:
    first = taken(store)
    path = store.folder / first.id / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"size": ', b'"size":'))
    assert store.snapshots()[0] == first

    second = taken(store)
    third_there = store.take(ALL, "scheduled")

    assert shared(store, first, second) == set()
    assert third_there is None
    assert store.verify(first.id).ok
