"""Expressions: each one closed, and none empty."""

from __future__ import annotations

import pytest

from automation.systems.github.workflow.expressions import check_expressions


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("", []),
        ("no expression }} here", []),
        ("${{ a }}", []),
        ("${{a}}${{b}}", []),
        ("${{ 'it''s }} in quotes' }}", []),
        ("$ {{ a", []),
        ("${{ a }", ["expression-unclosed"]),
        ("${{ a }} ${{ b", ["expression-unclosed"]),
        ("${{ 'a }}", ["expression-unclosed"]),
        ("${{}}", ["expression-empty"]),
        ("${{ \n }} ${{ a }} ${{  }}", ["expression-empty", "expression-empty"]),
        ("${{", ["expression-unclosed"]),
    ],
)
def test_a_text_has_these_problems(text: str, problems: list[str]) -> None:
    assert [problem for problem, _ in check_expressions(text)] == problems


def test_the_excerpt_is_one_short_line() -> None:
    ((_, message),) = check_expressions("${{ first\nsecond" + "x" * 1000)

    assert message == "`${{ first` has no closing `}}`"
