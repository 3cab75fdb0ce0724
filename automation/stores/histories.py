"""The history on disk: ladders and budgets that outlive the guard (safety S3)."""

from __future__ import annotations

from pathlib import Path

from automation.core.errors import RecordDamaged
from automation.core.history import History, from_record, to_record
from automation.stores.records import keep_evidence, read_record, write_record


def load(path: Path) -> History:
    """Return the history; an empty one where there is none.

    Raises:
        RecordDamaged: It cannot be understood.
        RecordNewer: A newer version wrote it; nothing may be acted on (safety S32).
        EffectFailed: It cannot be read.
    """
    record = read_record(path)
    return History() if record is None else from_record(record, str(path))


def load_or_begin(path: Path) -> tuple[History, str]:
    """Return the history, and what was wrong with a damaged one, which is kept as evidence.

    Raises:
        RecordNewer: A newer version wrote it; nothing may be acted on (safety S32).
        EffectFailed: It cannot be read.
    """
    try:
        return load(path), ""
    except RecordDamaged as error:
        keep_evidence(path)
        return History(), str(error)


def save_if_changed(path: Path, history: History, saved: History | None) -> History:
    """Write the history unless it is the one that was saved last; return what is saved now.

    Raises:
        EffectFailed: The disk said no.
    """
    if history != saved:
        save(path, history)
    return history


def save(path: Path, history: History) -> None:
    """Write the history.

    Raises:
        EffectFailed: The disk said no.
    """
    write_record(path, to_record(history))
