"""One cycle: observe, assess, decide, act, report."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field, replace
from typing import Any

from automation import __version__
from automation.core import storm
from automation.core.decide import Decision, passed_over, remember, tried
from automation.core.errors import EffectFailed, LockBusy, LookFailed
from automation.core.finding import Assessment, Mode
from automation.core.health import Bands, score
from automation.core.history import History
from automation.core.ladder import Ladder
from automation.core.moments import to_text
from automation.core.report import MOST_RECENT, Heartbeat, Outcome, Report
from automation.engine.acting import Actor, Step
from automation.engine.backup_findings import with_backups
from automation.engine.backup_schedule import BackupSchedule
from automation.engine.context import Context
from automation.engine.judging import Judged, make_report
from automation.engine.modes import ladders_for, mode_now
from automation.engine.system import Observer
from automation.engine.telling import Teller
from automation.ports.locks import take_lock
from automation.stores import histories, outcomes, publishing
from automation.stores.backup_outcomes import read_outcome, reported

SOONEST_S = 1.0  # safety S1: a second look a second later; and never more than one look a second
STEP_LIMIT_S = 35.0


@dataclass(slots=True)
class Guard:
    """What a loop carries from one cycle to the next."""

    context: Context
    observer: Observer
    ladders: tuple[Ladder, ...]
    steps: dict[str, Step]
    teller: Teller
    backups: BackupSchedule
    period_s: float
    history: History
    started_at_s: float
    recent: tuple[Outcome, ...] = ()
    saved: History | None = None
    cycle: int = 0
    troubles: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look brought: the facts and their judgement, or why there are none."""

    facts: Any = None
    assessment: Assessment | None = None
    why: str = ""
    look_again_s: float | None = None


def run_cycle(guard: Guard) -> float:
    """Do everything once, and return in how many seconds the next cycle is due.

    Raises:
        RecordNewer: A newer version wrote our files; nothing more may be done (safety S32).
    """
    clock = guard.context.clock
    began_s, now_s = clock.elapsed_s(), clock.now_s()
    guard.cycle += 1
    seen = _look(guard, now_s)
    mode, held_back = mode_now(guard.context, now_s)
    held_back = held_back or (storm.held_back(seen.assessment) if seen.assessment else "")
    decision = _decide(guard, seen.assessment, mode, now_s)
    if decision.calls:
        held_back = _act(guard, decision, seen) or held_back
    _take_outcomes(guard)
    _tell(guard, decision, now_s)
    _save(guard)
    due_s = _due_in_s(guard, seen, decision, now_s)
    decision = replace(decision, history=guard.history)
    judged = Judged(seen.assessment, seen.why, decision, mode, held_back, guard.recent)
    _publish(guard, judged, now_s, due_s, round((clock.elapsed_s() - began_s) * 1000))
    return due_s


def _look(guard: Guard, now_s: float) -> Seen:
    """Observe and assess; a look that failed is unknown, not down (safety S2)."""
    name = guard.context.system.name
    try:
        facts = guard.observer.observe()
        assessment = storm.with_storm(
            _with_backups(guard, guard.observer.assess(facts)), guard.history, name, now_s
        )
    except LookFailed as error:
        _trouble(guard, "look_failed", str(error))
        return Seen(why=str(error), look_again_s=error.look_again_s)
    _trouble(guard, "look_failed", "")
    try:
        guard.observer.remember(facts)
    except (EffectFailed, LockBusy) as error:
        _trouble(guard, "state_not_saved", str(error))
    else:
        _trouble(guard, "state_not_saved", "")
    return Seen(facts, assessment, look_again_s=assessment.look_again_s)


def _with_backups(guard: Guard, assessment: Assessment) -> Assessment:
    """Return a judgement with what is wrong with the backups."""
    context = guard.context
    if not context.system.backup:
        return assessment
    outcome = read_outcome(context.layout.backup_outcome)
    return with_backups(assessment, outcome, guard.backups.trouble, context.system.app)


def _decide(guard: Guard, assessment: Assessment | None, mode: Mode, now_s: float) -> Decision:
    if assessment is None:
        return Decision(guard.history)
    known = score(assessment)
    history = remember(guard.history, assessment.findings, guard.ladders, now_s)
    history = replace(history, last_score=history.last_score if known is None else known)
    decision = storm.decide_gently(history, assessment, ladders_for(mode, guard.ladders), now_s)
    guard.history = decision.history
    return decision


def _act(guard: Guard, decision: Decision, seen: Seen) -> str:
    """Take the steps under the action lock; return in one line why not, where it was not done."""
    context = guard.context
    since = to_text(context.clock.now_s())
    try:
        lock = take_lock(context.layout.action_lock, purpose="the monitoring loop acts", since=since)
    except (LockBusy, EffectFailed) as error:
        context.log.info("acting_put_off", extra={"reason": str(error)})
        return f"waiting: {error}"
    actor = Actor(context, guard.observer, guard.steps, by="guard")
    before = guard.history
    try:
        mode, why = mode_now(context, context.clock.now_s())  # read after the lock is held (safety S30)
        allowed = {ladder.problem for ladder in ladders_for(mode, guard.ladders) if ladder.rungs}
        if any(call.problem not in allowed for call in decision.calls):
            return why
        # Saved before acting: a guard that dies inside a step must not find its ladder untouched.
        history = tried(before, decision.calls, context.clock.now_s())
        histories.save(context.layout.history, history)
        guard.history = guard.saved = history
        _say_busy(guard, decision, seen)
        actor.take(decision.calls)
    except (EffectFailed, LockBusy) as error:
        # What was not even begun is no try: an audit log that nobody can write must not use a ladder up.
        guard.history = tried(before, actor.reached, context.clock.now_s())
        _trouble(guard, "acting_failed", str(error))
        return f"could not act: {error}"
    finally:
        lock.release()
        guard.history = passed_over(guard.history, actor.impossible, guard.ladders)
        _remember_outcomes(guard, tuple(actor.taken))
    _trouble(guard, "acting_failed", "")
    return ""


def _say_busy(guard: Guard, decision: Decision, seen: Seen) -> None:
    """Say until when the steps may take, where that is longer than a period (safety S7)."""
    longest_s = len(decision.calls) * STEP_LIMIT_S
    if longest_s > guard.period_s:
        now_s = guard.context.clock.now_s()
        judged = Judged(seen.assessment, seen.why, decision, Mode.ACTIVE, "", guard.recent)
        _publish(guard, judged, now_s, guard.period_s, 0, busy_until_s=now_s + longest_s)


def _take_outcomes(guard: Guard) -> None:
    """Take over what commands did by hand; the action lock is theirs while they act."""
    layout = guard.context.layout
    if not outcomes.waiting(layout.outcomes):
        return
    since = to_text(guard.context.clock.now_s())
    try:
        lock = take_lock(layout.action_lock, purpose="taking over outcomes", since=since)
    except (LockBusy, EffectFailed):
        return
    try:
        _remember_outcomes(guard, outcomes.take(layout.outcomes))
    except EffectFailed as error:
        _trouble(guard, "outcomes_not_taken", str(error))
    finally:
        lock.release()


def _remember_outcomes(guard: Guard, new: tuple[Outcome, ...]) -> None:
    guard.recent = (*guard.recent, *new)[-MOST_RECENT:]


def _tell(guard: Guard, decision: Decision, now_s: float) -> None:
    for finding in decision.tell:
        guard.context.log.error(
            "needs_human",
            extra={"problem": finding.problem, "subject": finding.subject, "detail": finding.message},
        )
    try:
        guard.teller.add(decision.tell, now_s, platform.node())
        guard.teller.go_on()
    except (EffectFailed, LockBusy) as error:
        _trouble(guard, "human_not_told", str(error))


def _save(guard: Guard) -> None:
    try:
        guard.saved = histories.save_if_changed(guard.context.layout.history, guard.history, guard.saved)
    except EffectFailed as error:
        _trouble(guard, "history_not_saved", str(error))
    else:
        _trouble(guard, "history_not_saved", "")


def _due_in_s(guard: Guard, seen: Seen, decision: Decision, now_s: float) -> float:
    """Return when to look next: a period from now, or earlier where something is due."""
    wanted = [guard.period_s]
    if seen.look_again_s is not None:
        wanted.append(seen.look_again_s)
    next_at_s = decision.next_at_s()
    if next_at_s is not None:
        wanted.append(next_at_s - now_s)
    if decision.calls and not guard.troubles.get("acting_failed"):
        wanted.append(SOONEST_S)
    return max(min(wanted), SOONEST_S)


def _publish(
    guard: Guard,
    judged: Judged,
    now_s: float,
    due_s: float,
    cycle_ms: int,
    *,
    busy_until_s: float | None = None,
) -> None:
    report = report_of(guard, judged, now_s, due_s, cycle_ms, busy_until_s=busy_until_s)
    try:
        publishing.publish(guard.context.layout, report, guard.context.environment, to_text(now_s))
    except (EffectFailed, LockBusy) as error:
        _trouble(guard, "report_not_written", str(error))
    else:
        _trouble(guard, "report_not_written", "")


def report_of(
    guard: Guard,
    judged: Judged,
    now_s: float,
    due_s: float,
    cycle_ms: int,
    *,
    busy_until_s: float | None = None,
) -> Report:
    """Return the report of this moment."""
    context = guard.context
    heartbeat = Heartbeat(
        system=context.system.name,
        host=platform.node(),
        pid=os.getpid(),
        version=__version__,
        workspace=str(context.layout.workspace),
        started_at_s=guard.started_at_s,
        checked_at_s=now_s,
        next_check_at_s=now_s + max(due_s, guard.period_s),
        busy_until_s=busy_until_s,
        cycle=guard.cycle,
        cycle_ms=cycle_ms,
    )
    bands = Bands(context.settings.ratio("warning_band"), context.settings.ratio("critical_band"))
    backup = reported(read_outcome(context.layout.backup_outcome)) if context.system.backup else None
    return replace(make_report(judged, heartbeat, bands), backup=backup)


def _trouble(guard: Guard, event: str, reason: str) -> None:
    """Log a trouble when it begins, changes and ends; not on every look that it lasts."""
    before = guard.troubles.get(event, "")
    if reason and reason != before:
        guard.context.log.warning(event, extra={"reason": reason})
    elif before and not reason:
        guard.context.log.info("trouble_over", extra={"trouble": event})
    guard.troubles[event] = reason
