"""`emergency`: by hand, or for the monitoring loop; one run at a time, and no wish of the loop's is lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from automation.core.errors import StepRefused, UsageInvalid
from automation.core.finding import Mode
from automation.core.moments import to_text
from automation.engine.by_hand import person
from automation.engine.calling import Call
from automation.engine.context import Context, build, prepare_folders
from automation.engine.modes import mode_now
from automation.engine.terminal import complain, say
from automation.ports.locks import locked
from automation.stores import pauses
from automation.systems.master import emergencies, wanted
from automation.systems.master.emergency_run import Run
from automation.systems.master.peers import PEERS, Peer
from automation.systems.master.programs import programs

LOCK_WAIT_S = 2.0  # the loop asks now and then whether a run lives, and holds the lock as long as that takes
BY_GUARD = "guard"


def emergency(call: Call) -> int:
    """Run the four steps; 0 when every cause is at or above 0.8 again.

    Raises:
        LockBusy: An emergency is under way.
        StepRefused: The suite is shut down, or the master or every system is paused.
        UsageInvalid: There is no such system.
    """
    context = build(call.system, call.workspace, call.environment, call.clock)
    if call.flag("dry_run"):
        return _plan(_named(context, call.texts("system")))
    prepare_folders(context.layout)
    _refuse_where_held_back(context)
    if call.flag("wanted"):
        return _take_wishes_up(call, context)
    causes = _free_of_pauses(context, _named(context, call.texts("system")))
    if not causes:
        raise StepRefused("there is no guard here whose system could be recovered")
    by = f"hand: {person(call.environment)}"
    with _only_one(context, "an emergency by hand"):
        over = Run(call, context, programs(context), causes, by).take_four_steps()
    _take_wishes_up(call, context)
    return 0 if over else 1


def _take_wishes_up(call: Call, context: Context) -> int:
    """Run an emergency for what the loop wants, until it wants nothing more.

    A wish that comes while a run ends is seen after the lock is free, so none is left behind.
    """
    over = True
    while wanted.waiting(context.layout):
        with _only_one(context, "an emergency for the monitoring loop"):
            names = wanted.take(context.layout, context.clock.now_s())
            causes = _free_of_pauses(context, _named(context, names)) if names else ()
            if causes:
                over = Run(call, context, programs(context), causes, BY_GUARD).take_four_steps() and over
    return 0 if over else 1


@contextmanager
def _only_one(context: Context, purpose: str) -> Iterator[None]:
    since = to_text(context.clock.now_s())
    path = emergencies.lock_path(context.layout)
    with locked(path, purpose=purpose, since=since, timeout_s=LOCK_WAIT_S):
        yield


def _refuse_where_held_back(context: Context) -> None:
    mode, why = mode_now(context, context.clock.now_s())
    if mode in {Mode.SHUTDOWN, Mode.PAUSED}:
        way_out = f"; `{context.system.app} resume` ends the pause" if mode is Mode.PAUSED else ""
        raise StepRefused(f"not acting: {why}{way_out}")


def _named(context: Context, wanted_names: tuple[str, ...]) -> tuple[Peer, ...]:
    """Return the systems it is about: those that were named, else all that are installed."""
    unknown = set(wanted_names) - {peer.name for peer in PEERS}
    if unknown:
        names = ", ".join(peer.name for peer in PEERS)
        raise UsageInvalid(f"--system: expected one of {names}, got {', '.join(sorted(unknown))}")
    there = programs(context).there()
    return tuple(peer for peer in there if not wanted_names or peer.name in wanted_names)


def _free_of_pauses(context: Context, peers: tuple[Peer, ...]) -> tuple[Peer, ...]:
    """Leave out what a person has paused: a pause outranks an emergency (safety S29)."""
    free = []
    for peer in peers:
        pause = pauses.load(replace(context.layout, system=peer.name).pause, context.clock.now_s())
        if pause is None:
            free.append(peer)
        else:
            complain(f"{peer.name} is left alone: {pause.spoken()}; `{peer.app} resume` ends the pause")
    return tuple(free)


def _plan(causes: tuple[Peer, ...]) -> int:
    names = ", ".join(peer.name for peer in causes) or "nothing"
    say(f"1. pause-guards: the guards of {names}")
    say("2. back-up: every system, marked as taken in an emergency")
    say(f"3. recover: {names}")
    say("4. free-guards: the scores say whether it is over")
    return 0
