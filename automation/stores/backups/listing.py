"""Reading which snapshots there are: no lock, nothing written, and a damaged one is listed as damaged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from automation.core.errors import AutomationError, EffectFailed, RecordDamaged, RecordNewer
from automation.ports.files import cannot, read_whole
from automation.stores.backups.manifest import Entry, Kind, Manifest, Previous, Problem, from_bytes
from automation.stores.backups.manifest_lines import (
    NotAsWritten,
    paths_besides,
    read_head,
    read_lines,
    read_rows,
)
from automation.stores.backups.place import CHECKS, MANIFEST, snapshot_ids
from automation.stores.backups.summaries import Summary, manifest_stamp, read_summaries, summary_of

RECORD_CAP_BYTES = 128 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Check:
    """What the last verification of a snapshot found."""

    at: str
    bad: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One snapshot, as a list shows it.

    `verified` is false when a later verification found damage: what is visible was verified when it was
    taken. `damage` says why a manifest cannot be read; the other values are then empty. `linked` is how many
    snapshots before it share unchanged files with it.
    """

    id: str
    created_at: str = ""
    kind: Kind = "regular"
    reason: str = ""
    files: int = 0
    total_bytes: int = 0
    skipped: tuple[Problem, ...] = ()
    skipped_count: int = 0
    all_valid: bool = False
    verified: bool = False
    verified_at: str = ""
    damage: str | None = None
    newer: bool = False
    linked: int = 0

    @property
    def may_be_latest(self) -> bool:
        """Tell whether `latest` may point here (safety S21)."""
        return self.kind == "regular" and self.verified and self.all_valid


def snapshots(folder: Path) -> tuple[Snapshot, ...]:
    """Return all snapshots of `backups/<system>`, newest last.

    Raises:
        EffectFailed: The folder cannot be read.
    """
    checks, kept = read_checks(folder), read_summaries(folder)
    return tuple(describe(folder, id_, checks, kept) for id_ in snapshot_ids(folder))


def describe(folder: Path, id_: str, checks: Mapping[str, Check], kept: Mapping[str, Summary]) -> Snapshot:
    """Return one snapshot, damaged or not; its manifest is read only if no summary of it is kept."""
    summary = kept.get(id_)
    if summary is None or summary.stamp != manifest_stamp(folder, id_):
        try:
            summary = summary_of(read_manifest(folder, id_))
        except AutomationError as error:
            return Snapshot(id_, damage=str(error), newer=isinstance(error, RecordNewer))
    return of_summary(id_, summary, checks.get(id_))


def of_summary(id_: str, summary: Summary, check: Check | None = None) -> Snapshot:
    """Return what a list shows of a manifest."""
    return Snapshot(
        id=id_,
        created_at=summary.created_at,
        kind=summary.kind,
        reason=summary.reason,
        files=summary.files,
        total_bytes=summary.total_bytes,
        skipped=summary.skipped,
        skipped_count=summary.skipped_count,
        all_valid=summary.all_valid,
        verified=check is None or check.bad == 0,
        verified_at=summary.created_at if check is None else check.at,
        linked=summary.linked,
    )


def read_manifest(folder: Path, id_: str) -> Manifest:
    """Read the manifest of one snapshot.

    Raises:
        RecordDamaged: It is missing, or not what its schema says.
        RecordNewer: A newer version wrote it.
        EffectFailed: It cannot be read.
    """
    path = folder / id_ / MANIFEST
    try:
        with _opened(path) as file:
            return read_lines(file, str(path), expected_id=id_)
    except NotAsWritten:
        return from_bytes(_bytes_of(path), str(path), expected_id=id_)


def read_previous(folder: Path, id_: str) -> Previous | None:
    """Return what a manifest says of the snapshot before it (see read_manifest)."""
    path = folder / id_ / MANIFEST
    try:
        with _opened(path) as file:
            return read_head(file, str(path), expected_id=id_).previous
    except NotAsWritten:
        return read_manifest(folder, id_).previous


def stream_entries(folder: Path, id_: str) -> Iterator[Entry]:
    """Yield the files of a snapshot in the order of their paths, one in memory at a time.

    It ends early where the manifest is damaged, or is not written as this program writes it.
    """
    path = folder / id_ / MANIFEST
    with suppress(NotAsWritten, RecordDamaged, RecordNewer, EffectFailed), _opened(path) as file:
        yield from read_rows(file, str(path))


def stream_paths_besides(folder: Path, id_: str, known: Collection[str]) -> Iterator[str]:
    """Yield the paths of a snapshot's files that are not known; it ends early as `stream_entries` does."""
    path = folder / id_ / MANIFEST
    with suppress(NotAsWritten, RecordDamaged, RecordNewer, EffectFailed), _opened(path) as file:
        yield from paths_besides(file, str(path), known)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open a manifest for a block.

    Raises:
        RecordDamaged: There is none.
        EffectFailed: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            yield file
    except FileNotFoundError as error:
        raise RecordDamaged(str(path), "is missing: the snapshot is not whole") from error
    except OSError as error:
        raise cannot("read", path, error) from error


def _bytes_of(path: Path) -> bytes:
    """Return a manifest's bytes, for whoever must see all of them."""
    return read_whole(path, cap=RECORD_CAP_BYTES) or b""


def readable_manifests(folder: Path) -> Iterator[Manifest]:
    """Yield the manifests that can be read, newest first, one in memory at a time."""
    for id_ in reversed(snapshot_ids(folder)):
        try:
            yield read_manifest(folder, id_)
        except (RecordDamaged, RecordNewer, EffectFailed):
            continue


def manifest_hash(folder: Path, id_: str) -> str | None:
    """Return the SHA-256 of a manifest's bytes, readable as a manifest or not; None where there is none."""
    try:
        with (folder / id_ / MANIFEST).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def newest_link(folder: Path) -> Previous | None:
    """Return what the next snapshot says of the one before it."""
    for id_ in reversed(snapshot_ids(folder)):
        sha256 = manifest_hash(folder, id_)
        if sha256 is not None:
            return Previous(id_, sha256)
    return None


def newest_for_latest(folder: Path) -> str | None:
    """Return the snapshot that `latest` must point to; None when none is fit for it."""
    checks, kept = read_checks(folder), read_summaries(folder)
    for id_ in reversed(snapshot_ids(folder)):
        if describe(folder, id_, checks, kept).may_be_latest:
            return id_
    return None


def read_checks(folder: Path) -> dict[str, Check]:
    """Return what verifications found; nothing where their record is missing or damaged: it is made anew."""
    try:
        data = json.loads(read_whole(folder / CHECKS, cap=RECORD_CAP_BYTES) or b"{}")
    except (EffectFailed, ValueError, RecursionError):
        return {}
    rows = data.get("checks") if isinstance(data, dict) else None
    if not isinstance(rows, dict):
        return {}
    return {id_: Check(row["at"], row["bad"]) for id_, row in rows.items() if _is_check(row)}


def _is_check(row: object) -> bool:
    return isinstance(row, dict) and isinstance(row.get("at"), str) and isinstance(row.get("bad"), int)


def checks_to_bytes(checks: Mapping[str, Check]) -> bytes:
    """Return the record of verifications as JSON."""
    rows = {id_: {"at": check.at, "bad": check.bad} for id_, check in sorted(checks.items())}
    return (json.dumps({"schema": 1, "checks": rows}, indent=1) + "\n").encode("ascii")
