"""A report as its readers take it, apart from the writing, so that `status` loads no more than it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from automation.core.errors import RecordDamaged, RecordNewer
from automation.core.finding import Finding, Mode, Severity, Status
from automation.core.moments import from_text

SCHEMA = 1
STALE_AFTER_PERIODS = 3.0


@dataclass(frozen=True, slots=True)
class FindingLine:
    """A finding as the report tells it: since when (seconds since 1970), and on how many looks."""

    finding: Finding
    since_s: float
    count: int


@dataclass(frozen=True, slots=True)
class Reading:
    """A report as a reader takes it: what is judged, and the whole record for showing."""

    status: Status
    mode: Mode
    score: float | None
    checked_at_s: float
    next_check_at_s: float
    busy_until_s: float | None
    version: str
    record: Mapping[str, object]

    def stale(self, now_s: float) -> bool:
        """Tell whether its writer must have missed at least three looks.

        A moment of looking that lies ahead by more than a period means that the clock was set back and nobody
        has written since: a living guard would have.
        """
        period_s = max(self.next_check_at_s - self.checked_at_s, 1.0)
        due_s = max(self.next_check_at_s, self.busy_until_s or 0.0)
        return now_s > due_s + STALE_AFTER_PERIODS * period_s or self.checked_at_s > now_s + period_s + 5.0


def read(record: object, where: str) -> Reading:
    """Take a report from JSON values.

    Raises:
        RecordDamaged: It is not a report.
        RecordNewer: A newer version wrote it.
    """
    if not isinstance(record, dict):
        raise RecordDamaged(where, "expected a JSON object")
    schema = record.get("schema")
    if isinstance(schema, int) and not isinstance(schema, bool) and schema > SCHEMA:
        raise RecordNewer(where, schema)
    if schema != SCHEMA:
        raise RecordDamaged(where, f"expected schema {SCHEMA}, got {schema!r:.80}")
    try:
        score, busy = record["score"], record["busyUntil"]
        reading = Reading(
            status=Status(record["status"]),
            mode=Mode(record["mode"]),
            score=None if score is None else _score(score),
            checked_at_s=from_text(record["checkedAt"]),
            next_check_at_s=from_text(record["nextCheckAt"]),
            busy_until_s=None if busy is None else from_text(busy),
            version=str(record["version"]),
            record=record,
        )
        findings_of(reading)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise RecordDamaged(where, f"not a report: {type(error).__name__} {error!s:.200}") from error
    return reading


def _score(value: object) -> float:
    """Return a score; one that is not a number would pass every threshold."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
        raise ValueError(f"expected a score from 0 to 1, got {value!r:.80}")
    return float(value)


def findings_of(reading: Reading) -> tuple[FindingLine, ...]:
    """Return the findings of a report that was read."""
    lines = reading.record["findings"]
    if not isinstance(lines, list):
        raise TypeError("findings are a list")
    return tuple(
        FindingLine(
            Finding(
                str(line["problem"]),
                str(line["subject"]),
                Severity(line["severity"]),
                str(line["message"]),
                str(line["advice"]),
            ),
            from_text(line["since"]),
            int(line["count"]),
        )
        for line in lines
    )
