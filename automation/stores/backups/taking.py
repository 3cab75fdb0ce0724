"""Taking a snapshot: copied beside, verified, flushed to disk, and only then shown under its name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from automation.core.errors import AutomationError, EffectFailed
from automation.core.moments import to_text
from automation.stores.backups.beneath import PathRefused
from automation.stores.backups.copying import Job, Judge, copy_file, nobody_knows
from automation.stores.backups.disk import Disk
from automation.stores.backups.entry_path import WORKSPACE, is_prefix, shown
from automation.stores.backups.listing import (
    Snapshot,
    newest_for_latest,
    newest_link,
    of_manifest,
    read_checks,
    readable_manifests,
)
from automation.stores.backups.manifest import SKIPPED_CAP, Entry, Kind, Manifest, Problem, to_bytes
from automation.stores.backups.place import HIDDEN, LATEST, MANIFEST, Place, snapshot_ids
from automation.stores.backups.reading import State, state_of, state_of_entry
from automation.stores.backups.scanning import Scan, scan
from automation.stores.backups.snapshot_id import next_id


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
class _Found:
    """A source with the files that were found of it."""

    source: Source
    root: Path
    scan: Scan

    def named(self, path: str) -> str:
        return f"{self.source.prefix}/{path}"


def take(
    place: Place, sources: Sequence[Source], reason: str, kind: Kind
) -> tuple[Snapshot, Manifest] | None:
    """Take a snapshot; the caller holds the lock and has cleared what earlier ones left.

    Returns:
        The snapshot, or None when nothing changed, or nothing is there to be taken.

    Raises:
        EffectFailed: The disk said no, or not one file could be read. Nothing of the snapshot stays.
    """
    found = _find(place, sources)
    if not any(each.scan.files for each in found):
        _refuse_if_unseen(kind, [problem for each in found for problem in each.scan.problems])
        return None
    if kind != "before-restore" and _unchanged(place.folder, found, kind):
        refresh_latest(place)  # a backup that was killed just before this may have left it behind
        return None
    hidden = place.folder / f"{HIDDEN}new"
    try:
        manifest = _fill(place, found, hidden, reason, kind)
        if not manifest.files:
            place.disk.remove(hidden)
            _refuse_if_unseen(kind, manifest.skipped)
            return None
        place.disk.rename(hidden, place.folder / manifest.id)
    except EffectFailed:
        _remove_quietly(place.disk, hidden)
        raise
    refresh_latest(place)
    return of_manifest(manifest), manifest


def refresh_latest(place: Place) -> None:
    """Let `latest` point to the newest snapshot that is fit for it, or to nothing.

    Raises:
        EffectFailed: The link cannot be written.
    """
    link, wanted = place.folder / LATEST, newest_for_latest(place.folder)
    try:
        now = str(link.readlink())
    except OSError:
        now = None
    if wanted is None:
        place.disk.remove(link)
    elif now != wanted:
        place.disk.point(link, wanted, place.folder / f"{HIDDEN}latest")


def _find(place: Place, sources: Sequence[Source]) -> list[_Found]:
    workspace = place.roots[WORKSPACE]
    if not workspace.is_dir():
        raise EffectFailed(f"the workspace {workspace} is not there")
    prefixes = [source.prefix for source in sources]
    if len(set(prefixes)) != len(prefixes):
        raise ValueError(f"two sources go to one folder of the snapshot: {prefixes}")
    found = []
    for source in sources:
        if source.prefix not in place.roots or not is_prefix(source.prefix):
            raise ValueError(f"no root is known for {source.prefix!r}")
        root = place.roots[source.prefix]
        found.append(_Found(source, root, scan(root, source.paths, avoid=place.folder.parent)))
    return found


def _refuse_if_unseen(kind: Kind, problems: Sequence[Problem]) -> None:
    """Tell "there is nothing" from "nothing could be read": the second must not look like success.

    A restore goes on: it leaves alone what could not be saved, and does the rest.
    """
    if problems and kind != "before-restore":
        first = problems[0]
        raise EffectFailed(f"nothing could be backed up: {shown(first.path)} {first.reason}")


def _unchanged(folder: Path, found: Sequence[_Found], kind: Kind) -> bool:
    """Tell whether the files are as in the newest snapshot that this one could stand behind.

    A regular one compares with the newest regular one: what was seen only in an emergency must still be able
    to become `latest`.
    """
    checks = read_checks(folder)
    for manifest in readable_manifests(folder):
        if manifest.kind == "regular" or (kind == manifest.kind == "emergency"):
            check = checks.get(manifest.id)
            if check is not None and check.bad:
                return False
            return _states(found) == {entry.path: state_of_entry(entry) for entry in manifest.files}
    return False


def _states(found: Sequence[_Found]) -> dict[str, State]:
    """Return how the files stand that a backup could keep now."""
    states: dict[str, State] = {}
    for each in found:
        for path in each.scan.files:
            try:
                state = state_of(each.root, path)
            except (OSError, PathRefused):
                continue
            if state is not None and state.other is None:
                states[each.named(path)] = state
    return states


def _fill(place: Place, found: Sequence[_Found], hidden: Path, reason: str, kind: Kind) -> Manifest:
    """Copy everything into the hidden folder, with its manifest, and put all of it on disk."""
    place.disk.make_folder(hidden)
    made: dict[Path, None] = {}
    files: list[Entry] = []
    skipped: list[Problem] = []
    for each in found:
        skipped += [Problem(each.named(problem.path), problem.reason) for problem in each.scan.problems]
        job = Job(each.root, each.source.prefix, each.source.valid, hidden, place.disk, made)
        for path in each.scan.files:
            outcome = copy_file(job, path)
            if isinstance(outcome, Entry):
                files.append(outcome)
            else:
                skipped.append(outcome)
    manifest = replace(
        _head(place, reason, kind),
        files=tuple(sorted(files, key=lambda entry: entry.path)),
        skipped=tuple(skipped[:SKIPPED_CAP]),
        skipped_count=len(skipped),
    )
    place.disk.write(hidden / MANIFEST, to_bytes(manifest))
    for folder in (*reversed(made), hidden):
        place.disk.sync_folder(folder)
    return manifest


def _head(place: Place, reason: str, kind: Kind) -> Manifest:
    """Name the next snapshot, and chain it to the newest that is there."""
    now_s = place.clock.now_s()
    newest = snapshot_ids(place.folder)[-1:]
    return Manifest(
        id=next_id(now_s, newest[0] if newest else None, int.from_bytes(os.urandom(2), "big")),
        system=place.system,
        created_at=to_text(now_s),
        kind=kind,
        reason=reason,
        host=place.host,
        workspace=str(place.roots[WORKSPACE]),
        previous=newest_link(place.folder),
        files=(),
    )


def _remove_quietly(disk: Disk, path: Path) -> None:
    """Remove what failed to become a snapshot; the next backup tries again where this one cannot."""
    with suppress(AutomationError):
        disk.remove(path)
