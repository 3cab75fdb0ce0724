"""Who stopped what: a person's act is never undone (safety S13). Pure.

PM2's list does not say who stopped a process; its bus does, while one listens. So what the bus said is kept,
and a stop whose cause was not seen counts as a person's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from automation.systems.pm2.process import RUNNING, Process, Run
from automation.systems.pm2.wire.door import BusEvent

DELETED_AFTER_S = 30.0
KEPT_DELETIONS = 500
WORD_STANDS_S = 5.0


class Cause(StrEnum):
    """Why a process is stopped."""

    PERSON = "person"  # the bus said so
    UNSEEN = "unseen"  # nobody was listening: taken for a person's act
    NOBODY = "nobody"  # we were listening, and nobody did it by hand
    GUARD = "guard"  # we did, because it flapped


@dataclass(frozen=True, slots=True)
class Stop:
    """One stop: of which entry and which run of it, by whom, and since when (seconds since 1970)."""

    pm_id: int | str
    name: str
    cause: Cause
    at_s: float
    run: Run = ("", None)


BEFORE = "before:"  # begins the id of what was deleted from a daemon that is no more
Known = tuple[str, str]  # an entry's name and unique id: when the list was empty, PM2 gives old ids anew


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
    known: Mapping[int | str, Known] | None = None  # by id, at the last look; None before the first
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
        intents = Intents(daemon, {}, _deleted_before(intents))  # nothing known of it: as after a gap
    intents = _not_later(intents, now_s)
    words = _words(intents.words, events, processes, now_s)
    stops = {
        process.pm_id: _stop(process, intents, words, gap=gap, now_s=now_s)
        for process in processes
        if process.status == "stopped" or _being_stopped_by_us(process, intents)
    }
    known_now = {one.pm_id: (one.name, one.unique_id) for one in processes if not one.twin}
    return Intents(daemon, stops, _gone(intents, known_now, now_s), known_now, words)


def _stop(
    process: Process, intents: Intents, words: Mapping[int | str, float], *, gap: bool, now_s: float
) -> Stop:
    """Say who stopped a process: as it was said before, unless it has run since."""
    before = intents.stops.get(process.pm_id)
    if before is not None and before.run != process.run:
        before = None
    if process.pm_id in words:
        if before is not None and before.cause is Cause.PERSON:
            return before
        return Stop(process.pm_id, process.name, Cause.PERSON, now_s, process.run)
    if before is not None:
        return before
    seen = not gap and (intents.known or {}).get(process.pm_id) == (process.name, process.unique_id)
    return Stop(process.pm_id, process.name, Cause.NOBODY if seen else Cause.UNSEEN, now_s, process.run)


def _being_stopped_by_us(process: Process, intents: Intents) -> bool:
    """Tell whether it was noted that a run is stopped before it was: we alone note that so early."""
    noted = intents.stops.get(process.pm_id)
    return process.status == "stopping" and noted is not None and noted.run == process.run


def _not_later(intents: Intents, now_s: float) -> Intents:
    """Bring moments that lie in the future back to now: what a clock set back leaves behind."""
    return replace(
        intents,
        stops={key: replace(one, at_s=min(one.at_s, now_s)) for key, one in intents.stops.items()},
        gone=tuple(replace(one, missed_at_s=min(one.missed_at_s, now_s)) for one in intents.gone),
        words={key: min(at_s, now_s) for key, at_s in intents.words.items()},
    )


def heard(intents: Intents, events: Iterable[BusEvent], now_s: float) -> Intents:
    """Return the intents with what was said since the last look, where there will be no other look."""
    return replace(intents, words=_spoken(intents.words, events, now_s))


def _spoken(
    before: Mapping[int | str, float], events: Iterable[BusEvent], now_s: float
) -> dict[int | str, float]:
    words = dict(before)
    for event in events:
        if event.manually and event.kind == "stop":
            words[event.pm_id] = now_s
        elif event.manually and event.kind in {"start", "restart", "reload"}:
            words.pop(event.pm_id, None)
    return words


def _words(
    before: Mapping[int | str, float],
    events: Iterable[BusEvent],
    processes: Sequence[Process],
    now_s: float,
) -> dict[int | str, float]:
    """Return the ids whose last word from a person was to stop.

    A word may come before the list shows the stop, or after: it stands until it is taken back, or until the
    process is seen to run long after it, or in a run that began after it.
    """
    words = _spoken(before, events, now_s)
    listed = {process.pm_id: process for process in processes}
    return {
        pm_id: at_s
        for pm_id, at_s in words.items()
        if pm_id in listed and _stands(at_s, listed[pm_id], now_s)
    }


def _stands(at_s: float, process: Process, now_s: float) -> bool:
    if process.status not in RUNNING:
        return True
    began_at_ms = process.started_at_ms  # in the future, where the clock was set back: says nothing
    began_later = began_at_ms is not None and at_s * 1000 < began_at_ms <= now_s * 1000
    return now_s - at_s < WORD_STANDS_S and not began_later


def _gone(intents: Intents, known_now: Mapping[int | str, Known], now_s: float) -> tuple[Gone, ...]:
    """Keep who is missed; what vanished from a daemon that lives on for 30 s more was deleted by hand.

    Everything vanishing at once is a `pm2 kill` or `pm2 update` under way: the daemon's end settles it.
    """
    before = intents.known or {}
    vanished = {pm_id: name for pm_id, (name, _) in before.items() if pm_id not in known_now}
    there = {name for name, _ in known_now.values()}
    still = [
        one
        for one in intents.gone
        if one.pm_id not in known_now and not (one.name in there and _of_another_daemon(one))
    ]
    missed = {one.pm_id for one in still}
    new = [Gone(pm_id, name, now_s) for pm_id, name in vanished.items() if pm_id not in missed]
    settled = [
        replace(one, deleted=True) if known_now and now_s - one.missed_at_s >= DELETED_AFTER_S else one
        for one in (*still, *new)
    ]
    return tuple(settled[-KEPT_DELETIONS:])


def _deleted_before(intents: Intents) -> tuple[Gone, ...]:
    """Return what a person deleted, for the next daemon: it is known by name, since ids begin anew."""
    names = {one.name: one for one in intents.gone if one.deleted}
    return tuple(replace(one, pm_id=f"{BEFORE}{name}") for name, one in names.items())


def _of_another_daemon(one: Gone) -> bool:
    return isinstance(one.pm_id, str) and one.pm_id.startswith(BEFORE)


def deleted_ids(intents: Intents) -> frozenset[int | str]:
    """Return the ids that a person deleted."""
    return frozenset(one.pm_id for one in intents.gone if one.deleted)


def unsettled(intents: Intents) -> bool:
    """Tell whether something vanished of which it cannot be said yet why."""
    return any(not one.deleted for one in intents.gone)


def stopped_by_us(intents: Intents, process: Process, now_s: float) -> Intents:
    """Return the intents in which a process that we are about to stop ourselves is stopped by nobody."""
    stop = Stop(process.pm_id, process.name, Cause.NOBODY, now_s, process.run)
    return replace(intents, stops={**intents.stops, process.pm_id: stop})


def rested(intents: Intents, process: Process, now_s: float) -> Intents:
    """Return the intents in which it is known that we ourselves have stopped a process."""
    stop = Stop(process.pm_id, process.name, Cause.GUARD, now_s, process.run)
    return replace(intents, stops={**intents.stops, process.pm_id: stop})


def forgotten(intents: Intents, pm_id: int | str) -> Intents:
    """Return the intents without an entry that we are about to delete ourselves: nobody will miss it."""
    known = {key: known for key, known in (intents.known or {}).items() if key != pm_id}
    return replace(intents, known=known)
