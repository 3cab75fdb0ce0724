"""Scores and status: each band at its boundary."""

from __future__ import annotations

from dataclasses import replace

import pytest

from automation.core.finding import Assessment, Finding, Severity, Status
from automation.core.health import Bands, score, status, worst_first

BANDS = Bands()


def critical(subject: str) -> Finding:
    return Finding("down", subject, Severity.CRITICAL, "it is down")


def warning(subject: str) -> Finding:
    return Finding("slow", subject, Severity.WARNING, "it is slow")


def of_ten(*findings: Finding) -> Assessment:
    """Return a look at the subjects 0 to 9."""
    return Assessment(tuple(map(str, range(10))), findings)


def test_a_subject_counts_one_when_healthy_a_half_with_a_warning_and_nothing_when_critical() -> None:
    assert score(of_ten()) == 1.0
    assert score(of_ten(warning("1"))) == pytest.approx(0.95)
    assert score(of_ten(critical("1"))) == pytest.approx(0.9)


def test_the_worst_finding_of_a_subject_counts_and_only_that() -> None:
    once = score(of_ten(critical("1")))

    assert score(of_ten(warning("1"), critical("1"))) == once
    assert score(of_ten(critical("1"), warning("1"), warning("1"))) == once


def test_a_finding_about_something_else_lowers_no_score() -> None:
    assert score(of_ten(critical("disk"))) == 1.0


def test_a_subject_named_twice_counts_once() -> None:
    assert score(Assessment(("web", "web", "api"), (critical("web"),))) == 0.5


def test_where_there_is_nothing_to_guard_there_is_no_score() -> None:
    assert score(Assessment()) is None
    assert score(Assessment(findings=(critical("web"),))) is None


def test_a_system_that_is_down_scores_nothing_whatever_its_subjects() -> None:
    down = Assessment(("web",), down=True)

    assert score(down) == 0.0
    assert status(down, BANDS) is Status.CRITICAL
    assert score(Assessment(down=True)) == 0.0
    assert status(Assessment(down=True), BANDS) is Status.CRITICAL


def test_a_system_s_own_score_takes_the_place_of_the_mean() -> None:
    peers = Assessment(("pm2", "github"), (critical("pm2"),), own_score=0.75)

    assert score(peers) == 0.75
    assert status(peers, BANDS) is Status.WARNING
    assert status(replace(peers, own_score=0.0), BANDS) is Status.CRITICAL
    assert status(Assessment(own_score=1.0), BANDS) is Status.HEALTHY
    assert score(Assessment(own_score=1.0, down=True)) == 0.0


def test_nothing_wrong_is_healthy_and_nothing_to_guard_is_disabled() -> None:
    assert status(of_ten(), BANDS) is Status.HEALTHY
    assert status(Assessment(), BANDS) is Status.DISABLED


def test_something_wrong_where_nothing_is_guarded_is_a_warning() -> None:
    assert status(Assessment(findings=(critical("web"),)), BANDS) is Status.WARNING


def test_one_dead_app_among_many_is_never_healthy() -> None:
    assert status(of_ten(critical("1")), BANDS) is Status.WARNING


def test_a_finding_about_something_else_is_never_healthy() -> None:
    assert status(of_ten(warning("disk")), BANDS) is Status.WARNING


def test_a_dead_app_that_settings_call_critical_is_critical() -> None:
    payments = Assessment(
        tuple(map(str, range(10))), (critical("1"),), critical_subjects=frozenset({"1", "2"})
    )

    assert status(payments, BANDS) is Status.CRITICAL


def test_a_critical_subject_is_critical_also_where_no_score_is_known() -> None:
    unknown = Assessment(findings=(critical("web"),), critical_subjects=frozenset({"web"}))

    assert score(unknown) is None
    assert status(unknown, BANDS) is Status.CRITICAL
    assert status(replace(unknown, findings=(warning("web"),)), BANDS) is Status.WARNING


def test_a_slow_app_that_settings_call_critical_is_a_warning() -> None:
    payments = Assessment(tuple(map(str, range(10))), (warning("1"),), critical_subjects=frozenset({"1"}))

    assert status(payments, BANDS) is Status.WARNING


def test_a_dead_app_does_not_make_another_critical_one_critical() -> None:
    payments = Assessment(tuple(map(str, range(10))), (critical("1"),), critical_subjects=frozenset({"2"}))

    assert status(payments, BANDS) is Status.WARNING


@pytest.mark.parametrize(
    ("dead", "wanted"),
    [(4, Status.WARNING), (5, Status.WARNING), (6, Status.CRITICAL), (10, Status.CRITICAL)],
)
def test_the_critical_band_begins_below_a_half(dead: int, wanted: Status) -> None:
    assert status(of_ten(*(critical(str(number)) for number in range(dead))), BANDS) is wanted


def test_the_critical_band_is_as_the_settings_say() -> None:
    one_dead = of_ten(critical("1"))

    assert status(one_dead, Bands(critical=0.9)) is Status.WARNING
    assert status(one_dead, Bands(critical=0.95)) is Status.CRITICAL


def test_warnings_alone_are_never_critical() -> None:
    all_slow = of_ten(*(warning(str(number)) for number in range(10)))

    assert status(all_slow, Bands(critical=0.8)) is Status.WARNING


@pytest.mark.parametrize(("band", "wanted"), [(1.0, Status.HEALTHY), (1.01, Status.WARNING)])
def test_the_warning_band_begins_below_what_it_says(band: float, wanted: Status) -> None:
    assert status(of_ten(), Bands(warning=band)) is wanted


def test_the_promised_bands_are_the_default() -> None:
    assert Bands() == Bands(warning=0.8, critical=0.5)


def test_findings_come_worst_first_and_then_by_name() -> None:
    ordered = worst_first((warning("b"), critical("b"), warning("a"), critical("a")))

    assert ordered == (critical("a"), critical("b"), warning("a"), warning("b"))


def test_findings_of_one_severity_are_ordered_by_problem_before_subject() -> None:
    early, late = (Finding(problem, subject, Severity.WARNING, "") for problem, subject in ("ab", "ba"))

    assert worst_first((late, early)) == (early, late)


def test_a_common_cause_comes_before_what_it_caused() -> None:
    found = Finding("fault", "a", Severity.CRITICAL, "")
    cause = Finding("storm", "all", Severity.CRITICAL, "")

    assert worst_first((found, cause)) == (cause, found)
