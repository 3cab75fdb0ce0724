"""Keeping for the report and the loop what was done about a system's backups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from automation.core.errors import AutomationError, EffectFailed
from automation.core.moments import to_text
from automation.engine.context import Context
from automation.stores.backup_outcomes import read_outcome, write_outcome
from automation.stores.backups.store import Snapshot, SnapshotStore

MOST_KEPT = 50
NOTHING: Mapping[str, object] = {}
MEANT_TO_BE_LEFT_OUT = "which no backup can hold"  # a socket, a pipe, a device: said when taken, and no fault


def note(
    context: Context, store: SnapshotStore, more: Mapping[str, object] = NOTHING, *, succeeded: bool = False
) -> None:
    """Keep what is there now; a backup that succeeded moves `lastAt` and ends what failed before.

    Raises:
        EffectFailed: The disk said no.
    """
    there, now_s = store.snapshots(), context.clock.now_s()
    vanished = vanished_since(
        read_outcome(context.layout.backup_outcome), [one.id for one in there], to_text(now_s)
    )
    changed = state_of_backups(there) | {"vanished": vanished} | dict(more)
    if succeeded:
        changed |= {"lastAt": to_text(now_s), "failure": None}
    write_outcome(context.layout.backup_outcome, **changed)


def note_quietly(context: Context, store: SnapshotStore) -> None:
    """Keep what is there now, where this user may and the disk lets him: nothing depends on it."""
    with suppress(AutomationError):
        note(context, store)


@contextmanager
def failure_noted(context: Context) -> Iterator[None]:
    """Keep why a backup came to nothing; that somebody else was at it is no failure.

    Raises:
        EffectFailed: What the block raised.
    """
    try:
        yield
    except EffectFailed as error:
        now = to_text(context.clock.now_s())
        with suppress(EffectFailed):  # where not even this can be kept the loop sees the exit status
            write_outcome(context.layout.backup_outcome, failure=str(error), failedAt=now)
        raise


def state_of_backups(there: Sequence[Snapshot]) -> dict[str, object]:
    """Say of the snapshots what the report and the findings need."""
    whole = [one for one in there if one.damage is None]
    damaged = [{"id": one.id, "why": _why(one)} for one in there if not one.verified and not one.newer]
    newest = next((one for one in reversed(whole) if one.kind == "regular"), None)
    skipped = () if newest is None else newest.skipped
    left_out = [
        {"path": one.path, "reason": one.reason}
        for one in skipped
        if not one.reason.endswith(MEANT_TO_BE_LEFT_OUT)
    ]
    return {
        "count": len(whole),
        "bytes": sum(one.total_bytes for one in whole),
        "lastId": whole[-1].id if whole else None,
        "lastVerifiedAt": max((one.verified_at for one in whole if one.verified_at), default=None),
        "damaged": damaged[-MOST_KEPT:],
        "damagedCount": len(damaged),
        "leftOut": left_out[:MOST_KEPT],
        "leftOutCount": len(left_out),
    }


def vanished_since(before: Mapping[str, object], ids: Sequence[str], now: str) -> dict[str, object] | None:
    """Say that all earlier snapshots are gone, which no retention does: a disk that is not mounted. Pure.

    Args:
        before: What was known of the backups.
        ids: The snapshots that are there now.
        now: The moment, ISO 8601.

    Returns:
        When that was seen, the newest of the snapshots that are gone, and how many there were; None where
        any of them is there (again), or there were none.
    """
    known = before.get("vanished")
    if isinstance(known, Mapping):
        return None if _has_earlier(ids, str(known.get("lastId"))) else dict(known)
    last_id, count = before.get("lastId"), before.get("count")
    if not last_id or _has_earlier(ids, str(last_id)):
        return None
    return {"at": now, "lastId": last_id, "count": count}


def _has_earlier(ids: Sequence[str], last_id: str) -> bool:
    """Tell whether this snapshot is there, or one of an earlier second.

    Within one second, a folder that is empty again may name a new one so that it sorts before.
    """
    second = last_id.partition("-")[0]
    return any(id_ == last_id or id_.partition("-")[0] < second for id_ in ids)


def _why(one: Snapshot) -> str:
    return one.damage or f"a verification at {one.verified_at} found damage"
