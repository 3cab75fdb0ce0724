"""`recovery`, as the PM2 guard has it: the whole ladder, or one of its levels by hand."""

from __future__ import annotations

import secrets
import sys
from dataclasses import replace

from automation.core.errors import UsageInvalid
from automation.engine.by_hand import person
from automation.engine.calling import Call
from automation.engine.commands import recovery as common
from automation.engine.context import Context, build, prepare_folders
from automation.engine.terminal import complain, safe, say, say_json
from automation.engine.whereabouts import INSTALLED_IN
from automation.ports.children import detach
from automation.stores import leases
from automation.stores.leases import EPOCH_VARIABLE
from automation.systems.pm2.connecting import connect
from automation.systems.pm2.daemon.kill_all import KillAll, read_kill_all
from automation.systems.pm2.daemon.last_resort import holds_the_lease, is_last_resort
from automation.systems.pm2.daemon.place import in_own_unit
from automation.systems.pm2.home import own_folder, pm2_home

LEVELS = {
    "process": frozenset({"restart", "recreate", "finish-recreation"}),
    "ecosystem": frozenset({"start-from-ecosystem"}),
    "restore": frozenset({"restore-file", "restore-dump"}),
}
EMERGENCY = "emergency"
IN_EMERGENCY = "emergency"  # who did it, where no person asked for it
WAIT_S = 180.0
LOOK_EVERY_S = 0.1
PASSED_ON = ("REDUNDANCY_", "PM2_")


def recovery(call: Call) -> int:
    """Climb all rungs, those of one level, or kill all and start over.

    Raises:
        UsageInvalid: There is no such level.
        StepRefused: The guard is paused, shut down, or an emergency is at work.
        LockBusy: Somebody else is acting.
    """
    level = call.text("level")
    if level == EMERGENCY:
        return _kill_all(call)
    if level and level not in LEVELS:
        expected = ", ".join((*LEVELS, EMERGENCY))
        raise UsageInvalid(f"--level {level}: expected one of {expected}")
    if level:
        return common.recovery(call, LEVELS[level])
    status = common.recovery(call)
    if status and _is_last_resort(call):
        return _kill_all(call, by=IN_EMERGENCY)
    return status


def _is_last_resort(call: Call) -> bool:
    """Tell whether we are the recovery of an emergency, and nothing gentler is left (safety S9)."""
    context = _context(call)
    clock, epoch = context.clock, call.environment.get(EPOCH_VARIABLE, "")
    lease = leases.load(context.layout.lease)
    ours = holds_the_lease(lease, call.system.name, epoch, clock.boot_id(), clock.elapsed_s())
    if not ours or not context.settings.flag("auto_restart"):
        return False
    observer = connect(context)
    try:
        assessment = observer.assess(observer.observe())
    finally:
        observer.close()
    return is_last_resort(assessment, read_kill_all(own_folder(context.environment)), clock.now_s())


def _kill_all(call: Call, by: str = "") -> int:
    """Let a program of its own end everything and start over, and wait for what it did; `by` is no person."""
    context = _context(call)
    if call.flag("dry_run"):
        return _plan(call, context)
    prepare_folders(context.layout)
    common.refuse_where_nobody_may_act(context)
    nonce = secrets.token_hex(8)
    kept = {name: value for name, value in call.environment.items() if name.startswith(PASSED_ON)}
    argv = (sys.executable, "-m", "automation.systems.pm2.daemon.detached")
    by = by or f"hand: {person(context.environment)}"
    detach(
        in_own_unit((*argv, str(call.workspace), nonce, by)),
        kept,
        folder=INSTALLED_IN,
        output=own_folder(context.environment) / "kill-all.log",
    )
    return _tell(call, _wait_for(context, nonce))


def _wait_for(context: Context, nonce: str) -> KillAll | None:
    deadline_s = context.clock.elapsed_s() + WAIT_S
    while context.clock.elapsed_s() < deadline_s:
        done = read_kill_all(own_folder(context.environment))
        if done is not None and done.nonce == nonce and done.ended_s is not None:
            return done
        context.clock.wait(LOOK_EVERY_S)
    return None


def _tell(call: Call, done: KillAll | None) -> int:
    if done is None:
        complain(f"it has not ended within {WAIT_S:g} s and goes on by itself; see `report`")
        return 1
    if call.flag("json"):
        say_json({"ok": done.ok, "detail": done.detail})
    elif done.ok:
        say(f"kill-all PM2: done: {safe(done.detail)}")
    if not done.ok:
        complain(f"kill-all PM2: failed: {safe(done.detail)}")
    return 0 if done.ok else 1


def _plan(call: Call, context: Context) -> int:
    """Print what would be ended and brought back."""
    observer = connect(context)
    try:
        roster = observer.watch.roster()
    finally:
        observer.close()
    names = [str(one.env.get("name")) for one in roster.apps]
    if call.flag("json"):
        say_json({"wouldTake": [{"problem": "", "subject": "PM2", "steps": ["kill-all"], "apps": names}]})
        return 0
    said = ", ".join(map(safe, names[:20])) + (" …" if len(names) > 20 else "")  # noqa: PLR2004  # enough to see
    say(f"kill-all: end PM2's daemon in {safe(str(pm2_home(context.environment)))} and its {len(names)} apps")
    say(f"start over: one daemon, each app as it was last seen: {said or 'none'}")
    return 0


def _context(call: Call) -> Context:
    return replace(build(call.system, call.workspace, call.environment, call.clock), by_hand=True)
