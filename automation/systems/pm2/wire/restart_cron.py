"""Whether PM2's daemon survives a `cron_restart`: one that it cannot read ends it, and every app with it."""

from __future__ import annotations

import re
from dataclasses import dataclass

STEPPED = re.compile(r"(?:[*?]|(?P<low>\d{1,2})-(?P<high>\d{1,2}))(?:/(?P<step>\d{1,2}))?", re.ASCII)
LISTED = re.compile(r"\d{1,2}(?:,\d{1,2})*", re.ASCII)
WITHOUT_SECONDS = 5


@dataclass(frozen=True, slots=True)
class _Field:
    """One field: the values that it may have, and its names, the first of which means `first_name`."""

    low: int
    high: int
    names: tuple[str, ...] = ()
    first_name: int = 0


MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
FIELDS = (
    _Field(0, 59),
    _Field(0, 59),
    _Field(0, 23),
    _Field(1, 31),
    _Field(1, 12, MONTHS, 1),
    _Field(0, 7, DAYS, 0),
)


def is_cron(expression: object) -> bool:
    """Tell whether the cron library of PM2 5, 6 and 7 surely reads an expression of 5 or 6 fields.

    It reads a little more than this accepts; of what it refuses, this accepts nothing.
    """
    if not isinstance(expression, str):
        return False
    texts = expression.split()
    if len(texts) == WITHOUT_SECONDS:
        texts.insert(0, "0")
    return len(texts) == len(FIELDS) and all(map(_is_field, texts, FIELDS))


def _is_field(text: str, field: _Field) -> bool:
    text = text.lower()
    for number, name in enumerate(field.names, start=field.first_name):
        text = text.replace(name, str(number))
    if LISTED.fullmatch(text):
        return all(field.low <= int(value) <= field.high for value in text.split(","))
    found = STEPPED.fullmatch(text)
    if found is None:
        return False
    low, high = int(found["low"] or field.low), int(found["high"] or field.high)
    return field.low <= low <= high <= field.high and 1 <= int(found["step"] or 1) <= field.high
