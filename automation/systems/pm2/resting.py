"""Apps that we stopped because they flapped: noted before, so that each is known to be ours (S13). Pure.

A note stands while the app is stopped and no person has said otherwise; whoever starts it beats the note. It
outlives the guard, the daemon and the ids that the daemon gave.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from automation.systems.pm2.intents import Cause, Intents
from automation.systems.pm2.process import RUNNING, Process
from automation.systems.pm2.recreation import checked_id

SCHEMA = 1
MOST_RESTS = 1000
BEGINS_WITHIN_S = 60.0  # who noted it and does not stop it within that was killed in between
ABSENT_FOR_S = 86_400.0

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Rest:
    """One app that we stopped: which entry of which daemon, when, and what is to be said of it.

    `created_at_ms` tells whether somebody started it since; `restarts` is how often PM2 restarted it within
    the window, `said` how its error log ended.
    """

    daemon: Pair  # pid and start, in ticks since boot
    pm_id: int | str
    unique_id: str
    name: str
    slot: int | None
    created_at_ms: int | None
    at_s: float
    restarts: int
    said: str = ""


def begun(daemon: Pair, process: Process, now_s: float, restarts: int, said: str) -> Rest:
    """Return the note about an app that is about to be stopped."""
    return Rest(
        daemon,
        process.pm_id,
        process.unique_id,
        process.name,
        process.slot,
        process.created_at_ms,
        now_s,
        restarts,
        said,
    )


def standing(
    rests: Sequence[Rest], daemon: Pair, processes: Sequence[Process], intents: Intents | None, now_s: float
) -> tuple[Rest, ...]:
    """Return the notes that still stand after a look, each of the entry that it is about now."""
    kept = (_standing(rest, daemon, processes, intents, now_s) for rest in rests[-MOST_RESTS:])
    return tuple(rest for rest in kept if rest is not None)


def _standing(
    rest: Rest, daemon: Pair, processes: Sequence[Process], intents: Intents | None, now_s: float
) -> Rest | None:
    rest = replace(rest, at_s=min(rest.at_s, now_s))  # a clock set back
    process = _entry(rest, daemon, processes)
    if process is None:
        awaited = rest.daemon != daemon or not processes  # its daemon is gone, or on its way
        return rest if awaited and now_s - rest.at_s < ABSENT_FOR_S else None
    runs = process.status in RUNNING
    # Started since, however it is now: an app that dies at once may be seen stopped between two runs.
    started = runs if rest.daemon != daemon else process.created_at_ms != rest.created_at_ms
    if started or process.status == "errored" or _by_a_person(process, intents):
        return None
    if runs:
        return rest if now_s - rest.at_s < BEGINS_WITHIN_S else None
    created_at_ms = process.created_at_ms
    return replace(
        rest, daemon=daemon, pm_id=process.pm_id, unique_id=process.unique_id, created_at_ms=created_at_ms
    )


def _entry(rest: Rest, daemon: Pair, processes: Sequence[Process]) -> Process | None:
    """Return the entry that a note is about: in another daemon the one of its name and slot."""
    if rest.daemon == daemon:
        return next((one for one in processes if (one.pm_id, one.unique_id) == _ids(rest)), None)
    alike = [one for one in processes if (one.name, one.slot) == (rest.name, rest.slot) and not one.twin]
    return alike[0] if len(alike) == 1 else None


def _ids(rest: Rest) -> tuple[int | str, str]:
    return rest.pm_id, rest.unique_id


def _by_a_person(process: Process, intents: Intents | None) -> bool:
    stop = None if intents is None else intents.stops.get(process.pm_id)
    return stop is not None and stop.cause is Cause.PERSON


def rest_of(rests: Sequence[Rest], process: Process) -> Rest | None:
    """Return the note about an entry that is down because of it; None where there is none, or it runs."""
    if process.status in RUNNING:
        return None
    return next((rest for rest in rests if _ids(rest) == (process.pm_id, process.unique_id)), None)


def with_note(rests: Sequence[Rest], new: Rest) -> tuple[Rest, ...]:
    """Return the notes with another one, in place of an older one about the same entry."""
    others = [one for one in rests if _ids(one) != _ids(new)]
    return (*others, new)[-MOST_RESTS:]


def to_record(rests: Sequence[Rest]) -> dict[str, object]:
    """Return the notes as JSON values."""
    return {
        "schema": SCHEMA,
        "rests": [
            {
                "daemon": list(one.daemon),
                "id": one.pm_id,
                "uniqueId": one.unique_id,
                "name": one.name,
                "slot": one.slot,
                "createdAt": one.created_at_ms,
                "at": one.at_s,
                "restarts": one.restarts,
                "said": one.said,
            }
            for one in rests
        ],
    }


def from_record(record: object) -> tuple[Rest, ...]:
    """Read the notes back.

    Raises:
        KeyError, TypeError, ValueError: They are not of that shape.
    """
    if not isinstance(record, Mapping) or record["schema"] != SCHEMA:
        raise ValueError("not notes of this schema")
    return tuple(_rest(one) for one in record["rests"])


def _rest(record: Mapping[str, object]) -> Rest:
    return Rest(
        _pair(record["daemon"]),
        checked_id(record["id"]),
        str(record["uniqueId"]),
        str(record["name"]),
        _whole(record["slot"]),
        _whole(record["createdAt"]),
        float(record["at"]),  # type: ignore[arg-type]  # the same
        int(record["restarts"]),  # type: ignore[call-overload]  # the same
        str(record["said"]),
    )


def _pair(value: object) -> Pair:
    if not isinstance(value, list):
        raise TypeError("expected two numbers")
    pid, ticks = value
    return int(pid), int(ticks)


def _whole(value: object) -> int | None:
    return None if value is None else int(value)  # type: ignore[call-overload]  # the same
