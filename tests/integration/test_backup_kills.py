"""Real `backup`, `restore` and `prune` processes, killed at any moment: what was there stays whole.

The moments are spread over the duration of each command, and seeded. `BACKUP_TESTS_SCALE=20` kills more than
a thousand.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from automation.ports.clock import SystemClock
from automation.stores.backups.store import SnapshotStore
from tests.killable import Ended, Killer, killer
from tests.snapshot_trees import ROOM, SCALE, Leaf, Tree, lay, leaf_at, look, put

KILLS_A_RUN = 20
RUNS = 3 * SCALE
PROGRAMS_KILLED = 6 * SCALE
WORKFLOW = "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo {}\n"
KEPT = 4


@dataclass(slots=True)
class Victim:
    """A workspace, whose commands are killed, and all that is known of its snapshots."""

    workspace: Path
    killer: Killer
    dice: random.Random
    lasts_s: dict[str, float] = field(default_factory=dict)
    trees: dict[str, Tree] = field(default_factory=dict)
    kills: int = 0

    @property
    def store(self) -> SnapshotStore:
        """The snapshots, read by somebody else."""
        folder = self.workspace / "backups" / "github-actions"
        return SnapshotStore(folder, "github-actions", SystemClock(), "h", self.workspace, lock_wait_s=10.0)

    def said(self) -> str:
        """Return the last of what the commands said."""
        return self.workspace.with_name("log.txt").read_text("utf-8", "replace")[-2000:]

    def guarded(self) -> Tree:
        """Return what a backup holds."""
        return {f".github/{path}": leaf for path, leaf in look(self.workspace / ".github").items()}

    def edit(self) -> None:
        """Change some files, delete one, make one."""
        for path in self.dice.sample(sorted(self.guarded()), 6):
            put(self.workspace, path, self.content(path))
        gone = self.dice.choice([path for path in self.guarded() if "actions" in path])
        (self.workspace / gone).unlink()
        put(self.workspace, f".github/actions/new/{self.dice.randrange(5)}.txt", self.content("x"))

    def content(self, path: str) -> Leaf:
        """Return something to write into a file."""
        salt = self.dice.randrange(10**9)
        if path.endswith(".yml"):
            return Leaf(WORKFLOW.format(salt).encode(), 0o644)
        size = self.dice.choice([0, 20, 3000, 3000, 200_000])
        return Leaf(self.dice.randbytes(size), self.dice.choice([0o600, 0o644, 0o755]))

    def command(self) -> tuple[str, ...]:
        """Choose what will be killed."""
        name = self.dice.choice(["backup", "backup", "restore", "prune"])
        if name == "restore":
            return ("restore", self.dice.choice(sorted(self.trees)), "--yes")
        return (name,)

    def moment_s(self, name: str) -> float:
        """Choose when: anywhere in the time that the command took when it was last left alone."""
        return self.dice.uniform(0.0, 1.1 * self.lasts_s.get(name, 0.1))

    def check(self, words: tuple[str, ...], before: Tree, going: set[str]) -> None:
        """Look at everything after a command has ended, one way or another."""
        there = self.store.snapshots()
        assert {*self.trees} - going <= {one.id for one in there}, "a snapshot is lost"
        for one in there:
            assert one.damage is None
            tree = look(self.store.folder / one.id / "files")
            if one.id not in self.trees:
                whole = {path: before[path] for path in tree if path in before}
                self.trees[one.id] = before if one.kind == "regular" else whole
            assert tree == self.trees[one.id], f"{one.id} is not whole"
        self.trees = {one.id: self.trees[one.id] for one in there}
        latest = self.store.folder / "latest"
        assert not latest.is_symlink() or str(latest.readlink()) in self.trees
        if words[0] == "restore":
            undoes = {one.id for one in there if one.kind == "before-restore"}
            self._check_workspace(before, self.trees[words[1]], may_go=words[1] in undoes)
        else:
            assert self.guarded() == before

    def _check_workspace(self, before: Tree, wanted: Tree, *, may_go: bool) -> None:
        """See that each file is old or new, and that what is new can be undone."""
        for path in {*before, *wanted}:
            now = leaf_at(self.workspace / path)
            new = wanted.get(path, None if may_go else before.get(path))
            assert now in (before.get(path), new), f"{path} is torn"
            if path in before and now != before[path]:
                assert any(tree.get(path) == before[path] for tree in self.trees.values()), f"{path} is lost"

    def go_on(self) -> None:
        """Back up once more: it works, and leaves nothing of the killed one."""
        ended = self.killer.run("backup")
        assert ended.status == 0
        self.lasts_s["backup"] = ended.seconds
        self.check(("backup",), self.guarded(), set())
        regular = [one.id for one in self.store.snapshots() if one.kind == "regular"]
        assert self.trees[regular[-1]] == self.guarded()
        assert str((self.store.folder / "latest").readlink()) == regular[-1]
        assert not [path.name for path in self.store.folder.iterdir() if path.name.startswith(".tmp-")]

    def kill_one(self, *, program: bool = False) -> None:
        """Let one command begin, kill it, and look at what it left."""
        if self.dice.random() < 0.8:
            self.edit()
        words, before = self.command(), self.guarded()
        going = {*self.trees} if words[0] == "prune" else set()
        run, kind = (self.killer.run, words[0]) if not program else (self.killer.run_program, f"{words[0]}!")
        if kind not in self.lasts_s:
            self.lasts_s[kind] = run(*words).seconds
        else:
            self._noted(kind, run(*words, kill_after_s=self.moment_s(kind)))
        if going:
            going -= {one.id for one in self.store.snapshots()}
            assert len(self.trees) - len(going) >= KEPT
        self.check(words, before, going)
        self.go_on()

    def _noted(self, kind: str, ended: Ended) -> None:
        if ended.killed:
            self.kills += 1
        else:
            # What a restore made and somebody changed since is not removed again: said, and exit 1.
            said = self.said()
            assert ended.status == 0 or "was changed since a restore made it" in said, said
            self.lasts_s[kind] = ended.seconds


@pytest.fixture
def workspace() -> Iterator[Path]:
    """Give a workspace in memory: a kill does not ask what is on the disk."""
    with tempfile.TemporaryDirectory(dir=ROOM) as name:
        yield filled(Path(name) / "workspace")


def filled(folder: Path) -> Path:
    workflows = {f".github/workflows/{one}.yml": Leaf(WORKFLOW.format(one).encode()) for one in range(6)}
    actions = {f".github/actions/{one % 5}/{one}.txt": Leaf(b"x" * 97 * one) for one in range(30)}
    lay(folder, workflows | actions)
    settings = {"backups": {"retention": {"keepLast": KEPT}}}
    lay(folder, {"automation/redundancy-config.json": Leaf(json.dumps(settings).encode())})
    return folder


def victims(workspace: Path, seed: int) -> Iterator[Victim]:
    dice = random.Random(seed)  # noqa: S311  # a test's dice
    with killer(workspace, workspace.with_name("log.txt")) as kills:
        victim = Victim(workspace, kills, dice)
        for _ in range(KEPT + 1):
            victim.edit()
            victim.go_on()
        yield victim
        assert kills.run("verify", "--all").status == 0


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", range(RUNS))
def test_commands_killed_at_any_moment_leave_what_was_there_whole_and_the_next_backup_works(
    workspace: Path, seed: int
) -> None:
    for victim in victims(workspace, seed):
        for round_ in range(10 * KILLS_A_RUN):
            try:
                victim.kill_one()
            except AssertionError as error:
                raise AssertionError(f"seed {seed}, round {round_}: {error}") from error
            if victim.kills >= KILLS_A_RUN:
                break
        assert victim.kills >= KILLS_A_RUN


@pytest.mark.timeout(60 * SCALE)
def test_the_program_itself_killed_at_any_moment_leaves_what_was_there_whole(workspace: Path) -> None:
    for victim in victims(workspace, 4711):
        for _ in range(10 * PROGRAMS_KILLED):
            victim.kill_one(program=True)
            if victim.kills >= PROGRAMS_KILLED:
                break
        assert victim.kills >= PROGRAMS_KILLED
