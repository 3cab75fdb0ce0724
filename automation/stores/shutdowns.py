"""That the suite was shut down: a state with an exit (safety S31)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from automation.core.errors import EffectFailed, RecordDamaged
from automation.core.moments import from_text, to_text
from automation.ports.files import remove
from automation.ports.locks import HeldLock, locked
from automation.stores.records import read_record, write_record

STAMP_VARIABLE = "REDUNDANCY_STARTED_AT"


def recorded(path: Path, environment: Mapping[str, str]) -> str:
    """Return in one line that a shutdown holds for this process; empty where none does.

    A start of the ecosystem file after the shutdown carries a newer stamp, and is free; a resurrect at boot
    carries the old one.
    """
    return _look(path, environment)[0]


def ended(path: Path, environment: Mapping[str, str]) -> float | None:
    """Return when a shutdown was recorded that is over for this process, which bears a newer stamp.

    Seconds since 1970; None where none was recorded, or one holds.
    """
    return _look(path, environment)[1]


def _look(path: Path, environment: Mapping[str, str]) -> tuple[str, float | None]:
    """Return what holds, in one line, or else the moment of what does not hold any more."""
    try:
        known = _read(path)
    except (RecordDamaged, EffectFailed) as error:
        return f"shut down: {path} cannot be read ({error}); the start script clears it", None
    if known is None:
        return "", None
    at_s, who = known
    if _newer(environment.get(STAMP_VARIABLE, ""), at_s):
        return "", at_s
    return f"shut down by {who} at {to_text(at_s)}; the start script starts it again", None


def _newer(stamp: str, at_s: float) -> bool:
    try:
        return bool(stamp) and from_text(stamp) > at_s
    except ValueError:
        return False


def _read(path: Path) -> tuple[float, str] | None:
    """Return when and by whom a shutdown was recorded; None where none was.

    Raises:
        RecordDamaged: The record is not what it should be.
        EffectFailed: It cannot be read.
    """
    record: Any = read_record(path)
    try:
        return None if record is None else (from_text(record["at"]), str(record["who"]))
    except (KeyError, TypeError, ValueError) as error:
        raise RecordDamaged(str(path), f"not a shutdown: {type(error).__name__} {error!s:.200}") from error


def record(path: Path, at_s: float, who: str) -> None:
    """Record a shutdown.

    Raises:
        EffectFailed: The disk said no.
        LockBusy: Somebody held the record's lock for ten seconds.
    """
    with _locked(path, "recording a shutdown", at_s):
        write_record(path, {"schema": 1, "at": to_text(at_s), "who": who})


def end(path: Path, of_s: float, now_s: float) -> bool:
    """Remove the record of the shutdown of a moment; tell whether it was there. A later one stays.

    Raises:
        EffectFailed: The disk said no.
        LockBusy: Somebody held the record's lock for ten seconds.
    """
    with _locked(path, "ending a shutdown", now_s):
        try:
            known = _read(path)
        except RecordDamaged:
            return False
        there = known is not None and known[0] == of_s
        if there:
            clear(path)
        return there


def _locked(path: Path, purpose: str, now_s: float) -> AbstractContextManager[HeldLock]:
    return locked(path.with_name(f"{path.name}.lock"), purpose=purpose, since=to_text(now_s))


def clear(path: Path) -> None:
    """End it.

    Raises:
        EffectFailed: The disk said no.
    """
    remove(path)
