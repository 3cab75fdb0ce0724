"""`backup` and `recovery` over all systems: their programs do it, one after the other.

The snapshots of one moment are a set: the master's own snapshot, taken last, names the ids of the others.
"""

from __future__ import annotations

from automation.engine.calling import Call
from automation.engine.commands import snapshots as own
from automation.engine.context import build, prepare_folders
from automation.engine.progress import progress
from automation.engine.terminal import complain, safe, say, say_json
from automation.ports.commands import Ran
from automation.ports.gentle import be_gentle
from automation.systems.master import sets
from automation.systems.master.peers import Peer
from automation.systems.master.programs import BUSY, Programs, programs
from automation.systems.master.tokens import lacks_token


def backup(call: Call) -> int:
    """Take a snapshot of every system, then the master's own, which names them.

    Raises:
        LockBusy: Another process works on the master's snapshots.
    """
    context = build(call.system, call.workspace, call.environment, call.clock)
    prepare_folders(context.layout)
    scheduled = call.flag("scheduled")
    if scheduled:
        be_gentle()
    set_id = sets.new_set_id()
    reason = f"{call.text('reason') or ('scheduled' if scheduled else 'by hand')} (set {set_id})"
    parts = _take_parts(call, programs(context), reason, prune=scheduled or call.flag("prune"))
    for part in parts:
        _say_part(part, silent=call.flag("json"))
    taken = sets.note(context, set_id, parts)
    snapshot = own.take(call)
    if call.flag("json"):
        identity = None if snapshot is None else snapshot.id
        document = {"id": identity, "set": set_id, "whole": taken.whole, "snapshots": dict(taken.snapshots)}
        say_json(document | {"changed": snapshot is not None})
    else:
        say(f"{call.system.name}: {own.described(snapshot)}")
    return max(own.complain_of_skipped(snapshot), worst([part.ran for part in parts]))


def _take_parts(call: Call, runner: Programs, reason: str, *, prune: bool) -> list[sets.Part]:
    """Take the snapshot of every system that is there, one after the other."""
    peers, parts = runner.there(), []
    with progress("backing up all systems") as shown:
        for number, peer in enumerate(peers):
            shown.at(number, len(peers), peer.name)
            emergency = call.flag("emergency")
            parts.append(sets.take_part(runner, peer, reason, emergency=emergency, prune=prune))
    return parts


def _say_part(part: sets.Part, *, silent: bool) -> None:
    if not part.ok:
        complain(f"{part.peer.name}: {safe(part.spoken())}")
    elif not silent:
        say(f"{part.peer.name}: {safe(part.spoken())}")


def recovery(call: Call) -> int:
    """Let every guard recover what is wrong now, the PM2 guard first."""
    context = build(call.system, call.workspace, call.environment, call.clock)
    words = ["--dry-run"] if call.flag("dry_run") else []
    words += ["--subject", call.text("subject")] if call.text("subject") else []
    ends = []
    for peer in programs(context).there():
        ran = programs(context).run(peer, "recovery", *words)
        repeat(peer, ran)
        lacks = lacks_token(peer, context.environment)
        if lacks:
            complain(f"{peer.name}: {lacks}")
        ends.append(ran)
    if not ends:
        say("no guard is installed: there is nothing to recover")
    return worst(ends)


def repeat(peer: Peer, ran: Ran) -> None:
    """Say what a guard's program said, each line with the system's name before it."""
    for line in ran.stdout.splitlines():
        say(f"{peer.name}: {safe(line)}")
    for line in ran.stderr.splitlines():
        complain(f"{peer.name}: {safe(line)}")
    if ran.status:
        complain(f"{peer.name}: ended with exit status {ran.status}")


def worst(ends: list[Ran]) -> int:
    """Return 0 where all is done, 75 where somebody was busy and nothing else failed, else 1."""
    statuses = {ran.status for ran in ends} - {0}
    if not statuses:
        return 0
    return BUSY if statuses == {BUSY} else 1
