"""The power goes at each single change in turn: nothing that was promised is lost, nothing half looks whole.

What a power cut leaves is worked out by `tests/power/drive.py` from a record of what the real store did; the
store is then opened on that. The tests at the end make sure that a store which forgets to flush is found out.
"""

from __future__ import annotations

import dataclasses
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest

from automation.core.errors import EffectFailed
from automation.ports.clock import SteppedClock
from automation.ports.files import make_folder
from automation.stores.backups import copying, filling, placing, restoring
from automation.stores.backups.retention import Policy
from automation.stores.backups.store import SnapshotStore, Source
from tests.power.drive import Drive, Loss, Picture
from tests.power.recording import Recorder, lay_out
from tests.power.watching import ended_at
from tests.snapshot_trees import ROOM, SCALE, Leaf, Tree, lay, leaf_at, link_to, look, put

RANDOM_LOSSES = 1 if SCALE == 1 else 3 * SCALE
EVERY = 5 if SCALE == 1 else 1  # on how many of the disks that are left the next backup is tried
LAST_LINE = b"no good"

FIRST: Tree = {
    "a.txt": Leaf(b"alpha\n" * 40),
    "b.sh": Leaf(b"#!/bin/sh\n", 0o755),
    "deep/er/c": Leaf(b"gamma" * 30, 0o600),
    "deep/d": Leaf(b"", 0o640),
    "link": link_to("deep/er/c"),
}
NAMED = ["a.txt", "b.sh", "deep", "link", "new"]


def judge(path: str, data: bytes) -> bool | None:
    """Find what ends badly invalid."""
    return None if path.startswith("deep") else not data.endswith(LAST_LINE)


# What makes a few files many.
MANY = (
    (copying, "FLUSHED_EACH", -1),
    (filling, "FLUSHED_EACH", -1),
    (restoring, "STAGED_ABOVE", 0),
    (placing, "BATCH_FILES", 2),
)
SOURCES = [Source(NAMED, valid=judge)]


@dataclasses.dataclass(frozen=True, slots=True)
class Promise:
    """What must hold after a power cut at some moment.

    Attributes:
        whole: Snapshots that must be there.
        files: What each file of the workspace may be: as it was, or as a restore under way makes it.
        before: The workspace before that restore: whoever overwrites something has it in a snapshot.
    """

    whole: frozenset[str]
    files: dict[str, set[Leaf | None]]
    before: Tree


@dataclasses.dataclass(slots=True)
class Story:
    """What a guard does one after the other, recorded, with what it may promise at each moment."""

    home: Path
    recorder: Recorder
    clock: SteppedClock
    trees: dict[str, Tree] = dataclasses.field(default_factory=dict)
    promises: list[tuple[int, Promise]] = dataclasses.field(default_factory=list)
    going: frozenset[str] = frozenset()

    @property
    def store(self) -> SnapshotStore:
        """The store of the story."""
        return store_at(self.home, self.clock)

    def edit(self, tree: Tree, *gone: str) -> None:
        """Somebody edits files, and a while passes: nothing is checked meanwhile."""
        for name in gone:
            (self.home / "workspace" / name).unlink()
        lay(self.home / "workspace", tree)
        self.recorder.flush_all()
        self.clock.set(self.clock.now_s() + 60.0)

    def take(self) -> str:
        """Take a snapshot that is promised from then on."""
        with self._doing():
            snapshot = self.store.take(SOURCES, "story")
        assert snapshot is not None
        self._learn()
        return snapshot.id

    def verify(self, id_: str) -> None:
        """Verify one."""
        with self._doing():
            assert self.store.verify(id_).ok

    def restore(self, id_: str) -> str:
        """Restore one, and return what undoes it."""
        plan = self.store.plan_restore(id_)
        becomes = {file.path.removeprefix("files/"): file.change for file in plan.to_write}
        tree = self.trees[id_]
        with self._doing({path: None if how == "removed" else tree[path] for path, how in becomes.items()}):
            done = self.store.restore(plan)
        assert done.failed == ()
        assert done.saved_as is not None
        self._learn()
        return done.saved_as

    def prune(self) -> None:
        """Keep one."""
        removed = self.store.prune(Policy(1), dry_run=True).removed
        assert removed
        self.going |= {*removed}
        with self._doing():
            self.store.prune(Policy(1))

    @contextmanager
    def _doing(self, becomes: dict[str, Leaf | None] | None = None) -> Iterator[None]:
        before = workspace_of(self.home / "workspace")
        files: dict[str, set[Leaf | None]] = {path: {leaf} for path, leaf in before.items()}
        for path, leaf in (becomes or {}).items():
            files.setdefault(path, {None}).add(leaf)
        whole = frozenset(self.trees) - self.going
        self.promises.append((len(self.recorder.effects), Promise(whole, files, before)))
        yield
        after = workspace_of(self.home / "workspace")
        there = frozenset(one.id for one in self.store.snapshots())
        kept: dict[str, set[Leaf | None]] = {path: {after.get(path)} for path in {*files, *after}}
        self.promises.append((len(self.recorder.effects), Promise(there, kept, after)))

    def _learn(self) -> None:
        """Note what each snapshot holds, as it is now that nothing was lost."""
        for one in self.store.snapshots():
            self.trees.setdefault(one.id, look(self.store.folder / one.id / "files"))

    def moments(self) -> Iterator[tuple[int, Drive, Promise]]:
        """Yield the disk after each change that was made while something was being done."""
        drive, position = self.recorder.first.copy(), 0
        for start, end in zip(self.promises[::2], self.promises[1::2], strict=True):
            for effect in self.recorder.effects[position : start[0]]:
                drive.apply(effect)
            for index in range(start[0], end[0]):
                drive.apply(self.recorder.effects[index])
                yield index, drive, end[1] if index == end[0] - 1 else start[1]
            position = end[0]


def workspace_of(workspace: Path) -> Tree:
    """Return the files of a workspace, without the backups in it."""
    found = look(workspace)
    return {path: leaf for path, leaf in found.items() if not path.startswith("backups/")}


def store_at(home: Path, clock: SteppedClock) -> SnapshotStore:
    return SnapshotStore(home / "workspace" / "backups" / "s", "s", clock, "h", home / "workspace")


@contextmanager
def room() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=ROOM) as name:
        yield Path(name)


def tell(
    home: Path, tell_it: Callable[[Story], object], forgets: Callable[[Path], bool] = lambda _: False
) -> Story:
    """Let a story happen, and record it; flushes of what is `forgotten` are taken for not made."""
    (home / "workspace").mkdir(parents=True)
    story = Story(home, Recorder(home, forgets), SteppedClock())
    with story.recorder.on():
        tell_it(story)
    return story


def whole_life(story: Story) -> None:
    """Take, verify, restore, undo, take something invalid, prune, take."""
    story.edit(FIRST)
    first = story.take()
    story.edit({"a.txt": Leaf(b"edited"), "b.sh": Leaf(b"#!/bin/sh\n", 0o700)}, "deep/er/c", "deep/d")
    (story.home / "workspace" / "deep" / "er").rmdir()
    (story.home / "workspace" / "deep").rmdir()
    story.recorder.flush_all()
    story.take()
    story.verify(first)
    undo = story.restore(first)
    story.restore(undo)
    story.edit({"new": Leaf(b"this is " + LAST_LINE)})
    story.take()
    story.edit({"new": Leaf(b"good"), "a.txt": link_to("new")})
    story.take()
    story.prune()
    story.edit({"new": Leaf(b"better")})
    story.take()


# Ways to lose

ALL_LOST = Loss(lambda *_: False, lambda safe, _: safe)


def torn(safe: bytes, new: bytes) -> bytes:
    return new[: max(len(new) // 2, 1)] if len(new) > len(safe) else safe[: len(new)]


def zeros(safe: bytes, new: bytes) -> bytes:
    return bytes(max(len(safe), len(new)))


def losses(drive: Drive, dice: random.Random) -> Iterator[Loss]:
    """Yield ways to lose what is not flushed: all, names or bytes alone, each change alone, by chance."""
    pending = list(drive.pending())
    unflushed = any(True for _ in drive.unflushed())
    yield ALL_LOST
    yield Loss(lambda *_: True, lambda _, new: new, looks_kept=True)
    if pending:
        yield Loss(lambda *_: False, lambda _, new: new, looks_kept=True)
        yield Loss(lambda *_: True, lambda safe, _: safe)
    if unflushed:
        yield Loss(lambda *_: True, torn, looks_kept=True)
        yield Loss(lambda *_: True, zeros)
    if len(pending) > 1:
        for one in pending:
            yield Loss(lambda *each, one=one: each == one, lambda safe, _: safe)
            yield Loss(lambda *each, one=one: each != one, lambda _, new: new)
    for _ in range(RANDOM_LOSSES if pending or unflushed else 0):
        seed = dice.random()
        yield Loss(lambda *each, seed=seed: by_chance(seed, each), torn)


def by_chance(seed: float, what: object) -> bool:
    return random.Random(f"{seed} {what}").random() < 0.5  # noqa: S311  # a test's dice


# What is checked on what is left


def check_left(home: Path, story: Story, promise: Promise, *, go_on: bool) -> None:
    """Open the store on what a power cut left, and hold it to what was promised."""
    store = store_at(home, SteppedClock(story.clock.now_s() + 600.0))
    check_snapshots(store, story.trees, promise.whole)
    trees = [story.trees[one.id] for one in store.snapshots()]
    for path, allowed in promise.files.items():
        leaf = leaf_at(home / "workspace" / path)
        assert leaf in allowed, f"{path} is {leaf}"
        if path in promise.before and leaf != promise.before[path]:
            assert any(tree.get(path) == promise.before[path] for tree in trees), f"{path} cannot be undone"
    if go_on:
        check_next_backup(store, story.trees)


def check_snapshots(store: SnapshotStore, trees: dict[str, Tree], promised: frozenset[str]) -> None:
    there = store.snapshots()
    assert promised <= {one.id for one in there}, "a snapshot is lost"
    for one in there:
        assert one.damage is None
        assert look(store.folder / one.id / "files") == trees[one.id], f"{one.id} is not whole"
    latest = store.folder / "latest"
    if latest.is_symlink():
        assert str(latest.readlink()) in {one.id for one in there if one.may_be_latest}
    else:
        assert not any(one.id in promised and one.may_be_latest for one in there)


def check_next_backup(store: SnapshotStore, trees: dict[str, Tree]) -> None:
    before = frozenset(one.id for one in store.snapshots())
    put(store.workspace, "b.sh", Leaf(b"after the power cut"))
    snapshot = store.take(SOURCES, "next")
    assert snapshot is not None
    check_snapshots(store, {**trees, snapshot.id: {**workspace_of(store.workspace)}}, before)
    assert store.verify(snapshot.id).ok
    assert not [path.name for path in store.folder.iterdir() if path.name.startswith(".tmp-")]
    newest = [one.id for one in store.snapshots() if one.may_be_latest][-1]
    assert str((store.folder / "latest").readlink()) == newest


def cut_at_each_change(story: Story, place: Path, *, ways: int | None = None) -> int:
    """Cut the power after each change, in so many ways; return how many different disks came of it."""
    seen: set[tuple[Picture, int]] = set()
    dice = random.Random(20261124)  # noqa: S311  # the same each time
    for index, drive, promise in story.moments():
        for way, how in enumerate(islice(losses(drive, dice), ways)):
            picture = drive.after(how)
            if (picture, id(promise)) in seen:
                continue
            seen.add((picture, id(promise)))
            home = place / f"{index}-{way}"
            lay_out(picture, home)
            try:
                check_left(home, story, promise, go_on=ways is None and len(seen) % EVERY == 0)
            except (AssertionError, EffectFailed) as error:
                effect = story.recorder.effects[index]
                raise AssertionError(f"after change {index}, {effect}, way {way}: {error}") from error
            shutil.rmtree(home)
    return len(seen)


def take_few_for_many(patch: pytest.MonkeyPatch) -> None:
    for module, name, value in MANY:
        patch.setattr(module, name, value)


@pytest.mark.timeout(120 * SCALE)
def test_a_power_cut_at_any_change_loses_nothing_that_was_promised_and_shows_nothing_half() -> None:
    with room() as place:
        seen = cut_at_each_change(tell(place / "story", whole_life), place)
    assert seen > 500


def short_life(story: Story) -> None:
    """Take, restore, take, prune."""
    story.edit(FIRST)
    first = story.take()
    story.edit({"a.txt": Leaf(b"edited")})
    story.take()
    story.restore(story.restore(first))
    story.prune()


@pytest.mark.timeout(120 * SCALE)
def test_nor_does_one_while_many_files_are_written_that_are_flushed_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    take_few_for_many(monkeypatch)
    with room() as place:
        seen = cut_at_each_change(tell(place / "story", whole_life if SCALE > 1 else short_life), place)
    assert seen > 200


FORGOTTEN: dict[str, Callable[[Path], bool]] = {
    "a copy": lambda path: path.name == "a.txt" and ".tmp-new" in path.parts,
    "a folder of copies": lambda path: path.name == "deep",
    "the manifest": lambda path: "manifest" in path.name,
    "the folder of snapshots": lambda path: path.name == "s",
    "the folder of backups": lambda path: path.name == "backups",
    "the workspace": lambda path: path.name == "workspace",
    "a restored file": lambda path: path.name.startswith(".restore-"),
}


@pytest.mark.parametrize("forgotten", FORGOTTEN)
def test_a_store_that_forgot_to_flush_something_would_be_found_out(forgotten: str) -> None:
    forgets = FORGOTTEN[forgotten]
    with room() as place, pytest.raises(AssertionError, match="after change"):
        cut_at_each_change(tell(place / "story", short_life, forgets), place, ways=4)


FORGOTTEN_OF_MANY: dict[str, Callable[[Path], bool]] = {
    "all copies together": lambda path: path.name == ".tmp-new",
    "all that was restored": lambda path: path.name == ".restore-s.tmp",
    "where it was moved to": lambda path: path.name == "workspace",
}


@pytest.mark.parametrize("forgotten", FORGOTTEN_OF_MANY)
def test_a_store_that_forgot_to_flush_many_files_together_would_be_found_out(
    forgotten: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_few_for_many(monkeypatch)
    forgets = FORGOTTEN_OF_MANY[forgotten]
    with room() as place, pytest.raises(AssertionError, match="after change"):
        cut_at_each_change(tell(place / "story", short_life, forgets), place, ways=4)


# A kill first, and then a power cut: what a killed backup left unflushed is nothing to build on


@pytest.mark.timeout(60 * SCALE)
def test_a_backup_after_one_that_was_killed_at_any_change_survives_a_power_cut() -> None:
    at, met = 0, True
    while met:
        at += 1
        with room() as place:
            home = place / "story"
            (home / "workspace").mkdir(parents=True)
            story = Story(home, Recorder(home), SteppedClock())
            with story.recorder.on():
                story.edit(FIRST)
                with ended_at(at) as end:
                    story.store.take(SOURCES, "killed")
                met = end.met
                put(home / "workspace", "a.txt", Leaf(b"more"))
                taken = story.store.take(SOURCES, "next")
            assert taken is not None
            story._learn()
            lay_out(story.recorder.live.after(ALL_LOST), place / "left")
            try:
                check_snapshots(store_at(place / "left", story.clock), story.trees, frozenset({taken.id}))
            except AssertionError as error:
                raise AssertionError(f"killed at change {at}: {error}") from error
    assert at > 40


def test_a_snapshot_survives_a_power_cut_though_somebody_else_made_the_folder_of_backups() -> None:
    with room() as place:
        home = place / "story"
        (home / "workspace").mkdir(parents=True)
        story = Story(home, Recorder(home), SteppedClock())
        with story.recorder.on():
            story.edit(FIRST)
            make_folder(home / "workspace" / "backups", mode=0o700)
            id_ = story.take()
        lay_out(story.recorder.live.after(ALL_LOST), place / "left")
        check_snapshots(store_at(place / "left", story.clock), story.trees, frozenset({id_}))
