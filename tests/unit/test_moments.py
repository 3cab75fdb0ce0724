"""Moments and durations as text."""

from __future__ import annotations

import pytest

from automation.core.moments import from_text, spoken, to_text


def test_a_moment_is_written_in_utc_with_z_and_milliseconds() -> None:
    assert to_text(0.0) == "1970-01-01T00:00:00.000Z"
    assert to_text(1_795_515_300.25) == "2026-11-24T10:15:00.250Z"


@pytest.mark.parametrize(
    "text", ["2026-11-24T10:15:00Z", "2026-11-24T10:15:00.000Z", "2026-11-24T12:15:00+02:00"]
)
def test_a_moment_is_read_in_any_time_zone(text: str) -> None:
    assert from_text(text) == 1_795_515_300.0


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-11-24T10:15:00", "2026-13-24T10:15:00Z", "2026-11-24"]
)
def test_what_is_no_moment_or_says_no_time_zone_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        from_text(text)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5.0, "0 s"),
        (0.0, "0 s"),
        (45.9, "45 s"),
        (119.9, "119 s"),
        (120.0, "2 min"),
        (7199.0, "119 min"),
        (7200.0, "2 h 00 min"),
        (11_100.0, "3 h 05 min"),
        (172_799.0, "47 h 59 min"),
        (172_800.0, "2 d 0 h"),
        (187_200.0, "2 d 4 h"),
    ],
)
def test_a_duration_is_said_as_people_say_it(seconds: float, words: str) -> None:
    assert spoken(seconds) == words
