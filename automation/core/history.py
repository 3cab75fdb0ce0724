"""What a guard remembers between looks: how far each ladder was climbed (safety S3)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

from automation.core.errors import RecordDamaged, RecordNewer

SCHEMA = 1
Key = tuple[str, str]  # problem, subject


@dataclass(frozen=True, slots=True)
class Climb:
    """How far the ladder of one problem and subject was climbed. Moments are seconds since 1970.

    `looks` counts the looks in a row that saw the problem, and is 0 while it is away; `attempts` the tries
    since it last stayed away for the calm time; `out_at_s` is when the rungs ran out, `told_at_s` when a
    human was told.
    """

    since_s: float
    seen_at_s: float
    looks: int = 0
    count: int = 0
    attempts: int = 0
    tried_at_s: float = 0.0
    out_at_s: float = 0.0
    told_at_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Totals:
    """Since the installation: tries made; climbs that ended calm; climbs that tried every rung in vain."""

    attempts: int = 0
    succeeded: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class History:
    """All climbs of one guard, and its totals."""

    climbs: Mapping[Key, Climb] = field(default_factory=dict)
    totals: Totals = Totals()
    last_score: float | None = None


def clamped(history: History, now_s: float) -> History:
    """Bring every moment that lies in the future back to now: what a clock set back leaves behind.

    This is the one place where it is met. Without it a wait would last until the old time came again.
    """
    climbs = {key: _clamped_climb(climb, now_s) for key, climb in history.climbs.items()}
    return replace(history, climbs=climbs)


def _clamped_climb(climb: Climb, now_s: float) -> Climb:
    return replace(
        climb,
        since_s=min(climb.since_s, now_s),
        seen_at_s=min(climb.seen_at_s, now_s),
        tried_at_s=min(climb.tried_at_s, now_s),
        out_at_s=min(climb.out_at_s, now_s),
        told_at_s=min(climb.told_at_s, now_s),
    )


def to_record(history: History) -> dict[str, object]:
    """Return the history as JSON values."""
    climbs = [
        {"problem": problem, "subject": subject}
        | {one.name: getattr(climb, one.name) for one in fields(climb)}
        for (problem, subject), climb in sorted(history.climbs.items())
    ]
    totals = {one.name: getattr(history.totals, one.name) for one in fields(history.totals)}
    return {"schema": SCHEMA, "climbs": climbs, "totals": totals, "lastScore": history.last_score}


def from_record(record: object, where: str) -> History:
    """Read a history back from JSON values.

    Raises:
        RecordDamaged: It is not of that shape.
        RecordNewer: A newer version wrote it.
    """
    if not isinstance(record, dict):
        raise RecordDamaged(where, "expected an object")
    schema = record.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise RecordNewer(where, schema)
    if schema != SCHEMA:
        raise RecordDamaged(where, f"expected schema {SCHEMA}, got {schema!r:.80}")
    try:
        climbs = {_key(one): _climb(one) for one in record["climbs"]}
        totals = Totals(**{one.name: _count(record["totals"][one.name]) for one in fields(Totals)})
        last = record["lastScore"]
        return History(climbs, totals, None if last is None else _number(last))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise RecordDamaged(where, f"not a history: {type(error).__name__} {error!s:.200}") from error


def _key(record: dict[str, object]) -> Key:
    problem, subject = record["problem"], record["subject"]
    if not isinstance(problem, str) or not isinstance(subject, str):
        raise TypeError("problem and subject are text")
    return problem, subject


def _climb(record: dict[str, object]) -> Climb:
    return Climb(
        since_s=_number(record["since_s"]),
        seen_at_s=_number(record["seen_at_s"]),
        looks=_count(record["looks"]),
        count=_count(record["count"]),
        attempts=_count(record["attempts"]),
        tried_at_s=_number(record["tried_at_s"]),
        out_at_s=_number(record["out_at_s"]),
        told_at_s=_number(record["told_at_s"]),
    )


def _number(value: object) -> float:
    """Return a moment or a score; one that is not finite would stop a climb for ever."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"expected a number, got {value!r:.80}")
    return float(value)


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TypeError(f"expected a count, got {value!r:.80}")
    return value
