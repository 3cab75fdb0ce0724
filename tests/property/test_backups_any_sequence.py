"""Any tree, and any sequence of edits, backups, prunes, kills, faults of the disk, restores and set clocks.

After each step all snapshots hold byte for byte and mode for mode what was there when they were taken, and
the listing and `latest` are whole. `BACKUP_TESTS_SCALE=20` tries twenty times as many sequences.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from automation.core.errors import AutomationError
from automation.ports.clock import SteppedClock
from automation.stores.backups.entry_path import is_temporary
from automation.stores.backups.retention import Policy
from automation.stores.backups.store import Restored, RestorePlan, Snapshot, SnapshotStore, Source
from tests.power.watching import ended_at, failing_at
from tests.snapshot_trees import ROOM, SCALE, Leaf, Tree, leaf_at, link_to, look, put

EXAMPLES = 20 * SCALE
STEPS = 25
LONG = "x" * 255
ODD = os.fsdecode(b"\xff\xfe\x80")
PATHS = (
    "a",
    "b",
    "new\nline",
    ODD,
    LONG,
    "-rf",
    "manifest.json",
    "latest",
    "d/a",
    "d/.lock",
    "d/e/\u00e9",
    "d/e/e\u0301",
    f"{'y' * 255}/{ODD}",
    " /\\",
)
FOLDERS = ("d", "d/e", "empty", "y" * 255, "hollow/deep")
LINKS = ("a", "d", "..", "../outside", "loop", "/", "nowhere/at/all", ODD, "x" * 4000)
READABLE = 0 if os.geteuid() == 0 else 0o400
OPEN = 0 if os.geteuid() == 0 else 0o700
FAULTS = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES, errno.EDQUOT)

raw_names = st.binary(min_size=1, max_size=20).filter(
    lambda name: b"/" not in name and b"\0" not in name and name not in (b".", b"..")
)
any_paths = st.lists(raw_names.map(os.fsdecode), min_size=1, max_size=3).map("/".join)
paths = st.sampled_from(PATHS) | any_paths
contents = st.sampled_from([b"", b"GOOD", b"GOOD 2", b"BAD", b"\0" * 5000]) | st.binary(max_size=200)
files = st.builds(Leaf, contents, st.integers(0, 0o7777).map(lambda mode: mode | READABLE))
leaves = files | st.sampled_from(LINKS).map(link_to)
edits = st.dictionaries(paths, leaves, max_size=5)
picks = st.integers(0, 20)
moments = st.integers(1, 30) | st.integers(1, 120)


def judge(_path: str, data: bytes) -> bool | None:
    """Know some bytes to be good, and some to be bad."""
    return True if data.startswith(b"GOOD") else False if data.startswith(b"BAD") else None


@dataclass(frozen=True, slots=True)
class Known:
    """What a snapshot must hold, and how the folders were that lead there."""

    kind: str
    tree: Tree
    folder_modes: dict[str, int]
    taken_s: float

    def valid(self, path: str) -> bool | None:
        """Say what the judge said of a file; nobody judges links, nor what a restore puts aside."""
        leaf = self.tree[path]
        return None if leaf.link is not None or self.kind == "before-restore" else judge(path, leaf.content)

    def made_by_restore_after(self, moment_s: float) -> bool:
        """Tell whether a restore made it after a moment."""
        return self.kind == "before-restore" and self.taken_s > moment_s

    @property
    def all_valid(self) -> bool:
        """Tell whether nothing in it was found bad."""
        return all(self.valid(path) is not False for path in self.tree)


class Backups(RuleBasedStateMachine):
    """One workspace, its snapshots, and all that may happen to them."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=ROOM)).resolve()
        self.workspace = self.folder / "workspace"
        self.workspace.mkdir()
        (self.folder / "outside").mkdir()
        self.clock = SteppedClock()
        self.store = SnapshotStore(self.folder / "backups" / "s", "s", self.clock, "h", self.workspace)
        self.known: dict[str, Known] = {}

    def teardown(self) -> None:
        """Leave nothing behind."""
        assert not [*(self.folder / "outside").iterdir()], "something was written outside of the workspace"
        shutil.rmtree(self.folder)

    # What happens in the workspace

    @initialize(tree=edits)
    def begin(self, tree: Tree) -> None:
        """There is something from the beginning."""
        self.write(tree)
        self._take()
        self._learn()

    @rule(tree=edits)
    def write(self, tree: Tree) -> None:
        """Somebody writes files and links, where a folder or a file in their way does not forbid it."""
        for path, leaf in tree.items():
            if self._has_room(path):
                put(self.workspace, path, leaf)

    @rule(path=st.sampled_from(FOLDERS), mode=st.integers(0, 0o1777))
    def make_folder(self, path: str, mode: int) -> None:
        """Somebody makes a folder, or gives it another mode."""
        if self._has_room(path + "/x"):
            (self.workspace / path).mkdir(parents=True, exist_ok=True)
            (self.workspace / path).chmod(mode | OPEN)

    @rule(pick=picks)
    @precondition(lambda self: any(self.workspace.iterdir()))
    def delete(self, pick: int) -> None:
        """Somebody deletes a file, or a folder with all in it."""
        there = sorted(self.workspace.iterdir())
        at = there[pick % len(there)]
        if is_folder(at):
            shutil.rmtree(at)
        else:
            at.unlink()

    @rule(pick=picks, content=contents)
    def edit_in_place(self, pick: int, content: bytes) -> None:
        """Somebody changes a file and keeps its time: as long as it was, and in the same inode."""
        plain = sorted(path for path, leaf in look(self.workspace).items() if leaf.link is None)
        if plain:
            at = self.workspace / plain[pick % len(plain)]
            status = at.stat()
            at.write_bytes(content.ljust(status.st_size, b".")[: max(status.st_size, 1)])
            os.utime(at, ns=(status.st_atime_ns, status.st_mtime_ns))

    @rule(pick=picks, mode=st.integers(0, 0o7777).map(lambda mode: mode | READABLE))
    def change_mode(self, pick: int, mode: int) -> None:
        """Somebody changes what may be done with a file, and nothing else."""
        plain = sorted(path for path, leaf in look(self.workspace).items() if leaf.link is None)
        if plain:
            (self.workspace / plain[pick % len(plain)]).chmod(mode)

    @rule(seconds=st.sampled_from([-86400.0, -1.0, 0.5, 3600.0, 8 * 86400.0]))
    def set_clock(self, seconds: float) -> None:
        """Somebody sets the clock."""
        self.clock.set(self.clock.now_s() + seconds)

    # What the guard does

    @rule(tree=edits, emergency=st.booleans())
    def back_up(self, tree: Tree, *, emergency: bool) -> None:
        """A guard takes a snapshot, of what somebody has changed."""
        self.write(tree)
        before = self._ids()
        snapshot = self._take(latest_allowed=not emergency)
        self._learn()
        if snapshot is None:
            assert self._ids() == before
            assert not look(self.workspace) or look(self.workspace) in [
                one.tree for one in self.known.values()
            ]
        else:
            assert self._ids() == [*before, snapshot.id]
            assert self.known[snapshot.id].tree == look(self.workspace)
        self._latest_is_the_newest()

    @rule(tree=edits, at=moments)
    def back_up_and_be_killed(self, tree: Tree, at: int) -> None:
        """A guard dies while it takes one."""
        self.write(tree)
        before = self._ids()
        with ended_at(at):
            self._take()
        self._learn()
        assert self._ids()[: len(before)] == before

    @rule(tree=edits, at=moments, code=st.sampled_from(FAULTS))
    def back_up_on_a_bad_disk(self, tree: Tree, at: int, code: int) -> None:
        """The disk refuses one change while a guard takes one: it says so, or it does without."""
        self.write(tree)
        before = self._ids()
        said = refused(lambda: self._take(), at, code)  # noqa: PLW0108  # it must be looked up within the fault
        self._learn()
        assert self._ids()[: len(before)] == before
        assert said is None or os.strerror(code) in said, said

    @rule(keep=st.integers(1, 3), at=moments | st.none(), pick=picks)
    @precondition(lambda self: self.known)
    def prune(self, keep: int, at: int | None, pick: int) -> None:
        """A guard thins its snapshots out, and perhaps dies meanwhile."""
        ids, pinned = self._ids(), {self._picked(pick)}
        newest_valid = self._newest_valid(sorted(self.known)).values()
        must = {*pinned, *ids[-1:], *self._may_be_latest()[-1:], *newest_valid}
        must |= {
            id_ for id_, known in self.known.items() if known.made_by_restore_after(self._a_week_ago_s())
        }
        if at is None:
            removed = {*self.store.prune(Policy(keep), pinned=pinned).removed}
            assert {*self._ids()} == {*ids} - removed
        else:
            with ended_at(at):
                self.store.prune(Policy(keep), pinned=pinned)
        assert must <= {*self._ids()}
        self._learn()

    @rule(pick=picks, at=moments)
    @precondition(lambda self: self.known)
    def verify_and_be_killed(self, pick: int, at: int) -> None:
        """Somebody verifies, and perhaps dies meanwhile."""
        with ended_at(at):
            assert self.store.verify(self._picked(pick)).ok

    @rule(pick=picks, which=picks, at=moments | st.none())
    @precondition(lambda self: self.known)
    def a_bit_flips_and_is_mended(self, pick: int, which: int, at: int | None) -> None:
        """The disk spoils a copy that the workspace still has; a verification mends it, killed or not."""
        chosen = self._picked(pick)
        sound = [path for path, leaf in self.known[chosen].tree.items() if self._is_mendable(path, leaf)]
        if not sound:
            return
        flip(self.store.folder / chosen / "files" / sorted(sound)[which % len(sound)])
        if at is not None:
            with ended_at(at):
                self.store.verify_all()
        assert all(one.ok for one in self.store.verify_all())

    # What a person does

    @rule(pick=picks, tree=edits, undo=st.booleans())
    @precondition(lambda self: self.known)
    def restore_and_undo(self, pick: int, tree: Tree, *, undo: bool) -> None:
        """Somebody restores a snapshot over what was changed, and perhaps takes it back."""
        self.write(tree)
        chosen = self._picked(pick)
        before, folders = look(self.workspace), folder_modes(self.workspace)
        done = self._restored(self.store.plan_restore(chosen), self.known[chosen].tree)
        for folder, mode in folder_modes(self.workspace).items():
            if folder not in folders:
                assert mode == self.known[chosen].folder_modes[folder] & 0o1777 | 0o700, folder
        if done.saved_as is not None and undo:
            restored = look(self.workspace)
            self.store.restore(self.store.plan_restore(done.saved_as))
            self._learn(restored)
            assert look(self.workspace) == before

    @rule()
    def restore_the_newest_valid_copies(self) -> None:
        """Somebody restores without naming a snapshot."""
        plan = self.store.plan_restore()
        newest = self._newest_valid(sorted(self.known)) | self._newest_valid(self._regular())
        wanted = {path: self.known[id_].tree[path] for path, id_ in newest.items()}
        for file in plan.files:
            path = file.path.removeprefix("files/")
            leaf = self.known[file.copy.snapshot_id].tree[path]
            assert self.known[file.copy.snapshot_id].valid(path) is not False
            assert wanted.setdefault(path, leaf) == leaf
        self._restored(plan, wanted)

    @rule(pick=picks, tree=edits, at=moments)
    @precondition(lambda self: self.known)
    def restore_and_be_killed(self, pick: int, tree: Tree, at: int) -> None:
        """Somebody dies while he restores: each file is old or new, and what went is in a snapshot."""
        self.write(tree)
        chosen = self._picked(pick)
        plan, before = self.store.plan_restore(chosen), look(self.workspace)
        with ended_at(at):
            self.store.restore(plan)
        self._learn(before)
        self._each_is_old_or_new(before, self.known[chosen])

    @rule(pick=picks, tree=edits, at=moments, code=st.sampled_from(FAULTS))
    @precondition(lambda self: self.known)
    def restore_on_a_bad_disk(self, pick: int, tree: Tree, at: int, code: int) -> None:
        """The disk refuses one change during a restore: the rest is done, and what was not is named."""
        self.write(tree)
        chosen = self._picked(pick)
        plan, before = self.store.plan_restore(chosen), look(self.workspace)
        done: list[Restored] = []
        refused(lambda: done.append(self.store.restore(plan)), at, code)
        self._learn(before)
        self._each_is_old_or_new(before, self.known[chosen])
        for path in (path.removeprefix("files/") for one in done for path in one.written):
            assert leaf_at(self.workspace / path) == self.known[chosen].tree[path]

    # What must hold after each step

    @invariant()
    def every_snapshot_is_whole(self) -> None:
        """What is visible is what was there, in order; `latest` leads to one of them."""
        there = self.store.snapshots()
        assert [one.id for one in there] == sorted(self.known)
        for one in there:
            known = self.known[one.id]
            assert (one.damage, one.kind, one.files) == (None, known.kind, len(known.tree)), one
            assert look(self.store.folder / one.id / "files") == known.tree, one
        latest = self.store.folder / "latest"
        if latest.is_symlink():
            assert str(latest.readlink()) in self._may_be_latest(), there

    @invariant()
    def the_newest_verifies(self) -> None:
        """Each byte of it is as the manifest says."""
        for id_ in self._ids()[-1:]:
            assert not self.store.verify(id_).bad

    # Helpers

    def _is_mendable(self, path: str, leaf: Leaf) -> bool:
        return bool(leaf.content) and leaf.mode & 0o600 == 0o600 and leaf_at(self.workspace / path) == leaf

    def _take(self, *, latest_allowed: bool = True) -> Snapshot | None:
        # What a killed restore left is kept by nobody, unless it is named.
        named = sorted(path.name for path in self.workspace.iterdir() if not is_temporary(path.name))
        return self.store.take([Source(named, valid=judge)], "rule", latest_allowed=latest_allowed)

    def _a_week_ago_s(self) -> float:
        return self.clock.now_s() - 7 * 86400.0

    def _picked(self, pick: int) -> str:
        return sorted(self.known)[-1 - pick % len(self.known)]

    def _ids(self) -> list[str]:
        return [one.id for one in self.store.snapshots()]

    def _regular(self) -> list[str]:
        return sorted(id_ for id_, known in self.known.items() if known.kind == "regular")

    def _may_be_latest(self) -> list[str]:
        return [id_ for id_ in self._regular() if self.known[id_].all_valid]

    def _latest_is_the_newest(self) -> None:
        latest = self.store.folder / "latest"
        there = [str(latest.readlink())] if latest.is_symlink() else []
        assert there == self._may_be_latest()[-1:]

    def _newest_valid(self, ids: Sequence[str]) -> dict[str, str]:
        """Return for each file the last of these snapshots in which it was found valid."""
        found: dict[str, str] = {}
        for id_ in ids:
            found.update((path, id_) for path in self.known[id_].tree if self.known[id_].valid(path))
        return found

    def _learn(self, before: Tree | None = None) -> None:
        """Note what became visible, also by an act that was ended at its very end.

        Args:
            before: The workspace before a restore: what it put aside.
        """
        there = self.store.snapshots()
        for one in there:
            if one.id not in self.known:
                seen = look(self.store.folder / one.id / "files")
                was = look(self.workspace) if before is None else before
                tree = was if one.kind != "before-restore" else {path: was[path] for path in seen}
                self.known[one.id] = Known(one.kind, tree, folder_modes(self.workspace), self.clock.now_s())
        self.known = {one.id: self.known[one.id] for one in there}

    def _restored(self, plan: RestorePlan, wanted: Tree) -> Restored:
        """Restore, and see that all is there, and that what is not is said and could not be."""
        before = look(self.workspace)
        in_the_way = {path for path in wanted if not self._has_room(path)}
        gone = {file.path.removeprefix("files/") for file in plan.files if file.change == "removed"}
        undoes = plan.snapshot_id is not None and self.known[plan.snapshot_id].kind == "before-restore"
        assert undoes or not gone
        done = self.store.restore(plan)
        self._learn(before)
        failed = {problem.path.removeprefix("files/") for problem in done.failed}
        # What a restore made and somebody changed since is not undone, and said.
        assert failed - in_the_way <= (before.keys() - wanted.keys() if undoes else set()), done.failed
        assert {path.removeprefix("files/") for path in done.removed} == gone - failed
        for path in {*wanted} - failed:
            assert leaf_at(self.workspace / path) == wanted[path], path
        reached = {(self.workspace / path).parent.resolve() / path.rpartition("/")[2] for path in wanted}
        for path, leaf in before.items():
            if path in gone - failed:
                assert path not in wanted
                assert leaf_at(self.workspace / path) is None, path
            elif self.workspace / path not in reached:
                assert leaf_at(self.workspace / path) == leaf, path
        return done

    def _each_is_old_or_new(self, before: Tree, chosen: Known) -> None:
        """Only the undoing of a restore may remove a file."""
        wanted, may_go = chosen.tree, chosen.kind == "before-restore"
        saved = [known.tree for known in self.known.values()]
        for path, leaf in before.items():
            now = leaf_at(self.workspace / path)
            assert now == leaf or (now == wanted.get(path) and (now is not None or may_go)), path
            assert now == leaf or any(tree.get(path) == leaf for tree in saved), path
        for path in {*wanted} - {*before}:
            assert leaf_at(self.workspace / path) in (None, wanted[path]), path

    def _has_room(self, path: str) -> bool:
        """Tell whether a file can stand there: all that leads to it is a folder or nothing."""
        at, parts = self.workspace, path.split("/")
        for part in parts[:-1]:
            at = at / part
            if os.path.lexists(at) and not is_folder(at):
                return False
        return not is_folder(at / parts[-1])


def is_folder(path: Path) -> bool:
    """Tell whether a folder is there, and no link to one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def flip(path: Path) -> None:
    """Spoil the first byte of a file; nothing else tells of it."""
    status = path.stat()
    data = path.read_bytes()
    with path.open("r+b") as file:
        file.write(bytes([data[0] ^ 1]))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def refused(act: Callable[[], object], at: int, code: int) -> str | None:
    """Do something on a disk that refuses its n-th change, and return what was said of it, if anything."""
    try:
        with failing_at(at, code, but=("chown", "fchown", "lchown")):
            act()
    except AutomationError as error:
        return str(error)
    return None


def folder_modes(root: Path) -> dict[str, int]:
    """Return the mode of each folder."""
    found = {}
    for folder, inside, _ in os.walk(root):
        for name in inside:
            path = Path(folder) / name
            if not path.is_symlink():
                found[str(path.relative_to(root))] = path.stat().st_mode & 0o7777
    return found


@pytest.mark.timeout(120 * SCALE)
def test_any_sequence_of_edits_backups_prunes_kills_faults_and_restores_loses_nothing() -> None:
    run_state_machine_as_test(
        Backups,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
