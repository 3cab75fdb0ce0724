"""Laws of scores and status: more that is wrong never looks better."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from automation.core.finding import Assessment, Finding, Severity, Status
from automation.core.health import Bands, score, status, worst_first

names = st.sampled_from(["web", "api", "jobs", "disk"])
findings = st.lists(
    st.builds(Finding, st.sampled_from(["down", "slow"]), names, st.sampled_from(Severity), st.just("seen")),
    max_size=6,
).map(tuple)
assessments = st.builds(
    Assessment,
    subjects=st.lists(names, max_size=4).map(tuple),
    findings=findings,
    down=st.booleans(),
    critical_subjects=st.frozensets(names, max_size=2),
)
ratios = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]) | st.floats(0.0, 1.0)
bands = st.builds(Bands, ratios, ratios)
BADNESS = {Status.DISABLED: 0, Status.HEALTHY: 0, Status.WARNING: 1, Status.CRITICAL: 2}


@given(assessments, findings)
def test_more_failures_never_raise_a_score(assessment: Assessment, more: tuple[Finding, ...]) -> None:
    before, after = score(assessment), score(replace(assessment, findings=(*assessment.findings, *more)))

    assert (before is None) == (after is None)
    assert before is None or after is None or 0.0 <= after <= before <= 1.0


@given(assessments, findings, bands)
def test_more_failures_never_better_a_status(
    assessment: Assessment, more: tuple[Finding, ...], limits: Bands
) -> None:
    worse = replace(assessment, findings=(*assessment.findings, *more))

    assert BADNESS[status(worse, limits)] >= BADNESS[status(assessment, limits)]


@given(assessments, bands)
def test_a_status_is_never_better_than_the_worst_finding_allows(
    assessment: Assessment, limits: Bands
) -> None:
    judged = status(assessment, limits)
    dead = {one.subject for one in assessment.findings if one.severity is Severity.CRITICAL}

    assert judged is not Status.UNKNOWN
    if assessment.findings:
        assert judged not in {Status.HEALTHY, Status.DISABLED}
    if assessment.subjects and dead & assessment.critical_subjects:
        assert judged is Status.CRITICAL
    if not dead and not assessment.down:
        assert judged is not Status.CRITICAL


@given(assessments)
def test_the_order_of_the_findings_changes_nothing(assessment: Assessment) -> None:
    turned = replace(
        assessment, findings=assessment.findings[::-1], subjects=tuple(reversed(assessment.subjects))
    )

    assert score(turned) == score(assessment)
    assert status(turned, Bands()) is status(assessment, Bands())


@given(findings)
def test_ordering_findings_loses_none_and_puts_no_warning_before_a_critical_one(
    some: tuple[Finding, ...],
) -> None:
    ordered = worst_first(some)
    severities = [one.severity for one in ordered]

    assert sorted(map(repr, ordered)) == sorted(map(repr, some))
    assert severities == sorted(severities)
