"""`rollback`: by hand, to the deploy that a person names, or to the newest good one (safety S26)."""

from __future__ import annotations

import sys

from automation.core.errors import EffectFailed, StepRefused, UsageInvalid
from automation.core.moments import to_text
from automation.engine.by_hand import on_record
from automation.engine.calling import Call
from automation.engine.context import Context, build, prepare_folders
from automation.engine.service.answers import OutcomeUnknown
from automation.engine.terminal import complain, safe, say, say_json
from automation.systems.netlify.api import PAGE_CAP, NetlifyApi
from automation.systems.netlify.deploying import connected
from automation.systems.netlify.memory import Memory
from automation.systems.netlify.records import Deploy
from automation.systems.netlify.rollback_target import (
    NoTarget,
    Rollback,
    cause_of,
    chosen_target,
    rollback_target,
)
from automation.systems.netlify.waiting import until_live

BY_HAND = "by-hand"


def rollback(call: Call) -> int:
    """Publish an earlier deploy again, and see that it is live.

    Raises:
        StepRefused: There is no token, or no deploy to go back to.
        UsageInvalid: Nobody can be asked.
        LockBusy: Somebody else is acting.
        EffectFailed: Netlify failed; the line says what is live.
    """
    context = build(call.system, call.workspace, call.environment, call.clock)
    _, api = connected(context)
    current, target = choose(api, Memory(context.layout.state), call.text("deploy"))
    if not call.flag("json"):
        say(f"live now:   {_shown(current)}")
        say(f"going back: {_shown(target)}")
    if not call.flag("yes") and not _asked(target):
        complain("nothing was rolled back")
        return 1
    prepare_folders(context.layout)
    with on_record(context, "rollback", target.id) as said:
        go_back(context, api, current, target)
        said.append(f"deploy {target.id} is live again, {current.id} is not")
    if call.flag("json"):
        say_json({"from": current.id, "to": target.id, "live": True})
    else:
        say(said[0])
        say("the next push is published over it: lock the deploy on its page until the cause is repaired")
    return 0


def go_back(context: Context, api: NetlifyApi, current: Deploy, target: Deploy) -> None:
    """Publish the target, and wait until it is live.

    Raises:
        StepRefused: Something else is live meanwhile.
        EffectFailed: Netlify refused, or the target did not become live.
    """
    again = api.published_deploy()
    if again is None or again.id != current.id:
        raise StepRefused("another deploy was published meanwhile: look again")
    cause = cause_of(BY_HAND, current.id)
    begun = Rollback(cause, current.id, target.id, context.clock.now_s())
    Memory(context.layout.state).note_rollback(begun)
    try:
        api.restore_deploy(target.id)
    except OutcomeUnknown as error:  # whether it was done, the site itself says
        complain(f"{error}: looking")
    timeout_s = context.settings.seconds("deploy_timeout")
    published = until_live(api, target.id, context.clock, timeout_s=timeout_s)
    if published is None or published.id != target.id:
        live = published.id if published else "none"
        raise EffectFailed(f"deploy {target.id} is not live after {timeout_s:.0f} s: {live} is")


def choose(api: NetlifyApi, memory: Memory, wanted_id: str) -> tuple[Deploy, Deploy]:
    """Return what is live, and what to go back to.

    Raises:
        StepRefused: There is nothing to go back to; the line says why.
        EffectFailed: Netlify could not be asked, or refused.
    """
    current, deploys = api.published_deploy(), api.deploys(PAGE_CAP)
    if wanted_id:
        found = chosen_target(deploys, current, wanted_id)
    else:
        cause = cause_of(BY_HAND, current.id if current else "")
        found = rollback_target(deploys, current, cause, memory.rollbacks())
    if isinstance(found, NoTarget) or current is None:
        reason = found.reason if isinstance(found, NoTarget) else "nothing is published"
        way_out = "" if wanted_id else "; `rollback DEPLOY` goes to the one that you name"
        raise StepRefused(f"nothing was rolled back: {reason}{way_out}")
    return current, found.deploy


def _asked(target: Deploy) -> bool:
    """Ask on a terminal; elsewhere nobody can be asked.

    Raises:
        UsageInvalid: There is no terminal.
    """
    if not sys.stdin.isatty():
        raise UsageInvalid("rollback changes the live site: off a terminal it needs --yes")
    complain(f"publish {target.id} again? [y/N]")
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _shown(deploy: Deploy) -> str:
    at = "" if deploy.published_at_s is None else f", published {to_text(deploy.published_at_s)}"
    commit = f", commit {deploy.commit_ref[:12]}" if deploy.commit_ref else ""
    return safe(f"{deploy.id}{at}{commit}")
