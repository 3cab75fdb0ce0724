"""Cron texts: which values a field names, and what GitHub refuses."""

from __future__ import annotations

import pytest

from automation.systems.github.workflow.cron import FIELDS, Field, check_cron, shortest_gap_min, values

MINUTE, HOUR, DAY, MONTH, WEEKDAY = FIELDS


@pytest.mark.parametrize(
    ("field", "text", "expected"),
    [
        (MINUTE, "0", {0}),
        (MINUTE, "59", {59}),
        (MINUTE, "05", {5}),
        (MINUTE, "*/20", {0, 20, 40}),
        (MINUTE, "5/20", {5, 25, 45}),
        (MINUTE, "10-20/5", {10, 15, 20}),
        (MINUTE, "1,3,2-4", {1, 2, 3, 4}),
        (MINUTE, "7-7", {7}),
        (MINUTE, "*/100", {0}),
        (HOUR, "*", set(range(24))),
        (DAY, "31", {31}),
        (MONTH, "JAN,mar-May", {1, 3, 4, 5}),
        (WEEKDAY, "SUN-TUE", {0, 1, 2}),
        (WEEKDAY, "MON-5", {1, 2, 3, 4, 5}),
    ],
)
def test_a_field_names_its_values(field: Field, text: str, expected: set[int]) -> None:
    assert values(field, text) == expected


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (MINUTE, "60"),
        (MINUTE, "-1"),
        (MINUTE, "1-"),
        (MINUTE, "5-1"),
        (MINUTE, "*/"),
        (MINUTE, "*/0"),
        (MINUTE, "*/-1"),
        (MINUTE, "*/1000"),
        (MINUTE, "*-5"),
        (MINUTE, "1/2/3"),
        (MINUTE, "1-2-3"),
        (MINUTE, ","),
        (MINUTE, "007"),
        (MINUTE, "٣"),
        (HOUR, "24"),
        (DAY, "0"),
        (DAY, "32"),
        (DAY, "15W"),
        (MONTH, "0"),
        (MONTH, "13"),
        (MONTH, "MON"),
        (WEEKDAY, "7"),
        (WEEKDAY, "5L"),
        (WEEKDAY, "FRI-MON"),
    ],
)
def test_a_field_refuses_what_github_refuses(field: Field, text: str) -> None:
    with pytest.raises(ValueError, match=r"is not|is no number|runs backwards"):
        values(field, text)


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("*/5 * * * *", []),
        ("*/4 * * * *", ["cron-too-frequent"]),
        ("0,5 * * * *", []),
        ("0,4 * * * *", ["cron-too-frequent"]),
        ("0,55 * * * *", []),
        ("0,56 * * * *", ["cron-too-frequent"]),
        ("0,56 1,3 * * *", []),
        ("0,56 23,0 * * *", ["cron-too-frequent"]),
        ("0 0 30 2 *", ["cron-never"]),
        ("0 0 29 2 *", []),
        ("0 0 31 2,4 *", ["cron-never"]),
        ("0 0 31 1,2 *", []),
        ("0 0 30 2 MON", []),
        ("", ["cron-field-count"]),
        ("   ", ["cron-field-count"]),
        ("@weekly", ["cron-nickname"]),
        ("  0   0 * *\t* ", []),
        ("60 24 * * *", ["cron-field-invalid", "cron-field-invalid"]),
        ("0 0 * * " + "1," * 300 + "1", ["cron-field-count"]),
    ],
)
def test_a_text_has_these_problems(text: str, problems: list[str]) -> None:
    assert [found.problem for found in check_cron(text)] == problems


def test_a_refusal_names_the_field_and_what_it_takes() -> None:
    (found,) = check_cron("0 0 * * 7")

    assert found.message == "day of week `7`: `7` is not 0 to 6, or SUN to SAT"
    assert found.is_refused


def test_the_shortest_gap_of_one_fire_a_day_is_an_hour_at_least() -> None:
    assert shortest_gap_min(frozenset({0}), frozenset({5})) == 60
    assert shortest_gap_min(frozenset({0, 30}), frozenset(range(24))) == 30


def test_the_shortest_gap_may_lie_within_the_hour_or_over_its_end() -> None:
    assert shortest_gap_min(frozenset({10, 40, 42}), frozenset({1})) == 2
    assert shortest_gap_min(frozenset({5, 59}), frozenset({1, 2})) == 6
    assert shortest_gap_min(frozenset({5, 59}), frozenset({1, 3})) == 54
