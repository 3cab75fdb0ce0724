"""Taking a snapshot: linked or copied beside, verified, put on disk, and only then shown under its name."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from automation.core.errors import AutomationError, EffectFailed
from automation.core.moments import to_text
from automation.ports.files import cannot
from automation.stores.backups.comparing import Row, Wanted, nothing_changed, paired
from automation.stores.backups.copying import Hidden, Judge, nobody_knows
from automation.stores.backups.disk import Disk
from automation.stores.backups.entry_path import WORKSPACE, is_prefix, shown
from automation.stores.backups.filling import Base, Filled, Filling, Progress, Tally, fill, quietly
from automation.stores.backups.listing import (
    Snapshot,
    describe,
    newest_link,
    of_summary,
    read_checks,
    stream_entries,
)
from automation.stores.backups.manifest import Entry, Kind, Manifest, Problem
from automation.stores.backups.place import HIDDEN, LOCK, Place, snapshot_ids
from automation.stores.backups.remembering import refresh_latest, remember_stamps, remember_summaries
from automation.stores.backups.snapshot_id import next_id
from automation.stores.backups.stamps import Origin, Stamps, read_stamps, root_of
from automation.stores.backups.summaries import Summary, read_summaries

# Every so many snapshots one is whole, without links, so that one bad sector cannot reach them all.
WHOLE_EVERY = 20


@dataclass(frozen=True, slots=True)
class Source:
    """What to back up.

    Attributes:
        paths: Files, links and folders, relative to the root that the store knows for `prefix`. What is not
            there is left out without a word.
        prefix: The folder of the snapshot that they go to.
        valid: Says of a path and the very bytes that were kept whether they are good; None: cannot tell. It
            is not asked about links, nor about files over 4 MiB, and raises nothing.
    """

    paths: Sequence[str]
    prefix: str = WORKSPACE
    valid: Judge = nobody_knows


@dataclass(frozen=True, slots=True)
class Order:
    """What a backup is asked for.

    Attributes:
        sources: What to keep.
        reason: Why, for the list.
        kind: What it is for.
        absent: What a restore is about to write where nothing is (see Manifest).
        progress: Told how many files are done.
    """

    sources: Sequence[Source]
    reason: str
    kind: Kind
    absent: tuple[Entry, ...] = ()
    progress: Progress = quietly


def take(place: Place, order: Order) -> Snapshot | None:
    """Take a snapshot; the caller holds the lock and has cleared what earlier ones left.

    Returns:
        The snapshot, or None when nothing changed, or nothing is there to be taken.

    Raises:
        EffectFailed: The disk said no, or not one file could be read. Nothing of the snapshot stays.
    """
    wanted = _wanted(place, order.sources)
    scanned_at_ns = _now_ns(place.folder)
    there = _described(place.folder)
    if order.kind != "before-restore" and _unchanged(place, wanted, there, order.kind, scanned_at_ns):
        refresh_latest(place)  # a backup that was killed just before this may have left it behind
        return None
    hidden = place.folder / f"{HIDDEN}new"
    tally = Tally(Stamps(scanned_at_ns))
    head = _head(place, order, there)
    try:
        fill(_filling(place, head, hidden, there, order.progress), head, wanted, tally)
        if not tally.files and not order.absent:
            place.disk.remove(hidden)
            _refuse_if_unseen(order.kind, tally.skipped)
            return None
        place.disk.rename(hidden, place.folder / head.id)
    except EffectFailed:
        _remove_quietly(place.disk, hidden)
        raise
    return _shown(place, head, tally)


def _shown(place: Place, head: Manifest, tally: Tally) -> Snapshot:
    """Bring what lies beside the snapshots up to date with a new one, and return it."""
    summary = Summary(
        created_at=head.created_at,
        kind=head.kind,
        reason=head.reason,
        files=tally.files,
        total_bytes=tally.total_bytes,
        skipped=tuple(tally.skipped),
        skipped_count=tally.skipped_count,
        all_valid=tally.all_valid,
        linked=head.linked,
    )
    remember_summaries(place, {head.id: summary})
    if head.kind != "before-restore":
        remember_stamps(place, _origin(place, head.id), tally.stamps)
    refresh_latest(place)
    return of_summary(head.id, summary)


def _wanted(place: Place, sources: Sequence[Source]) -> list[Filled]:
    """Check what is asked for, and put it in the order of a manifest's paths."""
    workspace = place.roots[WORKSPACE]
    if not workspace.is_dir():
        raise EffectFailed(f"the workspace {workspace} is not there")
    prefixes = [source.prefix for source in sources]
    if len(set(prefixes)) != len(prefixes):
        raise ValueError(f"two sources go to one folder of the snapshot: {prefixes}")
    wanted = []
    for source in sorted(sources, key=lambda source: source.prefix + "/"):
        if source.prefix not in place.roots or not is_prefix(source.prefix):
            raise ValueError(f"no root is known for {source.prefix!r}")
        wanted.append(Filled(place.roots[source.prefix], source.paths, source.prefix, source.valid))
    return wanted


def _now_ns(folder: Path) -> int:
    """Return the moment by the clock that stamps files: the lock was written when it was taken, just now."""
    try:
        return (folder / LOCK).stat().st_mtime_ns
    except OSError as error:
        raise cannot("read", folder / LOCK, error) from error


def _described(folder: Path) -> list[Snapshot]:
    """Return the snapshots that can be read, newest first, and no more of them than are needed."""
    checks, kept = read_checks(folder), read_summaries(folder)
    there = []
    for id_ in reversed(snapshot_ids(folder)):
        snapshot = describe(folder, id_, checks, kept)
        if snapshot.damage is None:
            there.append(snapshot)
            if snapshot.kind == "regular":
                break
    return there


def _refuse_if_unseen(kind: Kind, problems: Sequence[Problem]) -> None:
    """Tell "there is nothing" from "nothing could be read": the second must not look like success.

    A restore goes on: it leaves alone what could not be saved, and does the rest.
    """
    if problems and kind != "before-restore":
        first = problems[0]
        raise EffectFailed(f"nothing could be backed up: {shown(first.path)} {first.reason}")


def _unchanged(
    place: Place, wanted: Sequence[Filled], there: Sequence[Snapshot], kind: Kind, scanned_at_ns: int
) -> bool:
    """Tell whether the files are as in the newest snapshot that this one could stand behind.

    A regular one compares with the newest regular one: what was seen only in an emergency must still be able
    to become `latest`.
    """
    kinds = {"regular", kind}
    compared = next((each for each in there if each.kind in kinds), None)
    if compared is None or not compared.verified:
        return False
    stamps = Stamps(scanned_at_ns)
    sources = [Wanted(each.root, each.paths, each.prefix, place.folder.parent) for each in wanted]
    origin = _origin(place, compared.id)
    same = nothing_changed(sources, _rows(place, origin), stamps)
    if same is None:
        remember_stamps(place, origin, stamps)
    return same is not False


def _filling(
    place: Place, head: Manifest, hidden: Path, there: Sequence[Snapshot], progress: Progress
) -> Filling:
    base = None
    if head.linked:
        old = _linkable(there)
        if old is not None:
            base = Base(place.folder / old.id, rows_of(place, old.id))
    return Filling(place.disk, Hidden(hidden), place.folder.parent, base, progress)


def _linkable(there: Sequence[Snapshot]) -> Snapshot | None:
    """Return the newest snapshot that a backup took: what a restore put aside holds too little."""
    return next((each for each in there if each.kind != "before-restore"), None)


def rows_of(place: Place, snapshot_id: str) -> Iterator[Row]:
    """Yield the files of a snapshot, in order, each with how its original stood then."""
    return _rows(place, _origin(place, snapshot_id))


def _rows(place: Place, origin: Origin) -> Iterator[Row]:
    """Yield the files of a snapshot, each with how its original stood then."""
    return paired(stream_entries(place.folder, origin.snapshot_id), read_stamps(place.folder, origin))


def _origin(place: Place, snapshot_id: str) -> Origin:
    roots = {}
    for prefix, root in place.roots.items():
        with suppress(OSError):
            roots[prefix] = root_of(root)
    return Origin(snapshot_id, place.clock.boot_id(), roots)


def _head(place: Place, order: Order, there: Sequence[Snapshot]) -> Manifest:
    """Name the next snapshot, chain it to the newest that is there, and say whether it may have links."""
    now_s = place.clock.now_s()
    newest = snapshot_ids(place.folder)[-1:]
    old = _linkable(there)
    return Manifest(
        id=next_id(now_s, newest[0] if newest else None, int.from_bytes(os.urandom(2), "big")),
        system=place.system,
        created_at=to_text(now_s),
        kind=order.kind,
        reason=order.reason,
        host=place.host,
        workspace=str(place.roots[WORKSPACE]),
        previous=newest_link(place.folder),
        files=(),
        linked=0 if old is None else (old.linked + 1) % WHOLE_EVERY,
        absent=order.absent,
    )


def _remove_quietly(disk: Disk, path: Path) -> None:
    """Remove what failed to become a snapshot; the next backup tries again where this one cannot."""
    with suppress(AutomationError):
        disk.remove(path)
