"""That the suite was shut down: a state with an exit (safety S31)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from automation.core.errors import EffectFailed, RecordDamaged
from automation.core.moments import from_text, to_text
from automation.ports.files import cannot
from automation.stores.records import read_record, write_record

STAMP_VARIABLE = "REDUNDANCY_STARTED_AT"


def recorded(path: Path, environment: Mapping[str, str]) -> str:
    """Return in one line that a shutdown holds for this process; empty where none does.

    A start of the ecosystem file after the shutdown carries a newer stamp, and is free; a resurrect at boot
    carries the old one.
    """
    try:
        record = read_record(path)
        if record is None:
            return ""
        at_s, who = _from_record(record)
    except (RecordDamaged, EffectFailed, KeyError, TypeError, ValueError) as error:
        return f"shut down: {path} cannot be read ({error}); the start script clears it"
    stamp = environment.get(STAMP_VARIABLE, "")
    try:
        if stamp and from_text(stamp) > at_s:
            return ""
    except ValueError:
        pass
    return f"shut down by {who} at {to_text(at_s)}; the start script starts it again"


def _from_record(record: object) -> tuple[float, str]:
    if not isinstance(record, dict):
        raise TypeError("expected an object")
    return from_text(record["at"]), str(record["who"])


def record(path: Path, at_s: float, who: str) -> None:
    """Record a shutdown.

    Raises:
        EffectFailed: The disk said no.
    """
    write_record(path, {"schema": 1, "at": to_text(at_s), "who": who})


def clear(path: Path) -> None:
    """End it.

    Raises:
        EffectFailed: The disk said no.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise cannot("remove", path, error) from error
