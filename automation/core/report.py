"""The report of a guard, as it writes it: what others rely on, as a value and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from automation.core.errors import RecordDamaged
from automation.core.finding import Finding, Mode, Status
from automation.core.moments import from_text, to_text
from automation.core.reading import SCHEMA, FindingLine

MOST_FINDINGS = 200
MOST_RECENT = 50


@dataclass(frozen=True, slots=True)
class Outcome:
    """One step that was taken: against what, whether it went well, what it said, and how long it took."""

    at_s: float
    problem: str
    subject: str
    step: str
    ok: bool
    detail: str
    duration_ms: int
    by: str = "guard"


@dataclass(frozen=True, slots=True)
class Active:
    """A climb under way: its next step, which try that is, and when."""

    problem: str
    subject: str
    step: str
    attempt: int
    next_at_s: float


@dataclass(frozen=True, slots=True)
class Recovery:
    """Totals since the installation, what is under way, what needs a human, and the last outcomes."""

    attempts: int = 0
    succeeded: int = 0
    failed: int = 0
    active: tuple[Active, ...] = ()
    needs_human: tuple[Finding, ...] = ()
    recent: tuple[Outcome, ...] = ()
    held_back: str = ""

    @property
    def success_rate(self) -> float | None:
        """Return the share of climbs that ended calm, or None before the first one ended."""
        ended = self.succeeded + self.failed
        return round(self.succeeded / ended, 4) if ended else None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Who writes the report, and when the next one is due. Moments are seconds since 1970."""

    system: str
    host: str
    pid: int
    version: str
    workspace: str
    started_at_s: float
    checked_at_s: float
    next_check_at_s: float
    busy_until_s: float | None = None
    cycle: int = 0
    cycle_ms: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """One report: heartbeat, judgement, findings, recovery, and the system's own sections."""

    heartbeat: Heartbeat
    status: Status
    mode: Mode
    score: float | None
    subjects: tuple[int, int]  # total, healthy
    findings: tuple[FindingLine, ...] = ()
    recovery: Recovery = Recovery()
    backup: Mapping[str, object] | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    sections: Mapping[str, object] = field(default_factory=dict)


def to_record(report: Report) -> dict[str, object]:
    """Return the report as JSON values, with the keys that users rely on."""
    beat = report.heartbeat
    total, healthy = report.subjects
    record: dict[str, object] = {
        "schema": SCHEMA,
        "system": beat.system,
        "host": beat.host,
        "pid": beat.pid,
        "version": beat.version,
        "workspace": beat.workspace,
        "startedAt": to_text(beat.started_at_s),
        "checkedAt": to_text(beat.checked_at_s),
        "nextCheckAt": to_text(beat.next_check_at_s),
        "busyUntil": None if beat.busy_until_s is None else to_text(beat.busy_until_s),
        "cycle": beat.cycle,
        "cycleMs": beat.cycle_ms,
        "status": report.status.value,
        "mode": report.mode.value,
        "score": None if report.score is None else round(report.score, 4),
        "subjects": {"total": total, "healthy": healthy},
        "findings": [_finding(line) for line in report.findings[:MOST_FINDINGS]],
        "findingsOmitted": max(len(report.findings) - MOST_FINDINGS, 0),
        "recovery": _recovery(report.recovery),
    }
    if report.backup is not None:
        record["backup"] = dict(report.backup)
    return record | {"metrics": dict(report.metrics)} | dict(report.sections)


def _finding(line: FindingLine) -> dict[str, object]:
    finding = line.finding
    return {
        "problem": finding.problem,
        "subject": finding.subject,
        "severity": finding.severity.value,
        "message": finding.message,
        "since": to_text(line.since_s),
        "count": line.count,
        "advice": finding.advice,
    }


def _recovery(recovery: Recovery) -> dict[str, object]:
    return {
        "attempts": recovery.attempts,
        "succeeded": recovery.succeeded,
        "failed": recovery.failed,
        "successRate": recovery.success_rate,
        "active": [
            {
                "problem": one.problem,
                "subject": one.subject,
                "step": one.step,
                "attempt": one.attempt,
                "nextAt": to_text(one.next_at_s),
            }
            for one in recovery.active[:MOST_FINDINGS]
        ],
        "needsHuman": [
            {"problem": one.problem, "subject": one.subject, "message": one.message, "advice": one.advice}
            for one in recovery.needs_human[:MOST_FINDINGS]
        ],
        "recent": [outcome_record(one) for one in recovery.recent[-MOST_RECENT:]],
        "heldBack": recovery.held_back,
    }


def outcome_record(outcome: Outcome) -> dict[str, object]:
    """Return one outcome as JSON values."""
    return {
        "at": to_text(outcome.at_s),
        "problem": outcome.problem,
        "subject": outcome.subject,
        "step": outcome.step,
        "ok": outcome.ok,
        "detail": outcome.detail,
        "durationMs": outcome.duration_ms,
        "by": outcome.by,
    }


def outcome_from_record(record: object, where: str) -> Outcome:
    """Read one outcome back.

    Raises:
        RecordDamaged: It is not of that shape.
    """
    try:
        assert isinstance(record, dict)  # noqa: S101  # turned into RecordDamaged below
        return Outcome(
            at_s=from_text(record["at"]),
            problem=str(record["problem"]),
            subject=str(record["subject"]),
            step=str(record["step"]),
            ok=bool(record["ok"]),
            detail=str(record["detail"]),
            duration_ms=int(record["durationMs"]),
            by=str(record.get("by", "guard")),
        )
    except (AssertionError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise RecordDamaged(where, f"not an outcome: {type(error).__name__} {error!s:.200}") from error
