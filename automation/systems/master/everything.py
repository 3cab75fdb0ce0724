"""`backup`, `restore` and `recovery` over all systems: their programs do it, one after the other.

The snapshots of one moment are a set: the master's own snapshot, taken last, names the ids of the others.
"""

from __future__ import annotations

import secrets

from automation.core.errors import EffectFailed, RecordDamaged, UsageInvalid
from automation.core.moments import to_text
from automation.engine.calling import Call
from automation.engine.commands import snapshots as own
from automation.engine.context import Context, build, prepare_folders
from automation.engine.snapshots import store_of
from automation.engine.terminal import complain, safe, say
from automation.ports.commands import Ran
from automation.stores.backups.listing import snapshots
from automation.stores.records import read_record, write_record
from automation.systems.master.backed_up import SET_FILE
from automation.systems.master.peers import Peer
from automation.systems.master.programs import programs


def backup(call: Call) -> int:
    """Take a snapshot of every system, then the master's own, which names them.

    Raises:
        LockBusy: Another process works on the master's snapshots.
    """
    context = build(call.system, call.workspace, call.environment, call.clock)
    prepare_folders(context.layout)
    set_id = secrets.token_hex(4)
    words = _backup_words(call, set_id)
    ends = {peer: programs(context).run(peer, "backup", *words) for peer in programs(context).there()}
    for peer, ran in ends.items():
        _say(peer, ran)
    write_record(context.layout.state / SET_FILE, _set_record(context, set_id, tuple(ends)))
    return max(own.backup(call), _worst(tuple(ends.values())))


def _backup_words(call: Call, set_id: str) -> tuple[str, ...]:
    reason = f"{call.text('reason') or 'by hand'} (set {set_id})"
    switches = [f"--{name}" for name in ("emergency", "prune") if call.flag(name)]
    return ("--reason", reason, *switches)


def _set_record(context: Context, set_id: str, peers: tuple[Peer, ...]) -> dict[str, object]:
    """Name the newest whole snapshot of each system: where nothing changed, an older one is this moment's."""
    named: dict[str, object] = {}
    for peer in peers:
        there = [one for one in snapshots(context.layout.backups / peer.backups) if one.damage is None]
        if there:
            named[peer.name] = there[-1].id
    return {"schema": 1, "set": set_id, "at": to_text(context.clock.now_s()), "snapshots": named}


def restore(call: Call) -> int:
    """Put back every system as one set has it.

    Raises:
        UsageInvalid: There is no such set, or nobody can be asked.
    """
    context = build(call.system, call.workspace, call.environment, call.clock)
    named = _named_by(context, call.text("id"))
    words = [f"--{name.replace('_', '-')}" for name in ("dry_run", "yes") if call.flag(name)]
    for path in call.texts("path"):
        words += ["--path", path]
    if not call.flag("yes") and not call.flag("dry_run"):
        raise UsageInvalid("restore of all systems asks nothing: give --dry-run to see, --yes to do it")
    ends = []
    for peer in programs(context).there():
        if peer.name in named:
            ran = programs(context).run(peer, "restore", named[peer.name], *words)
            _say(peer, ran)
            ends.append(ran)
    if not ends:
        complain("no system of this set is installed here")
        return 1
    return _worst(tuple(ends))


def _named_by(context: Context, snapshot_id: str) -> dict[str, str]:
    """Return the ids that a master's snapshot names; without an id the newest one's."""
    store = store_of(context)
    whole = [one.id for one in store.snapshots() if one.damage is None and one.kind != "before-restore"]
    chosen = snapshot_id or (whole[-1] if whole else "")
    if chosen not in whole:
        raise UsageInvalid(f"there is no set {chosen or 'yet'}; see the list of `backups`")
    path = context.layout.snapshots / chosen / "set" / SET_FILE
    try:
        record = read_record(path)
    except RecordDamaged as error:
        raise EffectFailed(str(error)) from error
    named = record.get("snapshots") if isinstance(record, dict) else None
    if not isinstance(named, dict):
        raise EffectFailed(f"{path} names no snapshots")
    return {str(name): str(one) for name, one in named.items()}


def recovery(call: Call) -> int:
    """Let every guard recover what is wrong now, the PM2 guard first."""
    context = build(call.system, call.workspace, call.environment, call.clock)
    words = ["--dry-run"] if call.flag("dry_run") else []
    words += ["--subject", call.text("subject")] if call.text("subject") else []
    ends = []
    for peer in programs(context).there():
        ran = programs(context).run(peer, "recovery", *words)
        _say(peer, ran)
        ends.append(ran)
    return _worst(tuple(ends))


def _say(peer: Peer, ran: Ran) -> None:
    for line in ran.stdout.splitlines():
        say(f"{peer.name}: {safe(line)}")
    for line in ran.stderr.splitlines():
        complain(f"{peer.name}: {safe(line)}")
    if ran.status:
        complain(f"{peer.name}: ended with exit status {ran.status}")


def _worst(ends: tuple[Ran, ...]) -> int:
    """Return 0 where all is done, 75 where somebody was busy and nothing else failed, else 1."""
    statuses = {ran.status for ran in ends} - {0}
    if not statuses:
        return 0
    return 75 if statuses == {75} else 1
