"""What was found wrong, and how bad it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is."""

    WARNING = "warning"
    CRITICAL = "critical"


class Status(StrEnum):
    """How a whole system is."""

    HEALTHY = "healthy"
    WARNING = "warning"
    CRITICAL = "critical"
    UNKNOWN = "unknown"  # could not look, which is not the same as down
    DISABLED = "disabled"  # nothing to guard here


class Mode(StrEnum):
    """What a guard is allowed to do now."""

    ACTIVE = "active"
    OBSERVE = "observe"
    PAUSED = "paused"
    EMERGENCY = "emergency"
    SHUTDOWN = "shutdown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with one subject.

    `problem` names the fault in kebab-case, `subject` what it happened to, `message` says what was seen, and
    `advice` what a person could do about it. `sure` says that the look which found it was two looks already
    (safety S1), so that no third is waited for.
    """

    problem: str
    subject: str
    severity: Severity
    message: str
    advice: str = ""
    sure: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """What makes it the same finding as one of an earlier look."""
        return self.problem, self.subject


@dataclass(frozen=True, slots=True)
class Assessment:
    """What one look at a system amounts to.

    `subjects` are the names of what is guarded; `down` says that the whole system is dead, whatever its
    subjects; `critical_subjects` are those that settings call critical; `sections` are the system's own keys
    of the report, `metrics` its flat numbers. `look_again_s` asks for another look that soon, because
    something cannot be told yet; `own_score` takes the place of the mean over the subjects. `strained` says
    what the host itself is short of: no restart cures that (safety S4).
    """

    subjects: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    down: bool = False
    critical_subjects: frozenset[str] = frozenset()
    sections: Mapping[str, object] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    look_again_s: float | None = None
    own_score: float | None = None
    strained: str = ""
