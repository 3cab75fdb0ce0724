"""What the master does by itself."""

from __future__ import annotations

import sys
from dataclasses import replace

from automation.core.errors import EffectFailed, LockBusy, StepRefused
from automation.core.moments import to_text
from automation.ports.apart import spawn_apart
from automation.ports.locks import locked
from automation.stores import leases
from automation.systems.master import emergencies, scripts, wanted
from automation.systems.master.apps import apps
from automation.systems.master.observer import MasterObserver
from automation.systems.master.peers import PM2_GUARD, Peer, peer_named
from automation.systems.master.programs import how_it_ended, passed_on, programs

BRING_BACK_LIMIT_S = 90.0


def restart_guard(observer: MasterObserver, subject: str) -> str:
    """Restart a guard that fell silent; where PM2 died with its guard, bring PM2 back and so all of them.

    Raises:
        StepRefused: There is no such guard, no PM2, or the guard has refused its settings.
        EffectFailed: PM2 said no, or somebody else works on it.
    """
    peer = peer_named(subject)
    if peer is None:
        raise StepRefused(f"there is no guard of {subject}")
    ours = apps(observer.context)
    if peer == PM2_GUARD and not ours.daemon_lives():
        return _bring_pm2_back(observer, peer)
    try:
        ours.restart(peer.app)
    except LockBusy as error:
        raise EffectFailed(str(error)) from error
    return f"restarted {peer.app}"


def _bring_pm2_back(observer: MasterObserver, peer: Peer) -> str:
    """Let the PM2 guard's own `recovery` judge and act: after an orderly end it does nothing (safety S14)."""
    runner = replace(programs(observer.context), limit_s=BRING_BACK_LIMIT_S)
    if peer not in runner.there():
        raise StepRefused("PM2 is not running: the start script brings it back")
    ran = runner.run(peer, "recovery")
    if ran.status:
        raise EffectFailed(f"PM2 is not running; `recovery` of its guard: {how_it_ended(ran)}")
    return f"PM2 was not running; {how_it_ended(ran)}"


def begin_emergency(observer: MasterObserver, subject: str) -> str:
    """Ask for an emergency of one system: a program beside the loop takes its four steps.

    Apart from us: PM2 ends the master together with its children, and half an emergency helps nobody.

    Raises:
        EffectFailed: It could not be asked for.
    """
    context = observer.context
    wanted.add(context.layout, subject)
    if observer.run is not None and not observer.run.ended():
        return f"asked the emergency that is under way to take up {subject}"
    observer.close()
    script = scripts.FOLDER / context.system.script
    words = ("--workspace", str(context.layout.workspace), "emergency", "--wanted")
    observer.run = spawn_apart((sys.executable, str(script), *words), passed_on(context.environment))
    if observer.run is None:
        raise EffectFailed("the emergency's program could not be started")
    return f"began an emergency for {subject}"


def free_guards(observer: MasterObserver, _subject: str) -> str:
    """End a lease that a run which died left behind, or that no cause needs any more (safety S30).

    Raises:
        EffectFailed: The disk said no.
    """
    layout, now_s = observer.context.layout, observer.context.clock.now_s()
    try:
        with locked(
            emergencies.lock_path(layout),
            purpose="freeing the guards",
            since=to_text(now_s),
            timeout_s=0.0,
        ):
            leases.clear(layout.lease)
            left = emergencies.load(layout).told(now_s, "free-guards", "its program had ended", ok=False)
            emergencies.save(layout, replace(left, running=False))
            return "the guards are free: the emergency's program had ended in the middle"
    except LockBusy:
        # It lives, and renews only what it still has.
        leases.clear(layout.lease)
        return "the guards are free: no cause is below the threshold any more"
