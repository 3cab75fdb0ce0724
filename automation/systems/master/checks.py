"""What is wrong with the whole: silent guards, and systems below the threshold. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from automation.core.finding import Assessment, Finding, Mode, Severity, Status
from automation.systems.master.facts import Facts, Sight

JUDGED = frozenset({Mode.ACTIVE, Mode.OBSERVE, Mode.EMERGENCY})


def assess(facts: Facts) -> Assessment:
    """Judge the whole: its score is the mean of the systems' scores (an absent one is left out)."""
    there = tuple(sight for sight in facts.sights if sight.there)
    return Assessment(
        subjects=tuple(sight.peer.name for sight in there),
        findings=(
            *guard_silent(facts),
            *report_unreadable(facts),
            *score_below_threshold(facts),
            *system_ill(facts),
        ),
        sections={
            "systems": {sight.peer.name: _row(sight) for sight in there},
            "emergency": dict(facts.emergency),
        },
        metrics={"systems": len(there), "stale": sum(sight.stale for sight in there)},
        own_score=overall(there),
    )


def overall(sights: tuple[Sight, ...]) -> float | None:
    """Return the mean of the known scores; None where none is known (safety S2)."""
    known = [sight.score for sight in sights if sight.score is not None]
    return sum(known) / len(known) if known else None


def guard_silent(facts: Facts) -> Iterator[Finding]:
    """Report guards whose report is stale."""
    for sight in facts.sights:
        if sight.there and sight.stale and facts.trustworthy and sight.mode is not Mode.SHUTDOWN:
            yield Finding(
                "guard-silent",
                sight.peer.name,
                Severity.CRITICAL,
                f"{sight.peer.app} has written no report for {sight.age_s:.0f} s",
                f"`pm2 restart {sight.peer.app}`",
            )


def report_unreadable(facts: Facts) -> Iterator[Finding]:
    """Report guards whose report is there and cannot be read."""
    for sight in facts.sights:
        if sight.there and sight.problem:
            yield Finding("report-unreadable", sight.peer.name, Severity.WARNING, sight.problem)


def score_below_threshold(facts: Facts) -> Iterator[Finding]:
    """Report systems whose own score is below the emergency's threshold (safety S29).

    An unknown or stale system never begins an emergency (S2), and a pause by a person outranks one.
    """
    for sight in facts.sights:
        if not sight.there or sight.stale or sight.status is Status.UNKNOWN or sight.score is None:
            continue
        if sight.score < facts.threshold and sight.mode in JUDGED:
            yield Finding(
                "score-below-threshold",
                sight.peer.name,
                Severity.CRITICAL,
                f"its score is {sight.score:.2f}, below {facts.threshold:g}",
                "`master-redundancy-orchestrator emergency` runs the four steps by hand",
            )


def system_ill(facts: Facts) -> Iterator[Finding]:
    """Report systems that say of themselves that something is wrong, so that one place shows all."""
    for sight in facts.sights:
        if not sight.there or sight.stale or sight.problem:
            continue
        if sight.status in {Status.CRITICAL, Status.WARNING, Status.UNKNOWN}:
            severity = Severity.CRITICAL if sight.status is Status.CRITICAL else Severity.WARNING
            yield Finding(
                "system-ill",
                sight.peer.name,
                severity,
                f"{sight.peer.app} says {sight.status.value}",
                f"`{sight.peer.app} report` tells why",
            )


def _row(sight: Sight) -> dict[str, object]:
    return {
        "status": sight.status.value,
        "score": sight.score,
        "ageS": round(sight.age_s, 1),
        "stale": sight.stale,
        "mode": sight.mode.value,
    }
