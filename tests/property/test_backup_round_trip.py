"""Backup then restore is identity: byte for byte, mode for mode, whatever happens in between."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from automation.ports.clock import SteppedClock
from automation.stores.backups.disk import Disk, SystemDisk
from automation.stores.backups.retention import Policy
from automation.stores.backups.store import SnapshotStore, Source

Tree = dict[str, "Leaf"]

# Nothing here looks at what survives a power cut, and flushing to memory costs nothing.
_SHARED_MEMORY = "/dev/shm"  # noqa: S108  # only folders with random names are made in it
ROOM = _SHARED_MEMORY if os.access(_SHARED_MEMORY, os.W_OK) else None


@dataclass(frozen=True, slots=True)
class Leaf:
    """A file, or a link where `link` says where it points."""

    content: bytes = b""
    mode: int = 0
    link: str | None = None


def without_clashes(tree: Tree) -> Tree:
    """Leave out what would need a file to be a folder."""
    return {
        path: leaf for path, leaf in tree.items() if not any(other.startswith(path + "/") for other in tree)
    }


raw_names = (
    st.sampled_from([b"a", b"b", b"\xff\xfe", b"new\nline", b"-rf", b"x" * 255])
    | st.binary(min_size=1, max_size=12)
).filter(lambda name: b"/" not in name and b"\0" not in name and name not in (b".", b".."))
names = raw_names.map(os.fsdecode)
# A file that its owner cannot read can be backed up by root alone; what root may do is tried elsewhere.
files = st.builds(Leaf, st.binary(max_size=200), st.integers(0, 0o777).map(lambda mode: mode | 0o400))
links = st.builds(Leaf, link=names)
trees = st.dictionaries(
    st.lists(names, min_size=1, max_size=3).map("/".join), files | links, min_size=1, max_size=6
).map(without_clashes)


def put(root: Path, path: str, leaf: Leaf) -> None:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    if leaf.link is not None:
        target.symlink_to(leaf.link)
        return
    target.write_bytes(leaf.content)
    target.chmod(leaf.mode)


def look(root: Path) -> Tree:
    found: Tree = {}
    for folder, folders, inside in os.walk(root):
        for name in (*folders, *inside):
            path = Path(folder) / name
            status = path.lstat()
            if stat.S_ISLNK(status.st_mode):
                found[str(path.relative_to(root))] = Leaf(link=str(path.readlink()))
            elif stat.S_ISREG(status.st_mode):
                found[str(path.relative_to(root))] = Leaf(path.read_bytes(), stat.S_IMODE(status.st_mode))
    return found


def everything(root: Path) -> list[Source]:
    return [Source(sorted(path.name for path in root.iterdir()))]


def store_in(folder: Path, disk: Disk | None = None) -> SnapshotStore:
    clock = SteppedClock()
    return SnapshotStore(
        folder / "backups" / "s", "s", clock, "h", folder / "workspace", disk=disk or SystemDisk()
    )


@pytest.mark.timeout(60)
@settings(max_examples=60, deadline=None)
@given(trees, trees)
def test_whatever_is_in_its_place_a_restore_gives_back_what_was_there(before: Tree, after: Tree) -> None:
    with tempfile.TemporaryDirectory(dir=ROOM) as name:
        folder = Path(name)
        workspace = folder / "workspace"
        workspace.mkdir()
        for path, leaf in before.items():
            put(workspace, path, leaf)
        store = store_in(folder)
        snapshot = store.take(everything(workspace), "property")
        assert snapshot is not None
        assert store.take(everything(workspace), "again") is None
        shutil.rmtree(workspace)
        workspace.mkdir()
        for path, leaf in after.items():
            if not any(path.startswith(other + "/") or other.startswith(path + "/") for other in before):
                put(workspace, path, leaf)
        others = {path: leaf for path, leaf in look(workspace).items() if path not in before}

        done = store.restore(store.plan_restore(snapshot.id))

        assert done.failed == ()
        assert store.verify(snapshot.id).ok
        assert look(workspace) == {**others, **before}


class Killed(BaseException):
    """Stands for the end of the process."""


class Breaks:
    """The real disk up to its n-th change, at which the process ends."""

    def __init__(self, at: int) -> None:
        self._left = at
        self._real = SystemDisk()

    def __getattr__(self, name: str) -> Callable[..., object]:
        real = getattr(self._real, name)

        def change(*args: object, **named: object) -> object:
            self._left -= 1
            if self._left < 0:
                raise Killed
            return real(*args, **named)

        return change


few_names = st.sampled_from(["a", "b", "c"])


class Backups(RuleBasedStateMachine):
    """Any sequence of edits, backups, prunes, kills, jumps of the clock and restores."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=ROOM))
        self.workspace = self.folder / "workspace"
        self.workspace.mkdir()
        self.store = store_in(self.folder)
        self.known: dict[str, Tree] = {}

    def teardown(self) -> None:
        """Leave nothing behind."""
        shutil.rmtree(self.folder)

    def _learn(self) -> None:
        """Note what became visible: a backup that was killed at its very end may have been whole."""
        for snapshot in self.store.snapshots():
            if snapshot.id not in self.known and snapshot.kind == "regular":
                self.known[snapshot.id] = look(self.workspace)
        there = {snapshot.id for snapshot in self.store.snapshots()}
        self.known = {id_: tree for id_, tree in self.known.items() if id_ in there}

    @rule(name=few_names, leaf=files | links)
    def write(self, name: str, leaf: Leaf) -> None:
        """Somebody writes a file."""
        (self.workspace / name).unlink(missing_ok=True)
        put(self.workspace, name, leaf)

    @rule(name=few_names)
    def delete(self, name: str) -> None:
        """Somebody deletes a file."""
        (self.workspace / name).unlink(missing_ok=True)

    @rule(seconds=st.sampled_from([-86400.0, -1.0, 0.5, 3600.0, 8 * 86400.0]))
    def set_clock(self, seconds: float) -> None:
        """Somebody sets the clock."""
        clock = cast("SteppedClock", self.store.clock)
        clock.set(clock.now_s() + seconds)

    @rule()
    def back_up(self) -> None:
        """A guard takes a snapshot."""
        self.store.take(everything(self.workspace), "rule")
        self._learn()

    @rule(at=st.integers(1, 14))
    def back_up_and_be_killed(self, at: int) -> None:
        """A guard dies while it takes one."""
        dying = store_in(self.folder, cast("Disk", Breaks(at)))
        with suppress(Killed):
            dying.take(everything(self.workspace), "rule")
        self._learn()

    @rule(keep=st.integers(1, 3))
    def prune(self, keep: int) -> None:
        """A guard thins its snapshots out."""
        newest = [snapshot.id for snapshot in self.store.snapshots() if snapshot.kind == "regular"][-1:]
        self.store.prune(Policy(keep))
        self._learn()
        assert set(newest) <= self.known.keys()

    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        """Somebody restores any snapshot, and takes it back."""
        if not self.known:
            return
        chosen = data.draw(st.sampled_from(sorted(self.known)))
        before = look(self.workspace)
        done = self.store.restore(self.store.plan_restore(chosen))
        assert done.failed == ()
        assert look(self.workspace) == {**before, **self.known[chosen]}
        if done.saved_as is not None:
            assert self.store.restore(self.store.plan_restore(done.saved_as)).failed == ()
            now = look(self.workspace)
            assert {path: now[path] for path in before} == before

    @invariant()
    def every_snapshot_is_whole_and_latest_is_one_of_them(self) -> None:
        """What is visible verifies, and they are in order."""
        there = [snapshot.id for snapshot in self.store.snapshots()]
        assert there == sorted(there)
        assert all(snapshot.damage is None for snapshot in self.store.snapshots())
        assert all(not self.store.verify(id_).bad for id_ in there)
        link = self.store.folder / "latest"
        assert not link.is_symlink() or str(link.readlink()) in self.known


@pytest.mark.timeout(60)
def test_any_sequence_of_edits_backups_prunes_kills_and_restores_loses_nothing() -> None:
    run_state_machine_as_test(
        Backups, settings=settings(max_examples=30, stateful_step_count=15, deadline=None)
    )
