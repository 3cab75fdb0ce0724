"""`recovery`: climb the ladder for what is wrong now, because a person says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from automation.core.decide import StepCall
from automation.core.errors import StepRefused
from automation.core.finding import Assessment, Finding, Mode
from automation.core.ladder import Ladder
from automation.core.moments import to_text
from automation.core.report import Outcome, outcome_record
from automation.engine.acting import Actor, load_steps
from automation.engine.by_hand import person
from automation.engine.calling import Call
from automation.engine.context import Context, build, prepare_folders
from automation.engine.loading import load
from automation.engine.modes import mode_now, watches_only
from automation.engine.seeing import observer_of
from automation.engine.system import Observer
from automation.engine.terminal import complain, safe, say, say_json
from automation.ports.locks import locked
from automation.stores import outcomes

SECOND_LOOK_S = 1.0
SETTLE_S = 3.0


def recovery(call: Call, only: frozenset[str] | None = None) -> int:
    """Recover what two looks, a second apart, agree on; 0 when nothing of it is wrong any more.

    Args:
        call: The command line.
        only: The steps that may be taken; None: all.

    Raises:
        StepRefused: The guard is paused, shut down, or an emergency is at work.
        LockBusy: Somebody else is acting.
    """
    context = replace(build(call.system, call.workspace, call.environment, call.clock), by_hand=True)
    observer = observer_of(context)
    ladders = _with_only(load(context.system.ladders)(context.settings), only)
    try:
        if call.flag("dry_run"):
            return _plan(call, observer, ladders)
        prepare_folders(context.layout)
        since = to_text(call.clock.now_s())
        with locked(context.layout.action_lock, purpose="a recovery by hand", since=since, timeout_s=0.0):
            return _recover(call, context, observer, ladders)
    finally:
        observer.close()


def _with_only(ladders: tuple[Ladder, ...], only: frozenset[str] | None) -> tuple[Ladder, ...]:
    """Return the ladders with no other rungs than these."""
    if only is None:
        return ladders
    return tuple(
        replace(ladder, rungs=tuple(rung for rung in ladder.rungs if rung.step in only)) for ladder in ladders
    )


def _wrong(call: Call, assessment: Assessment) -> tuple[Finding, ...]:
    subject = call.text("subject")
    return tuple(one for one in assessment.findings if not subject or one.subject == subject)


def _plan(call: Call, observer: Observer, ladders: tuple[Ladder, ...]) -> int:
    """Print the steps that would be taken, in order."""
    findings = _wrong(call, observer.assess(observer.observe()))
    plan = [
        {"problem": one.problem, "subject": one.subject, "steps": list(_rungs(one, ladders))}
        for one in findings
    ]
    if call.flag("json"):
        say_json({"wouldTake": plan})
        return 0
    if not plan:
        say("nothing is wrong: no step would be taken")
    for one in findings:
        steps = " → ".join(_rungs(one, ladders)) or f"no step; {safe(one.advice) or 'it needs a human'}"
        say(f"{safe(one.subject)}: {one.problem}: {steps}")
    return 0


def _rungs(finding: Finding, ladders: tuple[Ladder, ...]) -> Iterator[str]:
    for ladder in ladders:
        if ladder.problem == finding.problem:
            yield from (rung.step for rung in ladder.rungs)


def _recover(call: Call, context: Context, observer: Observer, ladders: tuple[Ladder, ...]) -> int:
    refuse_where_nobody_may_act(context)
    first = _wrong(call, observer.assess(observer.observe()))
    context.clock.wait(SECOND_LOOK_S if first else 0.0)
    again = {one.key for one in _wrong(call, observer.assess(observer.observe()))} if first else set()
    findings = tuple(one for one in first if one.key in again)
    actor = Actor(context, observer, load_steps(context), by=f"hand: {person(context.environment)}")
    try:
        for finding in findings:
            _climb(context, actor, finding, ladders)
    finally:
        outcomes.append(context.layout.outcomes, actor.taken)
    left = [one for one in _wrong(call, observer.assess(observer.observe())) if one.key in again]
    _tell(call, findings, actor.taken, left)
    return 1 if left else 0


def refuse_where_nobody_may_act(context: Context) -> None:
    """Refuse to act by hand in a pause, an emergency of another run, a shutdown, or where one only observes.

    Raises:
        StepRefused: One of them holds; the message says how it ends.
    """
    mode, why = mode_now(context, context.clock.now_s())
    if mode in {Mode.PAUSED, Mode.EMERGENCY, Mode.SHUTDOWN}:
        way_out = f"; `{context.system.app} resume` ends the pause" if mode is Mode.PAUSED else ""
        raise StepRefused(f"not acting: {why}{way_out}")
    observing = watches_only(context)
    if observing:
        raise StepRefused(f"not acting: {observing}")


def _climb(context: Context, actor: Actor, finding: Finding, ladders: tuple[Ladder, ...]) -> None:
    """Take each rung once, gentlest first, until the problem has gone."""
    for attempt, step in enumerate(_rungs(finding, ladders), start=1):
        if not actor.take((StepCall(step, finding.subject, finding.problem, attempt),)):
            return
        context.clock.wait(SETTLE_S)


def _tell(call: Call, findings: tuple[Finding, ...], taken: list[Outcome], left: list[Finding]) -> None:
    if call.flag("json"):
        say_json(
            {
                "found": len(findings),
                "taken": [outcome_record(one) for one in taken],
                "left": [{"problem": one.problem, "subject": one.subject} for one in left],
            }
        )
        return
    for one in taken:
        how = "done" if one.ok else "failed"
        say(f"{one.step} {safe(one.subject)}: {how}: {safe(one.detail)} ({one.duration_ms} ms)")
    if not findings:
        say("nothing is wrong: no step was taken")
    for finding in left:
        said = f"{safe(finding.subject)}: {finding.problem}: {safe(finding.message)}"
        complain(f"still wrong: {said}. {safe(finding.advice)}".rstrip())
