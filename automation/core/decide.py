"""From findings and what is remembered to what is to be done now. Pure: the moment is an argument."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from automation.core.finding import Finding
from automation.core.history import Climb, History, Key, Totals, clamped
from automation.core.ladder import Ladder

LOOKS_BEFORE_ACTING = 2  # safety S1: never on one observation


@dataclass(frozen=True, slots=True)
class StepCall:
    """One step that is to be taken now: against which problem of which subject, and which try it is."""

    step: str
    subject: str
    problem: str
    attempt: int

    @property
    def key(self) -> Key:
        """The climb that it belongs to."""
        return self.problem, self.subject


@dataclass(frozen=True, slots=True)
class Waiting:
    """A climb that goes on later: the next step, and when (seconds since 1970)."""

    problem: str
    subject: str
    step: str
    attempt: int
    next_at_s: float


@dataclass(frozen=True, slots=True)
class Decision:
    """What a look leads to.

    `history` is what to remember, and must be saved before any of `calls` is taken. `needs_human` are the
    findings that no step is left for, `tell` those of them of which no human was told yet.
    """

    history: History
    calls: tuple[StepCall, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    tell: tuple[Finding, ...] = ()
    needs_human: tuple[Finding, ...] = ()

    def next_at_s(self) -> float | None:
        """The moment at which something will be due although nothing new was seen."""
        return min((one.next_at_s for one in self.waiting), default=None)


def remember(
    history: History, findings: Sequence[Finding], ladders: Sequence[Ladder], now_s: float
) -> History:
    """Return the history after a look: what was seen again, what has been away, and which climbs are over.

    A problem that is away keeps its climb for the ladder's calm time, from when it was last seen: only
    then has a step helped (safety S3); a problem that comes back before goes on where it was.
    """
    history = clamped(history, now_s)
    kept: dict[Key, Climb] = {}
    totals = history.totals
    seen = {finding.key for finding in findings}
    calm = {ladder.problem: ladder.pace.calm_s for ladder in ladders}
    for key, climb in history.climbs.items():
        if key in seen:
            continue
        if (climb.attempts or climb.told_at_s) and now_s - climb.seen_at_s < calm.get(key[0], 0.0):
            kept[key] = replace(climb, looks=0)
        elif climb.attempts and not climb.out_at_s:
            totals = replace(totals, succeeded=totals.succeeded + 1)
    for key in seen:
        climb = history.climbs.get(key, Climb(since_s=now_s, seen_at_s=now_s))
        since_s = climb.since_s if climb.looks else now_s
        kept[key] = replace(
            climb, since_s=since_s, seen_at_s=now_s, looks=climb.looks + 1, count=climb.count + 1
        )
    return replace(history, climbs=kept, totals=totals)


def decide(
    history: History,
    findings: Sequence[Finding],
    ladders: Sequence[Ladder],
    now_s: float,
    *,
    quiet: Collection[Key] = (),
) -> Decision:
    """Decide what to do about the findings of a look that `remember` has taken into the history.

    At most one step for each problem and subject, however often it was found; none on a first look (unless
    that was two looks in one, `Finding.sure`); none before the wait after the last one is over. Out of rungs
    a human is told, once, and after the ladder's rest the climb may begin anew.
    A ladder without rungs says at once that only a human can help. Of what is `quiet` nobody is told now: it
    is told later, if it is still so.
    """
    ladder_of = {ladder.problem: ladder for ladder in ladders}
    decision = Decision(history)
    decided: set[Key] = set()
    for finding in findings:
        ladder, climb = ladder_of.get(finding.problem), history.climbs.get(finding.key)
        if ladder is not None and climb is not None and finding.key not in decided:
            decided.add(finding.key)
            climb = _rested(climb, ladder, now_s)
            one = _decide_one(decision, finding, climb, ladder, now_s)
            decision = one if one is not None else _give_up(decision, finding, climb, now_s, quiet)
    return decision


def _decide_one(
    decision: Decision, finding: Finding, climb: Climb, ladder: Ladder, now_s: float
) -> Decision | None:
    """Return the decision with the next step of one climb, or with its wait; None when no step is left."""
    rung = ladder.rung(climb.attempts)
    due_at_s = _due_at_s(climb, ladder, finding.subject)
    if (finding.sure or climb.looks >= LOOKS_BEFORE_ACTING) and now_s >= due_at_s:
        if rung is None:
            return None
        call = StepCall(rung.step, finding.subject, finding.problem, climb.attempts + 1)
        return replace(_with(decision, finding.key, climb), calls=(*decision.calls, call))
    step = rung.step if rung else ""  # the last step is given its time before it counts as failed
    wait = Waiting(*finding.key, step, climb.attempts + (rung is not None), max(due_at_s, now_s))
    return replace(_with(decision, finding.key, climb), waiting=(*decision.waiting, wait))


def _give_up(
    decision: Decision, finding: Finding, climb: Climb, now_s: float, quiet: Collection[Key]
) -> Decision:
    """Leave it to a human, who is told once for as long as the problem lasts."""
    totals, tell = decision.history.totals, decision.tell
    if not climb.out_at_s:
        totals = replace(totals, failed=totals.failed + bool(climb.attempts))  # nothing tried, nothing failed
        climb = replace(climb, out_at_s=now_s)
    if not climb.told_at_s and finding.key not in quiet:
        climb = replace(climb, told_at_s=now_s)
        tell = (*tell, finding)
    decision = _with(decision, finding.key, climb)
    history = replace(decision.history, totals=totals)
    return replace(decision, history=history, tell=tell, needs_human=(*decision.needs_human, finding))


def _with(decision: Decision, key: Key, climb: Climb) -> Decision:
    climbs = {**decision.history.climbs, key: climb}
    return replace(decision, history=replace(decision.history, climbs=climbs))


def _rested(climb: Climb, ladder: Ladder, now_s: float) -> Climb:
    """Begin a climb anew when the rest after its last rung is over; that a human was told stays known."""
    if climb.out_at_s and now_s - climb.out_at_s >= ladder.pace.rest_s:
        return replace(climb, attempts=0, tried_at_s=0.0, out_at_s=0.0)
    return climb


def _due_at_s(climb: Climb, ladder: Ladder, subject: str) -> float:
    if climb.out_at_s:  # its last wait is over, whatever the clock says now
        return 0.0
    if not climb.attempts:
        return climb.since_s + ladder.pace.before_s
    return climb.tried_at_s + ladder.pace.wait_after(climb.attempts, subject)


def tried(history: History, calls: Sequence[StepCall], now_s: float) -> History:
    """Return the history with these tries in it, as it must be saved before they are made."""
    climbs = dict(history.climbs)
    for call in calls:
        climb = climbs.get(call.key, Climb(since_s=now_s, seen_at_s=now_s))
        climbs[call.key] = replace(climb, attempts=call.attempt, tried_at_s=now_s, out_at_s=0.0)
    totals: Totals = replace(history.totals, attempts=history.totals.attempts + len(calls))
    return replace(history, climbs=climbs, totals=totals)


def passed_over(history: History, calls: Sequence[StepCall], ladders: Sequence[Ladder]) -> History:
    """Return the history after steps that were impossible: their rungs are used up, and nothing waits.

    The next rung is due at the next look; where there is none, a human is told then. So a step that nobody
    but a person could make possible neither delays that nor is asked again.
    """
    ladder_of = {ladder.problem: ladder for ladder in ladders}
    climbs = dict(history.climbs)
    for call in calls:
        climb, ladder = climbs.get(call.key), ladder_of.get(call.problem)
        if climb is not None and ladder is not None:
            climbs[call.key] = replace(climb, attempts=ladder.past(climb.attempts), tried_at_s=0.0)
    return replace(history, climbs=climbs)


def acknowledged(history: History, problem_subjects: Mapping[Key, object] | None = None) -> History:
    """Return the history in which climbs that ran out of rungs may begin anew: a person has seen them.

    Without `problem_subjects` all of them.
    """
    climbs = {
        key: replace(climb, attempts=0, tried_at_s=0.0, out_at_s=0.0, told_at_s=0.0)
        if climb.out_at_s and (problem_subjects is None or key in problem_subjects)
        else climb
        for key, climb in history.climbs.items()
    }
    return replace(history, climbs=climbs)
