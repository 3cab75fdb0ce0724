"""What is wrong with a workflow file, and where."""

from __future__ import annotations

from dataclasses import dataclass

from automation.core.finding import Severity


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a workflow file.

    `line` and `column` count from 1. Critical means that GitHub refuses the file or never runs it; a warning
    is advice, and never a reason to touch the file.
    """

    line: int
    column: int
    problem: str
    severity: Severity
    message: str


def fault(line: int, column: int, problem: str, message: str) -> Problem:
    """Return a problem for which GitHub refuses the file."""
    return Problem(line, column, problem, Severity.CRITICAL, message)


def advice(line: int, column: int, problem: str, message: str) -> Problem:
    """Return a problem with which GitHub takes the file all the same."""
    return Problem(line, column, problem, Severity.WARNING, message)
