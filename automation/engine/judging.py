"""From a look and what is remembered to the report that says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from automation.core.decide import Decision
from automation.core.finding import Assessment, Finding, Mode, Severity, Status
from automation.core.health import Bands, score, status, worst_first
from automation.core.history import Climb, History
from automation.core.reading import FindingLine
from automation.core.report import Active, Heartbeat, Outcome, Recovery, Report


@dataclass(frozen=True, slots=True)
class Judged:
    """All that a report is made of, but for the heartbeat."""

    assessment: Assessment | None  # None: could not look
    why_unknown: str
    decision: Decision
    mode: Mode
    held_back: str = ""
    recent: tuple[Outcome, ...] = ()
    extra: Mapping[str, object] = field(default_factory=dict)


def make_report(judged: Judged, heartbeat: Heartbeat, bands: Bands) -> Report:
    """Return the report. A look that failed is `unknown`, with the last score that is known (safety S2)."""
    history = judged.decision.history
    recovery = Recovery(
        attempts=history.totals.attempts,
        succeeded=history.totals.succeeded,
        failed=history.totals.failed,
        active=tuple(
            Active(one.problem, one.subject, one.step, one.attempt, one.next_at_s)
            for one in judged.decision.waiting
            if one.step
        ),
        needs_human=judged.decision.needs_human,
        recent=judged.recent,
        held_back=judged.held_back,
    )
    assessment = judged.assessment
    if assessment is None:
        finding = Finding("could-not-look", "", Severity.WARNING, judged.why_unknown)
        line = FindingLine(finding, heartbeat.checked_at_s, 1)
        return Report(
            heartbeat,
            Status.UNKNOWN,
            judged.mode,
            history.last_score,
            (0, 0),
            (line,),
            recovery,
            sections=judged.extra,
        )
    wrong = {finding.subject for finding in assessment.findings}
    healthy = sum(subject not in wrong for subject in assessment.subjects)
    return Report(
        heartbeat,
        status(assessment, bands),
        judged.mode,
        score(assessment),
        (len(assessment.subjects), healthy),
        tuple(_line(one, history, heartbeat.checked_at_s) for one in worst_first(assessment.findings)),
        recovery,
        metrics=assessment.metrics,
        sections={**assessment.sections, **judged.extra},
    )


def _line(finding: Finding, history: History, now_s: float) -> FindingLine:
    climb = history.climbs.get(finding.key, Climb(since_s=now_s, seen_at_s=now_s, count=1))
    return FindingLine(finding, climb.since_s, max(climb.count, 1))
