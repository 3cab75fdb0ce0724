"""Keeping for the report and the loop what was done about a system's backups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from automation.core.errors import AutomationError, EffectFailed
from automation.core.moments import to_text
from automation.engine.context import Context
from automation.stores.backup_outcomes import write_outcome
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
    changed = state_of_backups(store.snapshots()) | dict(more)
    if succeeded:
        changed |= {"lastAt": to_text(context.clock.now_s()), "failure": None}
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


def _why(one: Snapshot) -> str:
    return one.damage or f"a verification at {one.verified_at} found damage"
