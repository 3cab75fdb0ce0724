"""Who stopped what: a person's act is never undone (safety S13). Pure.

PM2's list does not say who stopped a process; its bus does, while one listens. So what the bus said is kept,
and a stop whose cause was not seen counts as a person's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from automation.systems.pm2.process import RUNNING, Process
from automation.systems.pm2.wire.door import BusEvent

DELETED_AFTER_S = 30.0
KEPT_DELETIONS = 500
WORD_STANDS_S = 5.0


class Cause(StrEnum):
    """Why a process is stopped."""

    PERSON = "person"  # the bus said so
    UNSEEN = "unseen"  # nobody was listening: taken for a person's act
    NOBODY = "nobody"  # we were listening, and nobody did it by hand


@dataclass(frozen=True, slots=True)
class Stop:
    """One stop: of which entry, by whom, and since when (seconds since 1970)."""

    pm_id: int | str
    name: str
    cause: Cause
    at_s: float


@dataclass(frozen=True, slots=True)
class Gone:
    """An entry that is not in the list any more, since when it was missed, and whether that was settled."""

    pm_id: int | str
    name: str
    missed_at_s: float
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Intents:
    """What is known of one daemon's processes: which stops, which deletions, and which ids it had."""

    daemon: tuple[int, int]  # pid and start, in ticks since boot
    stops: Mapping[int | str, Stop]
    gone: tuple[Gone, ...] = ()
    known: Mapping[int | str, str] | None = None  # id → name at the last look; None before the first
    words: Mapping[int | str, float] = field(default_factory=dict)  # ids a person stopped last, and when


def learn(
    intents: Intents,
    daemon: tuple[int, int],
    processes: Sequence[Process],
    events: Iterable[BusEvent],
    *,
    gap: bool,
    now_s: float,
) -> Intents:
    """Return what is known after a look.

    Args:
        intents: What was known before.
        daemon: Who answered this look; a new daemon's ids mean other processes.
        processes: The list as it is now.
        events: What the bus said since the last look, in order.
        gap: Whether events may have been missed since then.
        now_s: Seconds since 1970.
    """
    if intents.daemon != daemon:
        intents, gap = Intents(daemon, {}), True
    words = _words(intents.words, events, processes, now_s)
    stops: dict[int | str, Stop] = {}
    for process in processes:
        if process.status in RUNNING or process.status in {"stopping", "errored"}:
            continue
        known = intents.stops.get(process.pm_id)
        if process.pm_id in words:
            stops[process.pm_id] = Stop(process.pm_id, process.name, Cause.PERSON, now_s)
        elif known is not None:
            stops[process.pm_id] = known
        else:
            unseen = gap or intents.known is None or process.pm_id not in intents.known
            cause = Cause.UNSEEN if unseen else Cause.NOBODY
            stops[process.pm_id] = Stop(process.pm_id, process.name, cause, now_s)
    known_now = {process.pm_id: process.name for process in processes if not process.twin}
    return Intents(daemon, stops, _gone(intents, known_now, now_s), known_now, words)


def _words(
    before: Mapping[int | str, float],
    events: Iterable[BusEvent],
    processes: Sequence[Process],
    now_s: float,
) -> dict[int | str, float]:
    """Return the ids whose last word from a person was to stop.

    A word may come before the list shows the stop, or after: it stands until it is taken back, or until the
    process is seen to run long after it.
    """
    words = dict(before)
    for event in events:
        if event.manually and event.kind == "stop":
            words[event.pm_id] = now_s
        elif event.manually and event.kind in {"start", "restart", "reload"}:
            words.pop(event.pm_id, None)
    status = {process.pm_id: process.status for process in processes}
    return {
        pm_id: at_s
        for pm_id, at_s in words.items()
        if pm_id in status and (status[pm_id] not in RUNNING or now_s - at_s < WORD_STANDS_S)
    }


def _gone(intents: Intents, known_now: Mapping[int | str, str], now_s: float) -> tuple[Gone, ...]:
    """Keep who is missed; what vanished from a daemon that lives on for 30 s more was deleted by hand.

    Everything vanishing at once is a `pm2 kill` or `pm2 update` under way: the daemon's end settles it.
    """
    before = intents.known or {}
    vanished = {pm_id: name for pm_id, name in before.items() if pm_id not in known_now}
    still = [one for one in intents.gone if one.pm_id not in known_now]
    missed = {one.pm_id for one in still}
    new = [Gone(pm_id, name, now_s) for pm_id, name in vanished.items() if pm_id not in missed]
    settled = [
        Gone(one.pm_id, one.name, one.missed_at_s, deleted=True)
        if known_now and now_s - one.missed_at_s >= DELETED_AFTER_S
        else one
        for one in (*still, *new)
    ]
    return tuple(settled[-KEPT_DELETIONS:])


def deleted_ids(intents: Intents) -> frozenset[int | str]:
    """Return the ids that a person deleted."""
    return frozenset(one.pm_id for one in intents.gone if one.deleted)


def unsettled(intents: Intents) -> bool:
    """Tell whether something vanished of which it cannot be said yet why."""
    return any(not one.deleted for one in intents.gone)


def forgotten(intents: Intents, pm_id: int | str) -> Intents:
    """Return the intents without an entry that we are about to delete ourselves: nobody will miss it."""
    known = {key: name for key, name in (intents.known or {}).items() if key != pm_id}
    return replace(intents, known=known)
