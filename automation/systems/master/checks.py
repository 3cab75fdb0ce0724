"""What is wrong with the whole: silent guards, systems below the threshold, a broken emergency. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from automation.core.finding import Assessment, Finding, Mode, Severity, Status
from automation.systems.master.emergencies import OVER_AT, Emergency, section
from automation.systems.master.facts import Facts, Sight

# A pause and a shutdown outrank an emergency; a guard that only observes wants nothing to be acted on (S8).
MAY_BEGIN = frozenset({Mode.ACTIVE, Mode.EMERGENCY})
EMERGENCY = "emergency"  # the subject of what is wrong with the emergency itself


def assess(facts: Facts) -> Assessment:
    """Judge the whole: its score is the mean of the systems' scores (an absent one is left out)."""
    there = tuple(sight for sight in facts.sights if sight.there)
    score = overall(there)
    causes = facts.emergency.causes if facts.emergency.active else ()
    return Assessment(
        # Where nothing is known there is nothing to take a mean of, either (safety S2).
        subjects=() if score is None else tuple(sight.peer.name for sight in there),
        findings=(
            *guard_silent(facts),
            *report_unreadable(facts),
            *score_below_threshold(facts),
            *system_ill(facts),
            *emergency_active(facts),
            *emergency_broken_off(facts),
            *lease_without_cause(facts),
        ),
        critical_subjects=frozenset(causes),
        sections={
            "systems": {sight.peer.name: _row(sight) for sight in there},
            "emergency": section(facts.emergency, facts.lease),
        },
        metrics={"systems": len(there), "stale": sum(sight.stale for sight in there)},
        own_score=score,
    )


def overall(sights: Sequence[Sight]) -> float | None:
    """Return the mean of the known scores of systems that are there; None where none is (safety S2)."""
    known = [sight.score for sight in sights if sight.score is not None]
    return sum(known) / len(known) if known else None


def guard_silent(facts: Facts) -> Iterator[Finding]:
    """Report guards whose report is stale, once we have been awake for as long as they may be silent (S7)."""
    for sight in facts.sights:
        awake = facts.awake_s >= max(sight.period_s, facts.period_s)
        if sight.there and sight.stale and awake and not facts.shut_down:
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
        if sight.mode in MAY_BEGIN and _below(sight, facts.threshold):
            yield Finding(
                "score-below-threshold",
                sight.peer.name,
                Severity.CRITICAL,
                f"its score is {sight.score:.2f}, below {facts.threshold:g}",
                "`master-redundancy-orchestrator emergency` runs the four steps by hand",
            )


def _below(sight: Sight, threshold: float) -> bool:
    return sight.known and sight.score is not None and sight.score < threshold


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


def emergency_active(facts: Facts) -> Iterator[Finding]:
    """Report the systems of an emergency that is not over: until it is, the whole is critical."""
    for name in facts.emergency.causes if facts.emergency.active else ():
        yield Finding(
            "emergency-active",
            name,
            Severity.CRITICAL,
            f"an emergency since {facts.emergency.since}, now at step {facts.emergency.step}",
            f"it is over when the score is {OVER_AT:g}; `master-redundancy-orchestrator report` tells how",
        )


def emergency_broken_off(facts: Facts) -> Iterator[Finding]:
    """Report that the program which took the four steps has ended in the middle of them."""
    if facts.emergency.running and not facts.run_lives:
        held = f"; it still holds {', '.join(facts.leased)}" if facts.leased else ""
        yield Finding(
            "emergency-broken-off",
            EMERGENCY,
            Severity.WARNING,
            f"its program ended at step {facts.emergency.step}{held}",
            "`master-redundancy-orchestrator emergency` takes the four steps again",
        )


def lease_without_cause(facts: Facts) -> Iterator[Finding]:
    """Report that the loop's own emergency holds guards none of which is below the threshold any more (S30).

    One that a person asked for needed no score to begin, and so ends by its four steps.
    """
    mine = [sight for sight in facts.sights if sight.peer.name in facts.leased]
    well = [sight for sight in mine if sight.known and not _below(sight, facts.threshold)]
    if mine and well == mine and facts.run_lives and facts.emergency.by == "guard":
        names = ", ".join(facts.leased)
        yield Finding(
            "lease-without-cause",
            EMERGENCY,
            Severity.WARNING,
            f"{names}: at or above {facts.threshold:g} again, and still taken from their guards",
        )


def all_work_again(facts: Facts) -> bool:
    """Tell whether a shutdown is over for every guard: each has been started since, and is not held back.

    One that was not started with the others keeps the record: a boot that brings it back by an old dump must
    find it still shut down (safety S31).
    """
    since_s = facts.ended_shutdown_s
    there = [sight for sight in facts.sights if sight.there]
    return since_s is not None and all(_works_since(sight, since_s) for sight in there)


def _works_since(sight: Sight, since_s: float) -> bool:
    lives = not sight.stale and not sight.problem
    return lives and sight.started_at_s > since_s and sight.mode is not Mode.SHUTDOWN


def is_over(emergency: Emergency, sights: Sequence[Sight]) -> bool:
    """Tell whether every cause of an emergency is back at 0.8, or gone, by a look later than its last step.

    What could not look, or has not looked since, never ends it (safety S2).
    """
    causes = [sight for sight in sights if sight.peer.name in emergency.causes]
    return emergency.active and all(_is_back(sight, emergency.last_told_at_s()) for sight in causes)


def _is_back(sight: Sight, since_s: float) -> bool:
    if not sight.there:
        return True
    if not sight.known or sight.checked_at_s <= since_s:
        return False
    return sight.status is Status.DISABLED or (sight.score is not None and sight.score >= OVER_AT)


def _row(sight: Sight) -> dict[str, object]:
    return {
        "status": sight.status.value,
        "score": sight.score,
        "ageS": round(sight.age_s, 1),
        "stale": sight.stale,
        "mode": sight.mode.value,
    }
