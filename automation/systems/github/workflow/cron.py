"""Whether GitHub takes a schedule's cron text: five fields, plain lists, ranges and steps, nothing else."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

SHORTEST_GAP_MIN = 5
_LEAP_YEAR = 2024
_TEXT_CAP = 500


@dataclass(frozen=True, slots=True)
class Field:
    """One of the five fields: its name, its bounds, and the three-letter names that it takes."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
FIELDS = (
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("day of month", 1, 31),
    Field("month", 1, 12, MONTHS),
    Field("day of week", 0, 6, WEEKDAYS),
)


@dataclass(frozen=True, slots=True)
class CronFault:
    """What is wrong with a cron text; `is_refused` is False where GitHub takes it all the same."""

    problem: str
    message: str
    is_refused: bool = True


class _Refused(ValueError):
    """A field's text is not what GitHub takes."""


def check_cron(text: str) -> Iterator[CronFault]:
    """Report what is wrong with a cron text."""
    parts = text[:_TEXT_CAP].split()
    if text.strip().startswith("@"):
        yield CronFault("cron-nickname", f"{parts[0]} is not taken by GitHub; write five fields")
        return
    if len(parts) != len(FIELDS) or len(text) > _TEXT_CAP:
        said = f"{len(parts)} fields, where minute, hour, day of month, month, day of week are expected"
        yield CronFault("cron-field-count", said)
        return
    sets: list[frozenset[int]] = []
    for field, part in zip(FIELDS, parts, strict=True):
        try:
            sets.append(values(field, part))
        except _Refused as refused:
            yield CronFault("cron-field-invalid", f"{field.name} `{part}`: {refused}")
    if len(sets) == len(FIELDS):
        yield from _check_times(parts, sets)


def values(field: Field, text: str) -> frozenset[int]:
    """Return the values that a field's text names.

    Raises:
        ValueError: It is no list of `*`, numbers, names, ranges and steps within the field's bounds.
    """
    return frozenset(value for item in text.split(",") for value in _item(field, item))


def _item(field: Field, item: str) -> range:
    """Return the values of one item of a list: `*`, `5`, `1-5`, each with an optional `/step`."""
    span, slash, step_text = item.partition("/")
    step = 1
    if slash:
        if not re.fullmatch(r"[0-9]{1,3}", step_text) or int(step_text) == 0:
            raise _Refused(f"the step `{step_text}` is no number above 0")
        step = int(step_text)
    if span == "*":
        return range(field.low, field.high + 1, step)
    first_text, dash, last_text = span.partition("-")
    first = _value(field, first_text)
    without_end = field.high if slash else first  # 20/15 is 20, 35, 50
    last = _value(field, last_text) if dash else without_end
    if last < first:
        raise _Refused(f"the range `{span}` runs backwards")
    return range(first, last + 1, step)


def _value(field: Field, text: str) -> int:
    if text.upper() in field.names:
        return field.names.index(text.upper()) + field.low
    if not re.fullmatch(r"[0-9]{1,2}", text) or not field.low <= int(text) <= field.high:
        named = f", or {field.names[0]} to {field.names[-1]}" if field.names else ""
        raise _Refused(f"`{text}` is not {field.low} to {field.high}{named}")
    return int(text)


def _check_times(parts: list[str], sets: list[frozenset[int]]) -> Iterator[CronFault]:
    minutes, hours, days, months, _ = sets
    gap_min = shortest_gap_min(minutes, hours)
    if gap_min < SHORTEST_GAP_MIN:
        said = f"runs every {gap_min} min, but GitHub runs nothing more often than every {SHORTEST_GAP_MIN}"
        yield CronFault("cron-too-frequent", said, is_refused=False)
    longest_month = max(calendar.monthrange(_LEAP_YEAR, month)[1] for month in months)
    if parts[4] == "*" and min(days) > longest_month:
        said = f"no chosen month has a day {min(days)}; it never runs"
        yield CronFault("cron-never", said, is_refused=False)


def shortest_gap_min(minutes: frozenset[int], hours: frozenset[int]) -> int:
    """Return the fewest minutes between two fires of a day that fires, and over its midnight."""
    ordered = sorted(minutes)
    gaps = [later - earlier for earlier, later in pairwise(ordered)]
    if any((hour + 1) % 24 in hours for hour in hours):
        gaps.append(60 - ordered[-1] + ordered[0])
    return min(gaps, default=60)
