"""Backups, prunes and restores that are killed, find a full disk, or read files that do not hold still."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest

from automation.core.errors import EffectFailed, LockBusy
from automation.ports.clock import SteppedClock
from automation.stores.backups.disk import Attributes, Disk, SystemDisk
from automation.stores.backups.manifest import Problem
from automation.stores.backups.retention import Policy
from automation.stores.backups.store import Snapshot, SnapshotStore, Source

SOURCES = [Source(["a.txt", "dir", "link"])]
EDITED = {"a.txt": b"edited", "dir/b": b"", "dir/new": b"new"}
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    (folder / "dir").mkdir(parents=True)
    (folder / "a.txt").write_bytes(b"alpha")
    (folder / "dir" / "b").write_bytes(b"beta")
    (folder / "link").symlink_to("a.txt")
    return folder


@pytest.fixture
def store(tmp_path: Path, workspace: Path) -> SnapshotStore:
    return store_on(SystemDisk(), tmp_path, workspace)


def store_on(disk: Disk, tmp_path: Path, workspace: Path) -> SnapshotStore:
    clock = SteppedClock(1_795_515_300.0)
    return SnapshotStore(tmp_path / "backups" / "pm2", "pm2", clock, "host-1", workspace, disk=disk)


def taken(store: SnapshotStore) -> Snapshot:
    snapshot = store.take(SOURCES, "by hand")
    assert snapshot is not None
    return snapshot


def edit(workspace: Path) -> None:
    for name, content in EDITED.items():
        (workspace / name).write_bytes(content)


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


class Breaks:
    """The real disk up to its n-th change, which fails, as do all that follow."""

    def __init__(self, at: int, how: Callable[[], BaseException]) -> None:
        self.count = 0
        self._at = at
        self._how = how
        self._real = SystemDisk()

    def __getattr__(self, name: str) -> Callable[..., object]:
        real = getattr(self._real, name)

        def change(*args: object, **named: object) -> object:
            self.count += 1
            if self.count >= self._at:
                raise self._how()
            return real(*args, **named)

        return change


def broken(at: int, how: Callable[[], BaseException]) -> Disk:
    return cast("Disk", Breaks(at, how))


def no_space() -> EffectFailed:
    return EffectFailed("cannot write x: No space left on device (errno 28)")


def steps_of(act: Callable[[Disk], object]) -> int:
    """Count the changes that something makes to the disk."""
    disk = Breaks(10_000, Killed)
    act(cast("Disk", disk))
    return disk.count


@pytest.mark.timeout(60)
@pytest.mark.parametrize("how", [Killed, no_space])
def test_a_backup_that_ends_at_any_change_leaves_earlier_snapshots_whole_and_the_next_one_working(
    tmp_path: Path, how: Callable[[], BaseException]
) -> None:
    def prepared(name: str) -> tuple[Path, Path, Snapshot]:
        workspace = tmp_path / name / "workspace"
        (workspace / "dir").mkdir(parents=True)
        (workspace / "a.txt").write_bytes(b"alpha")
        first = taken(store_on(SystemDisk(), tmp_path / name, workspace))
        edit(workspace)
        return tmp_path / name, workspace, first

    home, workspace, _ = prepared("count")
    steps = steps_of(lambda disk: taken(store_on(disk, home, workspace)))
    assert steps > 10
    for at in range(1, steps + 1):
        home, workspace, first = prepared(f"step-{at}")

        with pytest.raises((Killed, EffectFailed)):
            taken(store_on(broken(at, how), home, workspace))

        store = store_on(SystemDisk(), home, workspace)
        seen = store.snapshots()
        assert seen[0] == first
        assert all(snapshot.damage is None for snapshot in seen)
        store.take(SOURCES, "next")
        assert store.snapshots()[-1].files == 3
        assert str((store.folder / "latest").readlink()) == store.snapshots()[-1].id
        assert all(store.verify(snapshot.id).ok for snapshot in store.snapshots())
        assert not [path for path in store.folder.iterdir() if path.name.startswith(".tmp-")]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("how", [Killed, no_space])
def test_a_prune_that_ends_at_any_change_leaves_only_whole_snapshots(
    tmp_path: Path, how: Callable[[], BaseException]
) -> None:
    for at in range(3, 9):
        workspace = tmp_path / str(at) / "workspace"
        workspace.mkdir(parents=True)
        store = store_on(SystemDisk(), tmp_path / str(at), workspace)
        for content in ("0", "1"):
            (workspace / "a.txt").write_text(content)
            taken(store)
        (workspace / "a.txt").write_text("2")
        newest = taken(store)

        try:
            store_on(broken(at, how), tmp_path / str(at), workspace).prune(Policy(1))
        except (Killed, EffectFailed):
            left = store.snapshots()
        else:
            left = (newest,)

        assert left[-1] == newest
        assert all(store.verify(snapshot.id).ok for snapshot in left)
        store.prune(Policy(1))
        assert [snapshot.id for snapshot in store.snapshots()] == [newest.id]
        assert not [path for path in store.folder.iterdir() if path.name.startswith(".tmp-")]


class DiesRemoving(SystemDisk):
    """A disk on which the process ends in the middle of removing a folder."""

    def remove(self, path: Path) -> None:
        """Remove the manifest, and end."""
        (path / "manifest.json").unlink()
        raise Killed


def test_a_prune_killed_in_the_middle_of_a_snapshot_shows_no_half_of_it(
    tmp_path: Path, workspace: Path
) -> None:
    store = store_on(SystemDisk(), tmp_path, workspace)
    taken(store)
    edit(workspace)
    second = taken(store)

    with pytest.raises(Killed):
        store_on(DiesRemoving(), tmp_path, workspace).prune(Policy(1))

    assert store.snapshots() == (second,)


def test_what_a_killed_note_of_a_verification_left_is_cleared(store: SnapshotStore) -> None:
    taken(store)
    left = store.folder / "..verified.json.4711.tmp"
    left.touch()

    store.take(SOURCES, "next")

    assert not left.exists()


@pytest.mark.timeout(60)
def test_a_restore_that_is_killed_at_any_change_leaves_each_file_old_or_new_and_can_be_undone(
    tmp_path: Path,
) -> None:
    def prepared(name: str) -> tuple[Path, Path, Snapshot]:
        workspace = tmp_path / name / "workspace"
        (workspace / "dir").mkdir(parents=True)
        (workspace / "a.txt").write_bytes(b"alpha")
        (workspace / "dir" / "b").write_bytes(b"beta")
        first = taken(store_on(SystemDisk(), tmp_path / name, workspace))
        edit(workspace)
        return tmp_path / name, workspace, first

    def restored(disk: Disk, home: Path, workspace: Path, snapshot: Snapshot) -> None:
        store = store_on(disk, home, workspace)
        store.restore(store.plan_restore(snapshot.id))

    home, workspace, first = prepared("count")
    steps = steps_of(lambda disk: restored(disk, home, workspace, first))
    for at in range(3, steps + 1):
        home, workspace, first = prepared(f"step-{at}")

        with pytest.raises(Killed):
            restored(broken(at, Killed), home, workspace, first)

        store = store_on(SystemDisk(), home, workspace)
        assert (workspace / "a.txt").read_bytes() in (b"alpha", b"edited")
        assert (workspace / "dir" / "b").read_bytes() in (b"beta", b"")
        if (workspace / "a.txt").read_bytes() == b"alpha":
            saved = store.snapshots()[-1]
            assert saved.kind == "before-restore"
            store.restore(store.plan_restore(saved.id))
            assert (workspace / "a.txt").read_bytes() == b"edited"
        store.restore(store.plan_restore(first.id))
        assert (workspace / "a.txt").read_bytes() == b"alpha"


# Real processes, killed at an event

CHILD = """
import sys
from pathlib import Path
from automation.ports.clock import SystemClock
from automation.stores.backups.disk import SystemDisk
from automation.stores.backups.store import SnapshotStore, Source

class Stops(SystemDisk):
    left = int(sys.argv[3])

    def _stop(self):
        Stops.left -= 1
        if Stops.left < 0:
            print("stopped", flush=True)
            sys.stdin.read()

    def copy_file(self, *args):
        self._stop()
        return super().copy_file(*args)

    def place_file(self, *args):
        self._stop()
        return super().place_file(*args)

store = SnapshotStore(Path(sys.argv[1]), "pm2", SystemClock(), "host-1", Path(sys.argv[2]), disk=Stops())
if sys.argv[4] == "take":
    store.take([Source(["a.txt", "dir", "link"])], "scheduled")
else:
    store.restore(store.plan_restore(sys.argv[4]))
"""


@contextmanager
def stopped_child(store: SnapshotStore, after: int, act: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a backup or a restore in a process of its own, up to its n-th file; kill it at the end."""
    argv = [sys.executable, "-c", CHILD, str(store.folder), str(store.workspace), str(after), act]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == b"stopped\n"
            yield child
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait(10)


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_backup_killed_after_some_files_leaves_nothing_that_looks_like_a_snapshot(
    store: SnapshotStore, workspace: Path, after: int
) -> None:
    first = taken(store)
    edit(workspace)

    with stopped_child(store, after, "take"):
        assert store.snapshots() == (first,)
    assert [path.name for path in store.folder.iterdir() if path.name.startswith(".tmp-")] == [".tmp-new"]

    second = taken(store)
    assert store.snapshots() == (first, second)
    assert all(store.verify(snapshot.id).ok for snapshot in (first, second))
    assert not (store.folder / ".tmp-new").exists()


def test_while_one_process_backs_up_another_is_told_who_does(store: SnapshotStore) -> None:
    with (
        stopped_child(store, 0, "take") as child,
        pytest.raises(LockBusy, match=rf"pid {child.pid} since .*, for backup \(scheduled\)"),
    ):
        store.take(SOURCES, "by hand")
    taken(store)


def test_while_a_restore_runs_no_backup_does_and_killed_it_can_be_done_again(
    store: SnapshotStore, workspace: Path
) -> None:
    first = taken(store)
    (workspace / "a.txt").write_bytes(b"edited")

    with stopped_child(store, 1, first.id), pytest.raises(LockBusy, match="for restore"):
        store.take(SOURCES, "by hand")

    assert (workspace / "a.txt").read_bytes() == b"edited"
    assert store.restore(store.plan_restore(first.id)).written == ("files/a.txt",)
    assert (workspace / "a.txt").read_bytes() == b"alpha"


# Disks that are full or read-only


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, timeout=10, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True, timeout=10)


@needs_root
def test_on_a_full_disk_the_backup_says_so_and_leaves_the_earlier_one_whole(
    tmp_path: Path, workspace: Path
) -> None:
    with mounted(tmp_path / "backups", "size=256k"):
        store = store_on(SystemDisk(), tmp_path, workspace)
        first = taken(store)
        (workspace / "dir" / "large").write_bytes(os.urandom(512 * 1024))

        with pytest.raises(EffectFailed, match=r"cannot write .*dir/large: No space left .* \(errno 28\)"):
            taken(store)

        assert store.snapshots() == (first,)
        assert store.verify(first.id).ok
        (workspace / "dir" / "large").write_bytes(b"small")
        assert store.verify(taken(store).id).ok


def test_where_a_file_may_grow_no_further_the_backup_says_so_and_leaves_nothing(
    store: SnapshotStore, workspace: Path
) -> None:
    first = taken(store)
    (workspace / "dir" / "large").write_bytes(b"x" * 300_000)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(EffectFailed, match=r"cannot write .*dir/large: File too large \(errno 27\)"):
            taken(store)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert store.snapshots() == (first,)
    assert not (store.folder / ".tmp-new").exists()
    taken(store)


@needs_root
def test_a_read_only_disk_is_said_and_what_is_on_it_can_still_be_listed_verified_and_planned(
    tmp_path: Path, workspace: Path
) -> None:
    with mounted(tmp_path / "backups", "size=1m"):
        store = store_on(SystemDisk(), tmp_path, workspace)
        first = taken(store)
        (workspace / "a.txt").write_bytes(b"edited")
        subprocess.run(["mount", "-o", "remount,ro", str(tmp_path / "backups")], check=True, timeout=10)

        with pytest.raises(EffectFailed, match=r"Read-only file system \(errno 30\)"):
            taken(store)
        assert store.snapshots() == (first,)
        assert store.verify(first.id).ok
        assert [file.path for file in store.plan_restore().to_write] == ["files/a.txt"]


def test_a_folder_for_backups_that_cannot_be_made_is_said(tmp_path: Path, workspace: Path) -> None:
    (tmp_path / "backups").write_text("a file")

    with pytest.raises(EffectFailed, match=r"cannot create .*backups"):
        taken(store_on(SystemDisk(), tmp_path, workspace))


# Files that do not hold still


class Meanwhile(SystemDisk):
    """A disk on which something happens after each copy of a file of some name, as often as it is told."""

    def __init__(self, name: str, happens: Callable[[], object], times: int) -> None:
        self._name = name
        self._happens = happens
        self._times = times

    def copy_file(
        self, source: int, target: Path, size: int, like: Attributes, *, flushed: bool = True
    ) -> str:
        """Copy, and let it happen."""
        copied = super().copy_file(source, target, size, like, flushed=flushed)
        if target.name == self._name and self._times > 0:
            self._times -= 1
            self._happens()
        return copied


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"!")


def test_a_file_that_changes_while_it_is_read_is_read_once_more(tmp_path: Path, workspace: Path) -> None:
    disk = Meanwhile("a.txt", lambda: append(workspace / "a.txt"), times=1)
    store = store_on(disk, tmp_path, workspace)

    snapshot = taken(store)

    assert snapshot.skipped == ()
    assert (store.folder / snapshot.id / "files" / "a.txt").read_bytes() == b"alpha!"
    assert store.verify(snapshot.id).ok


def test_a_file_that_changes_each_time_is_left_out_and_said(tmp_path: Path, workspace: Path) -> None:
    disk = Meanwhile("a.txt", lambda: append(workspace / "a.txt"), times=99)
    store = store_on(disk, tmp_path, workspace)

    snapshot = taken(store)

    assert snapshot.skipped == (Problem("files/a.txt", "changed each time that it was read"),)
    assert snapshot.files == 2
    assert store.verify(snapshot.id).ok


def test_a_file_that_vanishes_is_left_out_and_said(tmp_path: Path, workspace: Path) -> None:
    (workspace / "dir" / "a").touch()
    disk = Meanwhile("a", (workspace / "dir" / "b").unlink, times=1)
    store = store_on(disk, tmp_path, workspace)

    snapshot = taken(store)

    assert snapshot.skipped == (Problem("files/dir/b", "vanished before it was read"),)
    assert store.verify(snapshot.id).ok


def test_a_file_whose_folder_becomes_a_link_to_the_outside_is_left_out_and_said(
    tmp_path: Path, workspace: Path
) -> None:
    def swap() -> None:
        (workspace / "dir").rename(tmp_path / "outside")
        (workspace / "dir").symlink_to(tmp_path / "outside")

    store = store_on(Meanwhile("a.txt", swap, times=1), tmp_path, workspace)

    snapshot = taken(store)

    assert [problem.path for problem in snapshot.skipped] == ["files/dir"]
    assert "leads out of" in snapshot.skipped[0].reason
    assert store.verify(snapshot.id).ok


def test_a_file_that_cannot_be_read_or_only_pretends_to_have_a_size_is_left_out_and_said(
    tmp_path: Path, workspace: Path
) -> None:
    process = {"process": Path("/proc/self")}
    store = SnapshotStore(
        tmp_path / "backups" / "pm2", "pm2", SteppedClock(), "host-1", workspace, roots=process
    )

    snapshot = store.take([Source(["a.txt"]), Source(["mem", "status"], "process")], "by hand")

    assert snapshot is not None
    assert snapshot.skipped == (
        Problem("process/mem", "cannot be read: Input/output error (errno 5)"),
        Problem("process/status", "changed each time that it was read"),
    )
    assert store.verify(snapshot.id).ok
    assert store.take([Source(["a.txt"]), Source(["mem"], "process")], "scheduled") is None


class Garbles(SystemDisk):
    """A disk that keeps other bytes than it was given."""

    def copy_file(
        self, source: int, target: Path, size: int, like: Attributes, *, flushed: bool = True
    ) -> str:
        """Copy, and spoil."""
        copied = super().copy_file(source, target, size, like, flushed=flushed)
        target.write_bytes(b"?" * size)
        return copied


def test_a_disk_that_gives_back_other_bytes_makes_no_snapshot(tmp_path: Path, workspace: Path) -> None:
    store = store_on(Garbles(), tmp_path, workspace)

    with pytest.raises(EffectFailed, match="reads back differently from what was written"):
        taken(store)
    assert store.snapshots() == ()


def test_a_large_file_is_never_in_memory_as_a_whole(store: SnapshotStore, workspace: Path) -> None:
    with (workspace / "dir" / "large").open("wb") as file:
        file.truncate(32 * 1024 * 1024)
    tracemalloc.start()
    try:
        snapshot = taken(store)
        (workspace / "dir" / "large").unlink()
        restored = store.restore(store.plan_restore(snapshot.id))
        verified = store.verify(snapshot.id)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert restored.written == ("files/dir/large",)
    assert verified.ok
    assert peak_bytes < 6 * 1024 * 1024
