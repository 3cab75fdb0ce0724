"""Storms (safety S4): what fails together has a common cause, and that is not in the subjects. Pure.

In a storm, and while the host itself is short of something, only the first rung of each ladder is climbed, a
few subjects at a time; in a storm one human is told of it once, and not of each subject.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from automation.core.decide import Decision, StepCall, Waiting, decide
from automation.core.finding import Assessment, Finding, Severity
from automation.core.history import Climb, History, Key
from automation.core.ladder import Ladder

PROBLEM = "storm"
LEAST = 5
SHARE = 0.3
WINDOW_S = 60.0
AT_ONCE_IN_A_STORM = 2
APART_S = 5.0
MOST_AT_ONCE = 4  # at any time: a look that takes a hundred steps is blind for as long
MOST_NAMES = 5

LADDER = Ladder(PROBLEM, ())


def with_storm(assessment: Assessment, history: History, name: str, now_s: float) -> Assessment:
    """Return the assessment, with the finding `storm` first where there is one.

    Args:
        assessment: Of this look.
        history: What is remembered of the looks before.
        name: Of the system; it is the finding's subject.
        now_s: Seconds since 1970.
    """
    failing = _failing(assessment)
    since_s = _since_s(assessment, failing, history, now_s)
    fresh = sum(now_s - one <= WINDOW_S for one in since_s.values())
    before = history.climbs.get((PROBLEM, name))
    goes_on = before is not None and before.looks > 0 and _many(len(failing), assessment)
    if not goes_on and not _many(fresh, assessment):
        return assessment
    finding = Finding(
        "storm",
        name,
        Severity.CRITICAL,
        _said(failing, assessment),
        "look for what they have in common (a database, a deploy, the host); each is tried once, gently",
    )
    return replace(assessment, findings=(finding, *assessment.findings))


def _failing(assessment: Assessment) -> tuple[str, ...]:
    """Return the subjects that something critical is wrong with, in their order."""
    critical = {one.subject for one in assessment.findings if one.severity is Severity.CRITICAL}
    return tuple(subject for subject in dict.fromkeys(assessment.subjects) if subject in critical)


def _since_s(
    assessment: Assessment, failing: Collection[str], history: History, now_s: float
) -> dict[str, float]:
    """Return since when each subject fails; and of those that came back after a step, since when they did.

    So a storm does not end because its first victims were helped while the others still wait.
    """
    since_s: dict[str, float] = {}
    for finding in assessment.findings:
        if finding.severity is Severity.CRITICAL and finding.subject in failing:
            climb = history.climbs.get(finding.key)
            begun_s = climb.since_s if climb is not None and climb.looks else now_s
            since_s[finding.subject] = min(begun_s, now_s, since_s.get(finding.subject, now_s))
    subjects = frozenset(assessment.subjects).difference(failing)
    for (_, subject), climb in history.climbs.items():
        if subject in subjects and climb.attempts:
            since_s[subject] = min(max(climb.since_s, since_s.get(subject, 0.0)), now_s)
    return since_s


def _many(count: int, assessment: Assessment) -> bool:
    return count >= LEAST and count > SHARE * len(set(assessment.subjects))


def _said(failing: Sequence[str], assessment: Assessment) -> str:
    names = ", ".join(failing[:MOST_NAMES]) + (" …" if len(failing) > MOST_NAMES else "")
    return (
        f"{len(failing)} of {len(set(assessment.subjects))} fail at once ({names}): only the first step is "
        f"tried for each, {AT_ONCE_IN_A_STORM} every {APART_S:g} s, and the others are held back"
    )


def is_storm(assessment: Assessment) -> bool:
    """Tell whether `with_storm` found one."""
    return any(one.problem == PROBLEM for one in assessment.findings)


def held_back(assessment: Assessment) -> str:
    """Say in one line what is not done, and why; empty in calm weather."""
    if is_storm(assessment):
        return "many fail at once: only first steps, a few at a time"
    if assessment.strained:
        return f"{assessment.strained}: only first steps, a few at a time"
    return ""


def first_rungs(ladders: Sequence[Ladder]) -> tuple[Ladder, ...]:
    """Return the ladders without what comes after their first rung."""
    return tuple(replace(ladder, rungs=ladder.rungs[:1]) for ladder in ladders)


def decide_gently(
    history: History, assessment: Assessment, ladders: Sequence[Ladder], now_s: float
) -> Decision:
    """Decide as `decide` does; in a storm, and while the host is short, with the restraint of S4.

    Who is out of first rungs then waits for a human, or for the end of it: then the climb goes on at once.
    """
    storm = is_storm(assessment)
    if not storm and not assessment.strained:
        return _at_most(MOST_AT_ONCE, decide(history, assessment.findings, ladders, now_s), assessment, now_s)
    quiet = _quiet(assessment) if storm else frozenset()
    decision = decide(history, assessment.findings, first_rungs(ladders), now_s, quiet=quiet)
    last_s = max((one.tried_at_s for one in history.climbs.values()), default=0.0)
    if last_s and now_s - last_s < APART_S:
        return _at_most(0, decision, assessment, last_s + APART_S)
    return _at_most(AT_ONCE_IN_A_STORM, decision, assessment, now_s + APART_S)


def _quiet(assessment: Assessment) -> frozenset[Key]:
    """Return what no human is told of in a storm: all that is wrong with the subjects, one by one."""
    subjects = frozenset(assessment.subjects)
    return frozenset(
        one.key for one in assessment.findings if one.subject in subjects and one.problem != PROBLEM
    )


def _at_most(most: int, decision: Decision, assessment: Assessment, next_at_s: float) -> Decision:
    """Return the decision with so many of its calls; the others wait.

    Critical subjects come first, then those that were tried least and longest ago.
    """

    def order(call: StepCall) -> tuple[bool, int, float]:
        climb = decision.history.climbs.get(call.key, Climb(since_s=0.0, seen_at_s=0.0))
        return call.subject not in assessment.critical_subjects, call.attempt, climb.tried_at_s

    if len(decision.calls) <= most:
        return decision
    calls = sorted(decision.calls, key=order)
    waiting = (Waiting(*one.key, one.step, one.attempt, next_at_s) for one in calls[most:])
    return replace(decision, calls=tuple(calls[:most]), waiting=(*decision.waiting, *waiting))
