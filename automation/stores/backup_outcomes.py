"""What was last done about a system's backups, for its report."""

from __future__ import annotations

from pathlib import Path

from automation.core.errors import EffectFailed, RecordDamaged
from automation.stores.records import read_record, write_record


def read_outcome(path: Path) -> dict[str, object]:
    """Return what was last done about backups, as the report's `backup` has it."""
    try:
        record = read_record(path)
    except (RecordDamaged, EffectFailed):
        record = None
    kept = record if isinstance(record, dict) else {}
    return {key: kept.get(key) for key in ("lastAt", "lastId", "lastVerifiedAt", "count", "bytes", "failure")}


def write_outcome(path: Path, **changed: object) -> None:
    """Change what is known of the last backup.

    Raises:
        EffectFailed: The disk said no.
    """
    write_record(path, read_outcome(path) | changed)
