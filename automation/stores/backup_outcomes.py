"""What was last done about a system's backups: for its report, and for what its loop finds wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from automation.core.errors import EffectFailed, RecordDamaged
from automation.stores.records import read_record, write_record

REPORTED = ("lastAt", "lastId", "lastVerifiedAt", "count", "bytes", "failure")
# What only the loop needs: when it failed; what is damaged, was left out, vanished, or differs from its file.
BESIDE = ("failedAt", "damaged", "damagedCount", "leftOut", "leftOutCount", "vanished", "spotCheck")


def read_outcome(path: Path) -> dict[str, object]:
    """Return what was last done about backups; None for what is not known."""
    try:
        record = read_record(path)
    except (RecordDamaged, EffectFailed):
        record = None
    kept = record if isinstance(record, dict) else {}
    return {key: kept.get(key) for key in (*REPORTED, *BESIDE)}


def reported(outcome: Mapping[str, object]) -> dict[str, object]:
    """Return what the report's `backup` says of it."""
    return {key: outcome.get(key) for key in REPORTED}


def write_outcome(path: Path, **changed: object) -> None:
    """Change what is known of the last backup.

    Raises:
        EffectFailed: The disk said no.
    """
    write_record(path, read_outcome(path) | changed)
