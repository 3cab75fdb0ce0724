"""Filling the hidden folder that becomes a snapshot, file by file, with only the current one in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from automation.stores.backups.beneath import Folders
from automation.stores.backups.comparing import Matching, Row
from automation.stores.backups.copying import FLUSHED_EACH, Hidden, Job, Judge, keep_file
from automation.stores.backups.disk import Disk
from automation.stores.backups.manifest import (
    SKIPPED_CAP,
    Entry,
    Manifest,
    Problem,
    Totals,
    entry_to_line,
    pieces,
)
from automation.stores.backups.place import MANIFEST
from automation.stores.backups.scanning import scan
from automation.stores.backups.stamps import Stamps

PROGRESS_EVERY = 256

# Told how many files are done so far.
Progress = Callable[[int], None]


def quietly(_: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What is backed up of one root, where it goes, and who judges it."""

    root: Path
    paths: Sequence[str]
    prefix: str
    judge: Judge


@dataclass(frozen=True, slots=True)
class Base:
    """The snapshot whose copies may be linked to: its folder, and its files in the order of their paths."""

    folder: Path
    rows: Iterator[Row]


@dataclass(slots=True)
class Tally:
    """What a snapshot has kept so far, and how each of its files stood."""

    stamps: Stamps
    files: int = 0
    total_bytes: int = 0
    all_valid: bool = True
    skipped: list[Problem] = field(default_factory=list)
    skipped_count: int = 0

    def keep(self, entry: Entry) -> None:
        """Count a file that was kept."""
        self.files += 1
        self.total_bytes += entry.size
        self.all_valid = self.all_valid and entry.valid is not False

    def skip(self, problem: Problem) -> None:
        """Count one that was not, and remember why."""
        self.skipped_count += 1
        if len(self.skipped) < SKIPPED_CAP:
            self.skipped.append(problem)

    def totals(self) -> Totals:
        """Return what the end of a manifest says."""
        return Totals(self.files, self.total_bytes, tuple(self.skipped), self.skipped_count)


@dataclass(frozen=True, slots=True)
class Filling:
    """All that filling a folder needs.

    Attributes:
        disk: Writes.
        hidden: The folder.
        avoid: What is never walked: where the backups lie.
        base: What may be linked to; None: everything is copied.
        progress: Told how many files are done.
    """

    disk: Disk
    hidden: Hidden
    avoid: Path
    base: Base | None
    progress: Progress


def fill(filling: Filling, head: Manifest, wanted: Sequence[Filled], tally: Tally) -> None:
    """Keep everything in the hidden folder, with its manifest, and put all of it on disk.

    Args:
        filling: The folder, and the doors.
        head: What the manifest says before its files.
        wanted: What is kept, in the order of the manifest's paths.
        tally: Counts what was kept.

    Raises:
        EffectFailed: The disk said no.
    """
    disk, hidden = filling.disk, filling.hidden
    disk.make_folder(hidden.path)
    lines = (entry_to_line(entry) for entry in _entries(filling, wanted, tally))
    disk.write_pieces(hidden.path / MANIFEST, pieces(head, lines, tally.totals))
    if hidden.flush_each and len(hidden.made) <= FLUSHED_EACH:
        for folder in (*reversed(hidden.made), ""):
            disk.sync_folder(hidden.path / folder)
    else:
        disk.flush_all(hidden.path)


def _entries(filling: Filling, wanted: Sequence[Filled], tally: Tally) -> Iterator[Entry]:
    """Keep one file after the other, and yield what the manifest says of each."""
    matching = Matching(filling.base.rows if filling.base is not None else iter(()))
    with ExitStack() as stack:
        copies = stack.enter_context(Folders(filling.hidden.path, links=False))
        olds = (
            None if filling.base is None else stack.enter_context(Folders(filling.base.folder, links=False))
        )
        for each in wanted:
            originals = stack.enter_context(Folders(each.root))
            job = Job(
                each.root, each.prefix, each.judge, filling.disk, filling.hidden, originals, copies, olds
            )
            for found in scan(each.root, each.paths, avoid=filling.avoid):
                if isinstance(found, Problem):
                    tally.skip(Problem(f"{each.prefix}/{found.path}", found.reason))
                    continue
                path, status = found
                kept = keep_file(job, path, status, matching.at(f"{each.prefix}/{path}"))
                if isinstance(kept, Problem):
                    tally.skip(kept)
                    continue
                tally.keep(kept[0])
                tally.stamps.add(kept[1])
                if tally.files % PROGRESS_EVERY == 0:
                    filling.progress(tally.files)
                yield kept[0]
