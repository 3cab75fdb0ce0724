"""Many files: flushed together, restored through one folder beside, and never in memory together."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from automation.core.errors import EffectFailed
from automation.ports.clock import SteppedClock
from automation.ports.files import flush_file_system
from automation.stores.backups.disk import Attributes, SystemDisk, Target
from automation.stores.backups.manifest import Problem
from automation.stores.backups.placing import STAGED_ABOVE
from automation.stores.backups.store import Restored, Snapshot, SnapshotStore, Source

COUNT = 100
ALL = [Source(["many"])]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    for number in range(COUNT):
        path = folder / "many" / str(number % 10) / f"{number:03d}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%d" % number)
    (folder / "many" / "link").symlink_to("0/000")
    return folder


@pytest.fixture
def store(tmp_path: Path, workspace: Path) -> SnapshotStore:
    return store_on(SystemDisk(), tmp_path, workspace)


def store_on(disk: SystemDisk, tmp_path: Path, workspace: Path) -> SnapshotStore:
    return SnapshotStore(tmp_path / "backups" / "pm2", "pm2", SteppedClock(), "host-1", workspace, disk=disk)


def taken(store: SnapshotStore) -> Snapshot:
    snapshot = store.take(ALL, "by hand")
    assert snapshot is not None
    return snapshot


def restored(store: SnapshotStore, snapshot: Snapshot) -> Restored:
    return store.restore(store.plan_restore(snapshot.id))


def contents(workspace: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(workspace)): path.read_bytes()
        for path in sorted(workspace.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


class Notes(SystemDisk):
    """A disk that notes what is flushed together, and what is shown or moved in after it."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def flush_all(self, path: Path) -> None:
        """Flush, and note it."""
        super().flush_all(path)
        self.seen.append("flush")

    def rename(self, hidden: Path, shown: Path) -> None:
        """Show, and note it."""
        super().rename(hidden, shown)
        self.seen.append("show")

    def move_in(self, staging: int, staged: str, place: Target) -> None:
        """Move in, and note it once."""
        super().move_in(staging, staged, place)
        if self.seen[-1:] != ["move"]:
            self.seen.append("move")


def test_many_files_are_put_on_disk_together_before_the_snapshot_is_shown(
    tmp_path: Path, workspace: Path
) -> None:
    disk = Notes()
    store = store_on(disk, tmp_path, workspace)

    snapshot = taken(store)

    assert disk.seen == ["flush", "show"]
    assert store.verify(snapshot.id).ok


def test_many_files_are_on_disk_before_they_take_their_places_and_these_after(
    tmp_path: Path, workspace: Path
) -> None:
    disk = Notes()
    store = store_on(disk, tmp_path, workspace)
    snapshot = taken(store)
    before = contents(workspace)
    for path in workspace.rglob("*/*/*"):
        path.write_bytes(b"edited")
    disk.seen.clear()

    done = restored(store, snapshot)

    assert disk.seen == ["flush", "show", "flush", "move", "flush"]
    assert (len(done.written), done.failed) == (COUNT, ())
    assert contents(workspace) == before
    assert sorted(path.name for path in workspace.iterdir()) == ["many"]


def test_many_files_come_back_with_mode_time_folders_and_links_and_the_way_back_removes_them(
    store: SnapshotStore, workspace: Path
) -> None:
    (workspace / "many" / "3").chmod(0o750)
    (workspace / "many" / "3" / "003").chmod(0o640)
    snapshot = taken(store)
    before = (workspace / "many" / "3" / "003").stat()
    (workspace / "many").rename(workspace / "aside")

    done = restored(store, snapshot)

    after = (workspace / "many" / "3" / "003").stat()
    assert (len(done.written), done.failed) == (COUNT + 1, ())
    assert (after.st_mode, after.st_mtime_ns) == (before.st_mode, before.st_mtime_ns)
    assert (workspace / "many" / "3").stat().st_mode & 0o777 == 0o750
    assert str((workspace / "many" / "link").readlink()) == "0/000"
    undone = store.restore(store.plan_restore(done.saved_as))
    assert (len(undone.removed), undone.written, undone.failed) == (COUNT + 1, (), ())
    assert not contents(workspace / "many")


def flip(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])


def test_of_many_files_each_that_cannot_be_restored_is_named_and_the_rest_is_done(
    store: SnapshotStore, workspace: Path
) -> None:
    snapshot = taken(store)
    files = store.folder / snapshot.id / "files" / "many"
    flip(files / "1" / "001")
    (files / "2" / "002").unlink()
    for path in workspace.rglob("*/*/*"):
        path.unlink()
    (workspace / "many" / "3").rmdir()
    (workspace / "many" / "3").write_bytes(b"a file in the place of a folder")

    done = restored(store, snapshot)

    failed = {problem.path: problem.reason for problem in done.failed}
    lost = f"its copy in {snapshot.id} is damaged, and no other snapshot has the same bytes"
    assert failed.pop("files/many/1/001") == lost
    assert failed.pop("files/many/2/002") == lost
    assert set(failed) == {f"files/many/3/{number:03d}" for number in range(3, COUNT, 10)}
    assert all("Not a directory" in reason for reason in failed.values())
    assert len(done.written) == COUNT - 12
    assert not (workspace / ".restore-pm2.tmp").exists()


class Meanwhile(SystemDisk):
    """A disk on which something happens once, when all staged files are on it."""

    def __init__(self, happens: Callable[[], object]) -> None:
        self._happens: Callable[[], object] | None = happens

    def flush_all(self, path: Path) -> None:
        """Flush, and let it happen."""
        super().flush_all(path)
        if path.name == ".restore-pm2.tmp" and self._happens is not None:
            self._happens()
            self._happens = None


def test_of_many_files_one_that_is_edited_meanwhile_is_left_alone(
    store: SnapshotStore, tmp_path: Path, workspace: Path
) -> None:
    snapshot = taken(store)
    for path in workspace.rglob("*/*/*"):
        path.write_bytes(b"edited")
    one, other = workspace / "many" / "1" / "001", workspace / "many" / "2" / "002"

    def edit() -> None:
        one.write_bytes(b"edited again")
        other.unlink()
        other.mkdir()

    done = restored(store_on(Meanwhile(edit), tmp_path, workspace), snapshot)

    said = "changed while it was being saved, and so is not overwritten"
    assert done.failed == (Problem("files/many/1/001", said), Problem("files/many/2/002", said))
    assert one.read_bytes() == b"edited again"
    assert len(done.written) == COUNT - 2


def test_of_many_files_a_folder_that_becomes_a_link_to_the_outside_is_not_written_through(
    store: SnapshotStore, tmp_path: Path, workspace: Path
) -> None:
    snapshot = taken(store)
    for path in workspace.rglob("*/*/*"):
        path.unlink()
    outside = tmp_path / "outside"
    outside.mkdir()

    def swap() -> None:
        (workspace / "many" / "1").rmdir()
        (workspace / "many" / "1").symlink_to(outside)

    done = restored(store_on(Meanwhile(swap), tmp_path, workspace), snapshot)

    assert {problem.path for problem in done.failed} == {
        f"files/many/1/{number:03d}" for number in range(1, COUNT, 10)
    }
    assert list(outside.iterdir()) == []


class Elsewhere(SystemDisk):
    """A disk on which one folder is another file system."""

    def move_in(self, staging: int, staged: str, place: Target) -> None:
        """Refuse to move across."""
        if "/many/1" in str(Path(f"/proc/self/fd/{place.folder}").readlink()):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        if "/many/2" in str(Path(f"/proc/self/fd/{place.folder}").readlink()):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        super().move_in(staging, staged, place)


def test_of_many_files_those_on_another_file_system_are_written_one_by_one(
    store: SnapshotStore, tmp_path: Path, workspace: Path
) -> None:
    snapshot = taken(store)
    before = contents(workspace)
    for path in workspace.rglob("*/*/*"):
        path.unlink()

    done = restored(store_on(Elsewhere(), tmp_path, workspace), snapshot)

    assert {problem.path.rsplit("/", 1)[0] for problem in done.failed} == {"files/many/2"}
    assert "Read-only file system (errno 30)" in done.failed[0].reason
    expected = {path: data for path, data in before.items() if not path.startswith("many/2/")}
    assert contents(workspace) == expected


class NoStaging(SystemDisk):
    """A disk whose workspace takes files, and no folder beside them."""

    def make_folder(self, path: Path, like: Attributes | None = None) -> None:
        """Refuse the staging folder."""
        if path.name == ".restore-pm2.tmp":
            raise EffectFailed("cannot create x: Permission denied (errno 13)")
        super().make_folder(path, like)


def test_where_no_folder_can_be_made_beside_many_files_are_written_one_by_one(
    store: SnapshotStore, tmp_path: Path, workspace: Path
) -> None:
    snapshot = taken(store)
    for path in workspace.rglob("*/*/*"):
        path.unlink()

    done = restored(store_on(NoStaging(), tmp_path, workspace), snapshot)

    assert (len(done.written), done.failed) == (COUNT, ())


class Garbles(SystemDisk):
    """A disk that puts other bytes in place than it was given, once."""

    def move_in(self, staging: int, staged: str, place: Target) -> None:
        """Move, and spoil or take away."""
        super().move_in(staging, staged, place)
        if place.name == "001":
            descriptor = os.open(place.name, os.O_WRONLY | os.O_TRUNC, dir_fd=place.folder)
            os.close(descriptor)
        elif place.name == "002":
            os.unlink(place.name, dir_fd=place.folder)


def test_of_many_files_what_reads_back_differently_is_said(
    store: SnapshotStore, tmp_path: Path, workspace: Path
) -> None:
    snapshot = taken(store)
    for path in workspace.rglob("*/*/*"):
        path.unlink()

    done = restored(store_on(Garbles(), tmp_path, workspace), snapshot)

    assert [problem.path for problem in done.failed] == ["files/many/1/001", "files/many/2/002"]
    assert done.failed[0].reason == "was written, and reads back differently"
    assert "No such file" in done.failed[1].reason


class Killed(BaseException):
    """Stands for the end of the process."""


def test_what_a_killed_restore_of_many_files_left_is_in_no_ones_way(
    store: SnapshotStore, tmp_path: Path, workspace: Path
) -> None:
    snapshot = taken(store)
    before = contents(workspace)
    for path in workspace.rglob("*/*/*"):
        path.unlink()

    def die() -> None:
        raise Killed

    class Dies(Meanwhile):
        def remove(self, path: Path) -> None:
            """Remove nothing any more once the process has ended."""
            if path.name != ".restore-pm2.tmp" or self._happens is not None:
                super().remove(path)

        def flush_all(self, path: Path) -> None:
            """Die at the first flush of what is staged."""
            if path.name == ".restore-pm2.tmp":
                self._happens = None
                die()
            super().flush_all(path)

    with pytest.raises(Killed):
        restored(store_on(Dies(die), tmp_path, workspace), snapshot)

    assert (workspace / ".restore-pm2.tmp").is_dir()
    assert contents(workspace / "many") == {}
    everything = [Source(sorted(path.name for path in workspace.iterdir()))]
    assert store.take(everything, "by hand") is not None
    assert restored(store, snapshot).failed == ()
    assert contents(workspace) == before
    assert sorted(path.name for path in workspace.iterdir()) == ["many"]


def test_a_disk_that_cannot_flush_is_said_and_the_snapshot_is_not_shown(
    tmp_path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("automation.stores.backups.disk.flush_file_system", refuse)
    store = store_on(SystemDisk(), tmp_path, workspace)

    with pytest.raises(EffectFailed, match=r"cannot flush .*: Input/output error \(errno 5\)"):
        taken(store)

    assert store.snapshots() == ()


def test_flushing_a_folder_that_is_gone_is_an_error(tmp_path: Path) -> None:
    flush_file_system(tmp_path)
    with pytest.raises(FileNotFoundError):
        flush_file_system(tmp_path / "gone")


def test_few_files_are_written_one_by_one() -> None:
    assert STAGED_ABOVE < COUNT


MEMORY = """
import sys
from pathlib import Path
from automation.ports.clock import SystemClock
from automation.stores.backups.store import SnapshotStore, Source

folder = Path(sys.argv[1])
store = SnapshotStore(folder / "backups" / "pm2", "pm2", SystemClock(), "h", folder / "workspace")
sources = [Source(["many"])]
assert store.take(sources, "1") is not None
(folder / "workspace" / "many" / "new").touch()
snapshot = store.take(sources, "2")
assert store.verify(snapshot.id).ok
status = Path("/proc/self/status").read_text("ascii")  # rusage would count the parent's memory too
print(int(status.split("VmHWM:")[1].split()[0]) // 1024)
"""


@pytest.mark.timeout(60)
def test_five_thousand_files_take_no_more_memory_than_a_hundred(tmp_path: Path) -> None:
    peaks_mib = []
    for count in (100, 5000):
        folder = tmp_path / str(count)
        (folder / "workspace" / "many").mkdir(parents=True)
        for number in range(count):
            (folder / "workspace" / "many" / f"{number:05d}").touch()
        argv = [sys.executable, "-c", MEMORY, str(folder)]
        ran = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=50)
        peaks_mib.append(int(ran.stdout))

    assert peaks_mib[1] < peaks_mib[0] + 12
    assert peaks_mib[1] < 60
