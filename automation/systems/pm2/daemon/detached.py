"""The program that kills all and starts over: nobody's child, so that it outlives what it ends (safety S9).

`python -m automation.systems.pm2.daemon.detached WORKSPACE NONCE WHO`, as `recovery --level emergency` does.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from automation.core import redact
from automation.core.errors import AutomationError
from automation.core.moments import to_text
from automation.core.report import Outcome
from automation.engine.audited import audited
from automation.engine.commands.recovery import refuse_where_nobody_may_act
from automation.engine.context import Context, build, prepare_folders
from automation.ports.clock import SystemClock
from automation.ports.locks import locked
from automation.stores import outcomes
from automation.systems.pm2 import SYSTEM
from automation.systems.pm2.connecting import connect
from automation.systems.pm2.daemon.kill_all import KillAll, write_kill_all
from automation.systems.pm2.daemon.steps import start_over

LOCK_WAIT_S = 60.0
STEP = "kill-all"
BY_HAND = "by-hand"
TOO_FEW_RUN = "too-few-run"
SUBJECT = "PM2"


def main(words: Sequence[str]) -> int:
    """Do it, and leave written what came of it."""
    workspace, nonce, by = words
    context = build(SYSTEM, Path(workspace), os.environ, SystemClock())
    context = replace(context, by_hand=True)
    prepare_folders(context.layout)
    began = KillAll(nonce, context.clock.now_s())
    write_kill_all(context.layout.own, began)
    ok, detail = False, "it was cut short"
    try:
        ok, detail = _done(context, by)
    finally:
        ended = replace(began, ended_s=context.clock.now_s(), ok=ok, detail=redact.text(detail)[:500])
        write_kill_all(context.layout.own, ended)
    return 0 if ok else 1


def _done(context: Context, by: str) -> tuple[bool, str]:
    since = to_text(context.clock.now_s())
    try:
        lock = locked(context.layout.action_lock, purpose=STEP, since=since, timeout_s=LOCK_WAIT_S)
        with lock:
            refuse_where_nobody_may_act(context)
            return _take(context, by, BY_HAND if by.startswith("hand: ") else TOO_FEW_RUN)
    except AutomationError as error:
        return False, str(error)


def _take(context: Context, by: str, problem: str) -> tuple[bool, str]:
    began_s, elapsed_s = context.clock.now_s(), context.clock.elapsed_s()
    observer = connect(context)
    ok, detail = False, ""
    try:
        with audited(context, {"by": by, "step": STEP, "problem": problem, "subject": SUBJECT}) as act:
            detail = act.detail = start_over(observer)
            ok = True
    except AutomationError as error:
        detail = str(error)
    finally:
        observer.close()
    took_ms = round((context.clock.elapsed_s() - elapsed_s) * 1000)
    outcome = Outcome(began_s, problem, SUBJECT, STEP, ok, redact.text(detail)[:500], took_ms, by)
    outcomes.append(context.layout.outcomes, (outcome,))
    return ok, detail


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
