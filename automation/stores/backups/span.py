"""A length of time in the words of a calendar, such as `1y5m7d2h`: pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_SHAPE = re.compile(r"(?:([0-9]{1,4})y)?(?:([0-9]{1,5})m)?(?:([0-9]{1,6})d)?(?:([0-9]{1,7})h)?", re.ASCII)
_OLDEST = datetime.min.replace(tzinfo=UTC)
_MONTHS = 12


@dataclass(frozen=True, slots=True)
class Span:
    """Years, months, days and hours, each at least 0; all of them 0 is no time at all."""

    years: int = 0
    months: int = 0
    days: int = 0
    hours: int = 0

    def __bool__(self) -> bool:
        """Tell whether it is any time at all."""
        return any((self.years, self.months, self.days, self.hours))

    def __str__(self) -> str:
        """Return it as `1y5m7d2h`, and no time as `0h`."""
        parts = ((self.years, "y"), (self.months, "m"), (self.days, "d"), (self.hours, "h"))
        return "".join(f"{count}{unit}" for count, unit in parts if count) or "0h"

    def before(self, moment_s: float) -> float:
        """Return the moment that lies so long before another, in seconds since 1970, by UTC's calendar.

        A day that its month does not have counts on into the next one: a month before 31 March is 3 March.
        """
        moment = datetime.fromtimestamp(moment_s, UTC)
        month = moment.year * _MONTHS + moment.month - 1 - self.years * _MONTHS - self.months
        try:
            first = moment.replace(year=month // _MONTHS, month=month % _MONTHS + 1, day=1)
            return (first + timedelta(days=moment.day - 1 - self.days, hours=-self.hours)).timestamp()
        except (ValueError, OverflowError):
            return _OLDEST.timestamp()


NO_TIME = Span()


def span_from_text(text: str) -> Span:
    """Return the span that a text such as `7d`, `2y` or `1y5m7d2h` says.

    Raises:
        ValueError: It says none.
    """
    found = _SHAPE.fullmatch(text)
    if found is None or not text:
        raise ValueError(f"expected a time such as 7d, 36h or 1y5m7d2h, got {text[:40]!r}")
    return Span(*(int(count or 0) for count in found.groups()))
