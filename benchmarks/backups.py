"""Snapshots beside restic, borg and rsync, on the same tree and disk: `python -m benchmarks.backups`.

Ours is run as a user would: the GitHub guard's program, whose `.github/actions` is the tree (`backup`,
`verify ID`, `restore ID --yes`). restic encrypts and compresses, borg compresses (lz4, no encryption here),
`rsync -a --link-dest` does neither and flushes nothing. Each figure is the median over rounds in which the
tools take turns: seconds of the whole program, with its start. `verify` reads every byte: `restic check
--read-data`, `borg check --verify-data`; rsync compares with the tree (`-anc`). `restore` brings back
all files to where none is.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "automation" / "enhanced_github_actions_redundancy.py"
SETTLE_S = 2.5  # a file that was written less than 2 s ago is read again by whoever is careful
FILES_A_FOLDER = 50
OURS = "ours"
OPERATIONS = ("first backup", "unchanged", "10 changed", "verify", "restore")
REPEATS = {"unchanged": 3, "10 changed": 3, "verify": 3}
# What is promised, as a share of restic's wall time, and for memory in MB.
LIMITS = {"unchanged": 0.4, "10 changed": 0.4, "verify": 0.5, "restore": 1.2}
PEAK_LIMIT_MB = 60.0


@dataclass(frozen=True, slots=True)
class Ran:
    """What one run of a program took."""

    wall_s: float
    cpu_s: float
    peak_mb: float


@dataclass(slots=True)
class Tool:
    """A program that backs up a tree: how to run it, in a folder of its own."""

    name: str
    home: Path
    tree: Path
    environment: dict[str, str] = field(default_factory=dict)
    count: int = 0

    def set_up(self) -> None:
        """Make what the first backup needs."""

    def backup(self) -> list[str]:
        """Return the command that backs up."""
        raise NotImplementedError

    def verify(self) -> list[str]:
        """Return the command that reads all of the newest backup."""
        raise NotImplementedError

    def restore(self, place: Path) -> list[str]:
        """Return the command that restores all to a place where nothing is."""
        raise NotImplementedError

    def run(self, argv: Sequence[str]) -> Ran:
        """Run a program, and measure it."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LC_ALL": "C.UTF-8"}
        began = time.perf_counter()
        with (self.home / "said").open("wb") as said:
            child = subprocess.Popen(
                argv, env=environment | self.environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said
            )
            _, status, usage = os.wait4(child.pid, 0)
        wall_s = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            text = (self.home / "said").read_text("utf-8", "replace")[-2000:]
            raise SystemExit(f"{' '.join(argv)}: exit {child.returncode}\n{text}")
        return Ran(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6)

    def said(self) -> str:
        """Return what the last run printed."""
        return (self.home / "said").read_text("utf-8", "replace")


class Ours(Tool):
    """The GitHub guard's program."""

    def _argv(self, *words: str) -> list[str]:
        workspace = self.tree.parent.parent
        return [sys.executable, str(PROGRAM), "--workspace", str(workspace), *words]

    def set_up(self) -> None:
        """Keep the snapshots beside the others' backups."""
        self.environment["REDUNDANCY_BACKUPS_DIR"] = str(self.home / "snapshots")
        self.environment["REDUNDANCY_LOGS_DIR"] = str(self.home / "logs")

    def backup(self) -> list[str]:
        """Take a snapshot."""
        return self._argv("backup")

    def verify(self) -> list[str]:
        """Verify the newest one."""
        return self._argv("verify", self._newest())

    def restore(self, place: Path) -> list[str]:
        """Restore the newest one, into the workspace: its tree was moved away."""
        del place
        return self._argv("restore", self._newest(), "--yes")

    def _newest(self) -> str:
        self.run(self._argv("backups", "--json"))
        return str(json.loads(self.said())[-1]["id"])


class Restic(Tool):
    """`restic`."""

    def set_up(self) -> None:
        """Make a repository."""
        self.environment |= {
            "RESTIC_PASSWORD": "secret",
            "RESTIC_REPOSITORY": str(self.home / "repository"),
            "RESTIC_CACHE_DIR": str(self.home / "cache"),
        }
        self.run(["restic", "init"])

    def backup(self) -> list[str]:
        """Back up."""
        return ["restic", "backup", str(self.tree)]

    def verify(self) -> list[str]:
        """Read all data."""
        return ["restic", "check", "--read-data"]

    def restore(self, place: Path) -> list[str]:
        """Restore the newest."""
        return ["restic", "restore", "latest", "--target", str(place)]


class Borg(Tool):
    """`borg`."""

    def set_up(self) -> None:
        """Make a repository without encryption."""
        self.environment |= {
            "BORG_BASE_DIR": str(self.home),
            "BORG_REPO": str(self.home / "repository"),
            "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
        }
        self.run(["borg", "init", "--encryption", "none"])

    def backup(self) -> list[str]:
        """Back up."""
        self.count += 1
        return ["borg", "create", f"::{self.count}", str(self.tree)]

    def verify(self) -> list[str]:
        """Read all data."""
        return ["borg", "check", "--verify-data"]

    def restore(self, place: Path) -> list[str]:
        """Extract the newest: into the folder that borg runs in."""
        place.mkdir()
        return ["env", "-C", str(place), "borg", "extract", f"::{self.count}"]


class Rsync(Tool):
    """`rsync -a --link-dest`."""

    def backup(self) -> list[str]:
        """Copy, or link what is the same in the one before."""
        self.count += 1
        (self.home / "copies").mkdir(exist_ok=True)
        link = [f"--link-dest=../{self.count - 1}"] if self.count > 1 else []
        return ["rsync", "-a", *link, f"{self.tree}/", str(self.home / "copies" / str(self.count))]

    def verify(self) -> list[str]:
        """Compare each byte with the tree."""
        return ["rsync", "-anc", "--delete", f"{self.tree}/", f"{self.home}/copies/{self.count}/"]

    def restore(self, place: Path) -> list[str]:
        """Copy the newest back."""
        return ["rsync", "-a", f"{self.home}/copies/{self.count}/", str(place)]


TOOLS: dict[str, type[Tool]] = {OURS: Ours, "restic": Restic, "borg": Borg, "rsync": Rsync}
VERSIONS = {"restic": ["restic", "version"], "borg": ["borg", "--version"], "rsync": ["rsync", "--version"]}


def fill(tree: Path, files: int) -> int:
    """Make a tree of small text files, 1 to 8 KB each, the same each time; return their bytes."""
    dice = random.Random(20261124)  # noqa: S311  # no secret
    words = [f"{dice.randrange(10**6):x}" for _ in range(2000)]
    total = 0
    for number in range(files):
        folder = tree / f"part-{number // FILES_A_FOLDER:04}"
        folder.mkdir(parents=True, exist_ok=True)
        text = f"{number} " + " ".join(dice.choices(words, k=dice.randrange(180, 1400)))
        (folder / f"file-{number:05}.txt").write_text(text, "ascii")
        total += len(text)
    return total


def change_ten(tree: Path, dice: random.Random) -> None:
    """Rewrite ten files somewhere in a tree."""
    for path in dice.sample(sorted(tree.rglob("*.txt")), 10):
        path.write_text(f"changed {dice.random()} " * 60, "ascii")


@contextmanager
def moved_away(tree: Path) -> Iterator[None]:
    """Have no tree for a while; what is in its place at the end goes."""
    aside = tree.with_name("aside")
    tree.rename(aside)
    try:
        yield
    finally:
        shutil.rmtree(tree, ignore_errors=True)
        aside.rename(tree)


class Figures:
    """All that was measured: seconds by tool and operation, and the peak of each tool's memory."""

    def __init__(self) -> None:
        self.wall_s: dict[tuple[str, str], list[float]] = defaultdict(list)
        self.cpu_s: dict[tuple[str, str], list[float]] = defaultdict(list)
        self.peak_mb: dict[str, float] = defaultdict(float)

    def note(self, tool: str, operation: str, ran: Ran) -> None:
        """Keep one."""
        self.wall_s[tool, operation].append(ran.wall_s)
        self.cpu_s[tool, operation].append(ran.cpu_s)
        self.peak_mb[tool] = max(self.peak_mb[tool], ran.peak_mb)


def measure(tools: Sequence[Tool], tree: Path, figures: Figures, dice: random.Random) -> None:
    """Let each tool do everything once, by turns; each begins with nothing."""

    def each(operation: str, what: Callable[[Tool], Ran]) -> None:
        for _ in range(REPEATS.get(operation, 1)):
            if operation == "10 changed":
                change_ten(tree, dice)
                time.sleep(SETTLE_S)
            for tool in dice.sample(tools, len(tools)):
                figures.note(tool.name, operation, what(tool))

    for tool in tools:
        tool.set_up()
    each("first backup", lambda tool: tool.run(tool.backup()))
    each("unchanged", lambda tool: tool.run(tool.backup()))
    each("10 changed", lambda tool: tool.run(tool.backup()))
    each("verify", lambda tool: tool.run(tool.verify()))
    each("restore", lambda tool: restored(tool, tree))


def restored(tool: Tool, tree: Path) -> Ran:
    """Restore all, and make sure that all is there."""
    expected = sum(1 for _ in tree.rglob("*.txt"))
    place = tool.home / "restored"
    with moved_away(tree):
        ran = tool.run(tool.restore(place))
        found = sum(1 for _ in (tree if tool.name == OURS else place).rglob("*.txt"))
    assert found == expected, f"{tool.name} restored {found} files of {expected}"
    shutil.rmtree(place, ignore_errors=True)
    return ran


def show(figures: Figures, names: Sequence[str]) -> None:
    """Print the tables: medians in seconds, and in brackets the ratio to restic."""
    for title, seconds in (("wall seconds", figures.wall_s), ("CPU seconds", figures.cpu_s)):
        print(f"{title + ' (x restic)':<24}" + "".join(f"{name:>18}" for name in names))
        for operation in OPERATIONS:
            medians = {name: statistics.median(seconds[name, operation]) for name in names}
            cells = "".join(f"{cell(medians, name):>18}" for name in names)
            said = verdict(medians, operation) if seconds is figures.wall_s else ""
            print(f"{operation:<24}{cells}{said}")
    peaks = "".join(f"{figures.peak_mb[name]:>18.0f}" for name in names)
    kept = "kept" if figures.peak_mb[OURS] <= PEAK_LIMIT_MB else "MISSED"
    print(f"{'peak memory, MB':<24}{peaks}   (limit {PEAK_LIMIT_MB:g} MB: {kept})")


def cell(medians: Mapping[str, float], name: str) -> str:
    """Return one figure, with its ratio to restic's."""
    ratio = f" ({medians[name] / medians['restic']:.2f})" if name != "restic" and "restic" in medians else ""
    return f"{medians[name]:.2f}{ratio}"


def verdict(medians: Mapping[str, float], operation: str) -> str:
    """Say whether what is promised was kept."""
    limit = LIMITS.get(operation)
    if limit is None or "restic" not in medians:
        return ""
    kept = medians[OURS] <= limit * medians["restic"]
    return f"   (limit {limit:g} x: {'kept' if kept else 'MISSED'})"


def present() -> list[str]:
    """Say which peers are there, in which version, and which are not."""
    missing = [name for name in VERSIONS if shutil.which(name) is None]
    there = [name for name in VERSIONS if name not in missing]
    lines = [
        subprocess.run(VERSIONS[name], capture_output=True, text=True, check=True).stdout.splitlines()[0]
        for name in there
    ]
    print("peers: " + ("; ".join(" ".join(line.split()) for line in lines) or "none"))
    if missing:
        print(f"missing here, and so not measured: {', '.join(missing)} (Debian: restic, borgbackup, rsync)")
    return [OURS, *there]


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000, help="how many (10000)")
    parser.add_argument(
        "--rounds", type=int, default=3, help="how often everything is done from the beginning"
    )
    parser.add_argument("--folder", type=Path, default=None, help="on which disk (the temporary folder's)")
    given = parser.parse_args()
    names, figures, dice = present(), Figures(), random.Random(1)  # noqa: S311  # no secret
    with tempfile.TemporaryDirectory(dir=given.folder, prefix="backups-") as base:
        tree = Path(base) / "workspace" / ".github" / "actions"
        total = fill(tree, given.files)
        print(
            f"{given.files} files, {total / 1e6:.0f} MB; {given.rounds} rounds; load {os.getloadavg()[0]:.1f}"
        )
        time.sleep(SETTLE_S)
        for number in range(given.rounds):
            tools = []
            for name in names:
                home = Path(base) / f"{name}-{number}"
                home.mkdir()
                tools.append(TOOLS[name](name, home, tree))
            measure(tools, tree, figures, dice)
            for tool in tools:
                shutil.rmtree(tool.home)
    show(figures, names)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
