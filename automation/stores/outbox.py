"""What a human must still be told: kept on disk until it was sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from automation.core.errors import RecordDamaged
from automation.ports.locks import locked
from automation.stores.records import keep_evidence, read_record, write_record

MOST_MESSAGES = 100

Message = dict[str, object]


def read(path: Path) -> list[Message]:
    """Return the messages that wait, oldest first; a damaged outbox is kept as evidence and begun anew."""
    try:
        record = read_record(path)
    except RecordDamaged:
        keep_evidence(path)
        return []
    messages = record.get("messages") if isinstance(record, dict) else None
    return [one for one in messages if isinstance(one, dict)] if isinstance(messages, list) else []


def change(path: Path, since: str, how: Callable[[list[Message]], list[Message]]) -> None:
    """Replace the messages by what `how` makes of them, under the outbox's lock; the newest 100 stay.

    Raises:
        EffectFailed: The disk said no.
        LockBusy: Somebody held its lock for ten seconds.
    """
    with locked(path.with_name(f"{path.name}.lock"), purpose="changing the outbox", since=since):
        write_record(path, {"schema": 1, "messages": how(read(path))[-MOST_MESSAGES:]})


def add(path: Path, since: str, messages: Sequence[Message]) -> None:
    """Add messages (see change)."""
    change(path, since, lambda waiting: [*waiting, *messages])


def drop(path: Path, since: str, message_id: object) -> None:
    """Take away one message that was sent (see change)."""
    change(path, since, lambda waiting: [one for one in waiting if one.get("id") != message_id])
