"""Reports: written by one loop, read by everybody without a lock."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from automation.core.errors import EffectFailed, RecordDamaged, RecordNewer
from automation.core.reading import Reading, read
from automation.stores.records import read_record


@dataclass(frozen=True, slots=True)
class Found:
    """What a reader found: a reading, or why there is none (`problem` is one line)."""

    reading: Reading | None
    problem: str = ""


def find(path: Path) -> Found:
    """Read a report; whatever is wrong with it is said, never raised."""
    try:
        record = read_record(path)
        if record is None:
            return Found(None, f"no report yet: {path}")
        return Found(read(record, str(path)))
    except (RecordDamaged, RecordNewer, EffectFailed) as error:
        return Found(None, str(error))
