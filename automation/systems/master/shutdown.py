"""`shutdown`: stops the suite's own apps, in an order that loses nothing, and only them (safety S31)."""

from __future__ import annotations

import getpass

from automation.core.errors import EffectFailed
from automation.engine.calling import Call
from automation.engine.context import build, prepare_folders
from automation.engine.terminal import complain, say
from automation.stores import shutdowns
from automation.systems.master.apps import apps
from automation.systems.master.peers import MASTER_APP, PEERS
from automation.systems.master.programs import programs

NOT_KNOWN = "not found"


def shutdown(call: Call) -> int:
    """Record the shutdown, then stop the apps: the master first, who would restart the others.

    Raises:
        EffectFailed: The shutdown could not be recorded; then nothing is stopped.
    """
    context = build(call.system, call.workspace, call.environment, call.clock)
    prepare_folders(context.layout)
    who = call.environment.get("SUDO_USER") or getpass.getuser()
    shutdowns.record(context.layout.shutdown, call.clock.now_s(), who)
    there = {peer.name for peer in programs(context).there()}
    names = [MASTER_APP, *(peer.app for peer in reversed(PEERS) if peer.name in there)]
    failed = 0
    for name in names:
        try:
            apps(context).stop(name)
            say(f"stopped {name}")
        except EffectFailed as error:
            if NOT_KNOWN in str(error):
                say(f"{name} is not in PM2's list")
                continue
            failed += 1
            complain(f"not stopped: {name}: {error}")
    say("what still runs acts on nothing until the start script starts the suite again")
    return 1 if failed else 0
