"""Lengths of time in the words of a calendar."""

from __future__ import annotations

import pytest

from automation.core.moments import from_text
from automation.stores.backups.span import NO_TIME, Span, span_from_text


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("7d", Span(days=7)),
        ("36h", Span(hours=36)),
        ("2y", Span(years=2)),
        ("1y5m7d2h", Span(1, 5, 7, 2)),
        ("0h", NO_TIME),
    ],
)
def test_a_span_comes_back_as_it_was_written(text: str, span: Span) -> None:
    assert span_from_text(text) == span
    assert str(span) == text


@pytest.mark.parametrize(
    "text", ["", "7", "d", "7 d", "7d1y", "-1d", "1w", "1.5d", "7d\n", "²d", "9" * 9 + "d"]
)
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a time such as 7d, 36h or 1y5m7d2h, got "):
        span_from_text(text)


def test_no_time_is_false_and_any_time_is_true() -> None:
    assert not NO_TIME
    assert all([Span(years=1), Span(months=1), Span(days=1), Span(hours=1)])


@pytest.mark.parametrize(
    ("span", "moment", "before"),
    [
        (Span(days=7, hours=1), "2026-11-24T10:15:00Z", "2026-11-17T09:15:00Z"),
        (Span(months=1), "2026-03-31T10:15:00Z", "2026-03-03T10:15:00Z"),
        (Span(months=1), "2024-03-31T00:00:00Z", "2024-03-02T00:00:00Z"),
        (Span(months=13), "2026-01-15T00:00:00Z", "2024-12-15T00:00:00Z"),
        (Span(years=1), "2024-02-29T12:00:00Z", "2023-03-01T12:00:00Z"),
        (Span(years=1, days=1), "2026-01-01T00:00:00Z", "2024-12-31T00:00:00Z"),
        (NO_TIME, "2026-11-24T10:15:00Z", "2026-11-24T10:15:00Z"),
        (Span(years=2025), "2026-11-24T10:15:00Z", "0001-11-24T10:15:00Z"),
        (Span(years=2026), "2026-11-24T10:15:00Z", "0001-01-01T00:00:00Z"),
        (Span(years=9999), "2026-11-24T10:15:00Z", "0001-01-01T00:00:00Z"),
        (Span(days=999_999), "2026-11-24T10:15:00Z", "0001-01-01T00:00:00Z"),
    ],
)
def test_a_span_counts_back_by_the_calendar(span: Span, moment: str, before: str) -> None:
    assert span.before(from_text(moment)) == from_text(before)
