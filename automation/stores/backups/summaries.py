"""What a list shows of each snapshot, kept beside them: no manifest is read for it again unless it moved."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from automation.core.errors import EffectFailed
from automation.ports.files import read_whole
from automation.stores.backups.manifest import Kind, Manifest, Problem
from automation.stores.backups.place import MANIFEST, SUMMARIES

SKIPPED_KEPT = 50
_CAP_BYTES = 64 * 1024 * 1024

Stamp = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Summary:
    """What a list needs of a manifest, and how its file stood when it was read."""

    created_at: str
    kind: Kind
    reason: str
    files: int
    total_bytes: int
    skipped: tuple[Problem, ...]
    skipped_count: int
    all_valid: bool
    linked: int
    stamp: Stamp = (0, 0, 0, 0)


def summary_of(manifest: Manifest) -> Summary:
    """Return the summary of a manifest."""
    return Summary(
        created_at=manifest.created_at,
        kind=manifest.kind,
        reason=manifest.reason,
        files=len(manifest.files),
        total_bytes=manifest.total_bytes,
        skipped=manifest.skipped,
        skipped_count=manifest.skipped_count,
        all_valid=manifest.all_valid,
        linked=manifest.linked,
    )


def manifest_stamp(folder: Path, id_: str) -> Stamp | None:
    """Return what moves when a manifest's bytes do; None where it cannot be seen."""
    try:
        status = (folder / id_ / MANIFEST).stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns


def read_summaries(folder: Path) -> dict[str, Summary]:
    """Return the summaries that are kept; nothing where they are missing or damaged: they are made anew."""
    try:
        data = json.loads(read_whole(folder / SUMMARIES, cap=_CAP_BYTES) or b"{}")
        rows = data["snapshots"] if data["schema"] == 1 else {}
        return {id_: _from_row(row) for id_, row in rows.items()}
    except (EffectFailed, ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return {}


def _from_row(row: Mapping[str, object]) -> Summary:
    """Read one row.

    Raises:
        LookupError, TypeError, ValueError: It is none.
    """
    texts = [row[key] for key in ("createdAt", "kind", "reason")]
    counts = [row[key] for key in ("files", "bytes", "skippedCount", "linked")]
    stamp, skipped, valid = row["stamp"], row["skipped"], row["allValid"]
    if not all(type(text) is str for text in texts) or not all(type(count) is int for count in counts):
        raise TypeError
    if not isinstance(stamp, list) or not isinstance(skipped, list) or type(valid) is not bool:
        raise TypeError
    size, mtime_ns, inode, ctime_ns = map(int, stamp)
    return Summary(
        created_at=str(texts[0]),
        kind=[kind for kind in get_args(Kind) if kind == texts[1]][0],  # noqa: RUF015  # an IndexError, if none
        reason=str(texts[2]),
        files=int(str(counts[0])),
        total_bytes=int(str(counts[1])),
        skipped=tuple(Problem(str(each["path"]), str(each["reason"])) for each in skipped),
        skipped_count=int(str(counts[2])),
        all_valid=valid,
        linked=int(str(counts[3])),
        stamp=(size, mtime_ns, inode, ctime_ns),
    )


def summaries_to_bytes(summaries: Iterable[tuple[str, Summary]]) -> bytes:
    """Return the record of summaries as JSON; one with a long list of what was skipped is not kept."""
    rows = {
        id_: {
            "createdAt": each.created_at,
            "kind": each.kind,
            "reason": each.reason,
            "files": each.files,
            "bytes": each.total_bytes,
            "skipped": [{"path": problem.path, "reason": problem.reason} for problem in each.skipped],
            "skippedCount": each.skipped_count,
            "allValid": each.all_valid,
            "linked": each.linked,
            "stamp": list(each.stamp),
        }
        for id_, each in summaries
        if len(each.skipped) <= SKIPPED_KEPT
    }
    return (json.dumps({"schema": 1, "snapshots": rows}) + "\n").encode("ascii")
