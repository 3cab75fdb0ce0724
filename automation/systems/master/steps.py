"""What the master does by itself."""

from __future__ import annotations

import sys

from automation.core.errors import EffectFailed, StepRefused
from automation.engine.whereabouts import INSTALLED_IN
from automation.ports.children import spawn
from automation.systems.master.apps import apps
from automation.systems.master.observer import MasterObserver
from automation.systems.master.peers import peer_named
from automation.systems.master.programs import PASSED_ON_PREFIXES


def restart_guard(observer: MasterObserver, subject: str) -> str:
    """Restart a guard that fell silent.

    Raises:
        StepRefused: There is no such guard, or no PM2.
        EffectFailed: PM2 said no.
    """
    peer = peer_named(subject)
    if peer is None:
        raise StepRefused(f"there is no guard of {subject}")
    apps(observer.context).restart(peer.app)
    return f"restarted {peer.app}"


def begin_emergency(observer: MasterObserver, subject: str) -> str:
    """Start the emergency for one system beside the loop: its report tells how it goes.

    Raises:
        EffectFailed: It could not be started.
    """
    context = observer.context
    passed_on = {
        name: value for name, value in context.environment.items() if name.startswith(PASSED_ON_PREFIXES)
    }
    script = INSTALLED_IN / "automation" / context.system.script
    words = ("--workspace", str(context.layout.workspace), "emergency", "--system", subject)
    child = spawn((sys.executable, str(script), *words), passed_on)
    if child is None:
        raise EffectFailed("the emergency's program could not be started")
    child.forget()
    return f"began an emergency for {subject}"
