"""Maintenance windows: who paused a guard, why and until when. They survive upgrades (safety S8)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from automation.core.errors import EffectFailed, RecordDamaged
from automation.core.moments import from_text, to_text
from automation.ports.files import cannot
from automation.stores.records import read_record, write_record


@dataclass(frozen=True, slots=True)
class Pause:
    """A window: since and until when (seconds since 1970; None until somebody resumes), by whom and why."""

    since_s: float
    until_s: float | None
    who: str
    reason: str

    def holds(self, now_s: float) -> bool:
        """Tell whether it is still on."""
        return self.until_s is None or now_s < self.until_s

    def spoken(self) -> str:
        """Say it in one line."""
        until = "until somebody resumes it" if self.until_s is None else f"until {to_text(self.until_s)}"
        return f"paused by {self.who} {until}" + (f": {self.reason}" if self.reason else "")


def load(path: Path, now_s: float) -> Pause | None:
    """Return the pause that holds now.

    One that cannot be read holds: somebody wanted this guard to keep still.
    """
    try:
        record = read_record(path)
        if record is None:
            return None
        pause = _from_record(record)
    except (RecordDamaged, EffectFailed, KeyError, ValueError, TypeError) as error:
        return Pause(now_s, None, "somebody", f"{path} cannot be read ({error}); `resume` clears it")
    return pause if pause.holds(now_s) else None


def _from_record(record: object) -> Pause:
    if not isinstance(record, dict):
        raise TypeError("expected an object")
    until = record["until"]
    return Pause(
        from_text(record["since"]),
        None if until is None else from_text(until),
        str(record["who"]),
        str(record["reason"]),
    )


def save(path: Path, pause: Pause) -> None:
    """Write a pause.

    Raises:
        EffectFailed: The disk said no.
    """
    write_record(
        path,
        {
            "schema": 1,
            "since": to_text(pause.since_s),
            "until": None if pause.until_s is None else to_text(pause.until_s),
            "who": pause.who,
            "reason": pause.reason,
        },
    )


def clear(path: Path) -> bool:
    """End a pause; tell whether there was one.

    Raises:
        EffectFailed: The disk said no.
    """
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise cannot("remove", path, error) from error
    return True
