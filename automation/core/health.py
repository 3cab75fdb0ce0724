"""The score of a system, from 0.0 to 1.0, and its status."""

from __future__ import annotations

from dataclasses import dataclass

from automation.core.finding import Assessment, Finding, Severity, Status

WORTH = {Severity.WARNING: 0.5, Severity.CRITICAL: 0.0}

COMMON_CAUSE = "storm"


@dataclass(frozen=True, slots=True)
class Bands:
    """Below which score a system is a warning, and below which critical."""

    warning: float = 0.8
    critical: float = 0.5


def score(assessment: Assessment) -> float | None:
    """Return the mean worth of the subjects: 1.0 healthy, 0.5 with a warning, 0.0 critical.

    None when there is nothing to guard; 0.0 when the system as a whole is down.
    """
    if assessment.down:
        return 0.0
    if assessment.own_score is not None:
        return assessment.own_score
    if not assessment.subjects:
        return None
    worth = dict.fromkeys(assessment.subjects, 1.0)
    for finding in assessment.findings:
        if finding.subject in worth:
            worth[finding.subject] = min(worth[finding.subject], WORTH[finding.severity])
    return sum(worth.values()) / len(worth)


def status(assessment: Assessment, bands: Bands) -> Status:
    """Judge a system: by the bands of its score, and never better than its worst finding allows.

    A critical finding is at least a warning, and critical on a subject that settings call critical. Warnings
    alone never make a system critical.
    """
    if assessment.down:
        return Status.CRITICAL
    critical = [found for found in assessment.findings if found.severity is Severity.CRITICAL]
    if any(found.subject in assessment.critical_subjects for found in critical):
        return Status.CRITICAL
    value = score(assessment)
    if value is None:
        return Status.WARNING if assessment.findings else Status.DISABLED
    if value < bands.critical and critical:
        return Status.CRITICAL
    if assessment.findings or value < bands.warning:
        return Status.WARNING
    return Status.HEALTHY


def worst_first(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Order findings for people: critical ones first, a common cause before what it caused, then by name."""

    def rank(finding: Finding) -> tuple[bool, bool, str, str]:
        grave = finding.severity is Severity.CRITICAL
        return not grave, finding.problem != COMMON_CAUSE, finding.problem, finding.subject

    return tuple(sorted(findings, key=rank))
