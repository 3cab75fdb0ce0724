"""Moments as text: ISO 8601 in UTC with Z, as reports and logs carry them."""

from __future__ import annotations

from datetime import UTC, datetime


def to_text(moment_s: float) -> str:
    """Return seconds since 1970 as `2026-11-24T10:15:00.250Z`."""
    return datetime.fromtimestamp(moment_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_text(text: str) -> float:
    """Return the seconds since 1970 of such a text.

    Raises:
        ValueError: It is no moment, or says no time zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"no time zone in {text!r}")
    return moment.timestamp()


# The largest duration that each way of saying it is used for, in seconds.
_SECONDS_UP_TO, _MINUTES_UP_TO, _HOURS_UP_TO = 120, 2 * 3600, 2 * 86400


def spoken(seconds: float) -> str:
    """Return a duration for people: `45 s`, `12 min`, `3 h 05 min`, `2 d 4 h`."""
    whole = max(int(seconds), 0)
    if whole < _SECONDS_UP_TO:
        return f"{whole} s"
    if whole < _MINUTES_UP_TO:
        return f"{whole // 60} min"
    if whole < _HOURS_UP_TO:
        return f"{whole // 3600} h {whole // 60 % 60:02d} min"
    return f"{whole // 86400} d {whole // 3600 % 24} h"
