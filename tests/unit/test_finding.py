"""What makes a finding the same one on the next look."""

from __future__ import annotations

from automation.core.finding import Assessment, Finding, Severity


def test_a_finding_is_the_same_whatever_is_said_of_it() -> None:
    before = Finding("down", "web", Severity.WARNING, "status is stopped")
    after = Finding("down", "web", Severity.CRITICAL, "status is errored", "restart it")

    assert before.key == after.key == ("down", "web")


def test_another_problem_or_another_subject_is_another_finding() -> None:
    keys = {Finding(problem, subject, Severity.WARNING, "").key for problem in "ab" for subject in "ab"}

    assert len(keys) == 4


def test_an_empty_look_found_nothing_and_shares_nothing_with_another() -> None:
    one, other = Assessment(), Assessment()

    assert one == other
    assert one.metrics is not other.metrics
