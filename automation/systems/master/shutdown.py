"""`shutdown`: stops the suite's own apps, in an order that loses nothing, and only them (safety S31)."""

from __future__ import annotations

from automation.core.errors import AutomationError
from automation.engine.audited import audited
from automation.engine.by_hand import person
from automation.engine.calling import Call
from automation.engine.context import build, prepare_folders
from automation.engine.terminal import complain, safe, say
from automation.stores import shutdowns
from automation.systems.master.apps import apps
from automation.systems.master.peers import MASTER_APP, PEERS


def shutdown(call: Call) -> int:
    """Record the shutdown, then stop the apps: the master first, who would restart the others.

    Raises:
        EffectFailed: The shutdown could not be recorded; then nothing is stopped.
    """
    context = build(call.system, call.workspace, call.environment, call.clock)
    prepare_folders(context.layout)
    who = person(call.environment)
    shutdowns.record(context.layout.shutdown, call.clock.now_s(), who)
    ours = apps(context)
    failed = 0
    for name in (MASTER_APP, *(peer.app for peer in reversed(PEERS))) if ours.daemon_lives() else ():
        line = {"by": f"hand: {who}", "step": "stop", "problem": "shutdown", "subject": name, "rule": "S31"}
        try:
            with audited(context, line) as act:
                act.detail = f"stopped {name}" if ours.stop(name) else f"{name} was not running"
            say(act.detail)
        except AutomationError as error:
            failed += 1
            complain(safe(f"not stopped: {name}: {error}"))
    if not ours.daemon_lives():
        say("PM2 is not running: nothing of ours runs in it")
    say("what still runs acts on nothing until the start script starts the suite again")
    return 1 if failed else 0
