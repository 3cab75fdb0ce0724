"""Kill-all, the last resort (safety S9): what its program leaves written about itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from automation.core.errors import EffectFailed, RecordDamaged, StepImpossible
from automation.stores.records import read_record, write_record

SCHEMA = 1
FILE = "kill-all.json"
AUTOMATIC = "automatic"
ONCE_IN_S = 86_400.0


@dataclass(frozen=True, slots=True)
class KillAll:
    """One kill-all: who asked for it (`nonce` tells), when (seconds since 1970), and what came of it."""

    nonce: str
    began_s: float
    ended_s: float | None = None
    ok: bool = False
    detail: str = ""


def read_kill_all(folder: Path) -> KillAll | None:
    """Return the last one; None where none was, or nothing can be read."""
    try:
        record = read_record(folder / FILE)
        if not isinstance(record, dict) or record["schema"] != SCHEMA:
            return None
        ended = record["endedAt"]
        return KillAll(
            str(record["nonce"]),
            float(record["beganAt"]),
            None if ended is None else float(ended),
            bool(record["ok"]),
            str(record["detail"]),
        )
    except (RecordDamaged, EffectFailed, KeyError, TypeError, ValueError):
        return None


def is_recent(last: KillAll | None, now_s: float) -> bool:
    """Tell whether one was done less than 24 h ago; one in the future is of a clock that was set back."""
    return last is not None and 0 <= now_s - last.began_s < ONCE_IN_S


def automatic(last: KillAll | None, now_s: float) -> KillAll:
    """Return the record of a daemon that is ended without being told to, once in 24 h (safety S9).

    A kill-all counts, too: its record, the only one there is, may stand in the place of an automatic one's.

    Raises:
        StepImpossible: One was, less than 24 h ago.
    """
    if is_recent(last, now_s):
        raise StepImpossible(
            "a daemon was ended less than 24 h ago; it is not done again without being told to"
        )
    return KillAll(AUTOMATIC, now_s)


def write_kill_all(folder: Path, one: KillAll) -> None:
    """Write how far it has come.

    Raises:
        EffectFailed: The disk said no.
    """
    write_record(
        folder / FILE,
        {
            "schema": SCHEMA,
            "nonce": one.nonce,
            "beganAt": one.began_s,
            "endedAt": one.ended_s,
            "ok": one.ok,
            "detail": one.detail,
        },
    )
