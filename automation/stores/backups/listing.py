"""Reading which snapshots there are: no lock, nothing written, and a damaged one is listed as damaged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from automation.core.errors import AutomationError, EffectFailed, RecordDamaged, RecordNewer
from automation.ports.files import cannot, read_whole
from automation.stores.backups.manifest import Kind, Manifest, Previous, Problem, from_bytes
from automation.stores.backups.place import CHECKS, MANIFEST, snapshot_ids

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
    taken. `damage` says why a manifest cannot be read; the other values are then empty.
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

    @property
    def may_be_latest(self) -> bool:
        """Tell whether `latest` may point here (safety S21)."""
        return self.kind == "regular" and self.verified and self.all_valid


def snapshots(folder: Path) -> tuple[Snapshot, ...]:
    """Return all snapshots of `backups/<system>`, newest last.

    Raises:
        EffectFailed: The folder cannot be read.
    """
    checks = read_checks(folder)
    return tuple(describe(folder, id_, checks) for id_ in snapshot_ids(folder))


def describe(folder: Path, id_: str, checks: Mapping[str, Check]) -> Snapshot:
    """Return one snapshot, damaged or not."""
    try:
        manifest = read_manifest(folder, id_)
    except AutomationError as error:
        return Snapshot(id_, damage=str(error), newer=isinstance(error, RecordNewer))
    return of_manifest(manifest, checks.get(id_))


def of_manifest(manifest: Manifest, check: Check | None = None) -> Snapshot:
    """Return what a list shows of a manifest."""
    return Snapshot(
        id=manifest.id,
        created_at=manifest.created_at,
        kind=manifest.kind,
        reason=manifest.reason,
        files=len(manifest.files),
        total_bytes=manifest.total_bytes,
        skipped=manifest.skipped,
        skipped_count=manifest.skipped_count,
        all_valid=manifest.all_valid,
        verified=check is None or check.bad == 0,
        verified_at=manifest.created_at if check is None else check.at,
    )


def read_manifest(folder: Path, id_: str) -> Manifest:
    """Read the manifest of one snapshot.

    Raises:
        RecordDamaged: It is missing, or not what its schema says.
        RecordNewer: A newer version wrote it.
        EffectFailed: It cannot be read.
    """
    path = folder / id_ / MANIFEST
    data = _bytes_of(path)
    if data is None:
        raise RecordDamaged(str(path), "is missing: the snapshot is not whole")
    return from_bytes(data, str(path), expected_id=id_)


def _bytes_of(path: Path) -> bytes | None:
    """Return a file's bytes, or None where there is none; no more memory is set aside than it needs."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return None
    except OSError as error:
        raise cannot("read", path, error) from error
    return read_whole(path, cap=min(size, RECORD_CAP_BYTES))


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
        data = _bytes_of(folder / id_ / MANIFEST)
    except EffectFailed:
        return None
    return None if data is None else hashlib.sha256(data).hexdigest()


def newest_link(folder: Path) -> Previous | None:
    """Return what the next snapshot says of the one before it."""
    for id_ in reversed(snapshot_ids(folder)):
        sha256 = manifest_hash(folder, id_)
        if sha256 is not None:
            return Previous(id_, sha256)
    return None


def newest_for_latest(folder: Path) -> str | None:
    """Return the snapshot that `latest` must point to; None when none is fit for it."""
    checks = read_checks(folder)
    for id_ in reversed(snapshot_ids(folder)):
        if describe(folder, id_, checks).may_be_latest:
            return id_
    return None


def read_checks(folder: Path) -> dict[str, Check]:
    """Return what verifications found; nothing where their record is missing or damaged: it is made anew."""
    try:
        data = json.loads(_bytes_of(folder / CHECKS) or b"{}")
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
