"""`verify`: every byte of snapshots is read again and compared with what was taken."""

from __future__ import annotations

from automation.core.errors import AutomationError, UsageInvalid
from automation.engine.backup_notes import note_quietly
from automation.engine.calling import Call
from automation.engine.commands.snapshots import MOST_SHOWN
from automation.engine.context import build
from automation.engine.progress import progress
from automation.engine.snapshot_choice import chosen_id
from automation.engine.snapshots import latest_of, store_of
from automation.engine.terminal import complain, safe, say, say_json
from automation.stores.backups.store import SnapshotStore, Verification


def verify(call: Call) -> int:
    """Verify one snapshot, all, or the newest; 1 where any is damaged.

    Raises:
        UsageInvalid: There is no such snapshot.
    """
    if call.text("id") and call.flag("all"):
        raise UsageInvalid("verify: give an id or --all, not both")
    context = build(call.system, call.workspace, call.environment, call.clock)
    store = store_of(context)
    ids = [one.id for one in store.snapshots()]
    wanted = ids if call.flag("all") else ids[-1:]
    if call.text("id"):
        wanted = [chosen_id(call.text("id"), ids, latest_of(store))]
    if not wanted:
        return _nothing(call)
    found, failed = _verify(store, wanted)
    note_quietly(context, store)
    if call.flag("json"):
        say_json([_row(one) for one in found])
    else:
        for one in found:
            _show(one)
    for line in failed:
        complain(line)
    return 0 if not failed and all(one.ok for one in found) else 1


def _nothing(call: Call) -> int:
    if call.flag("json"):
        say_json([])
    complain("there are no snapshots yet")
    return 1


def _verify(store: SnapshotStore, ids: list[str]) -> tuple[list[Verification], list[str]]:
    """Verify each; one that cannot be judged (a newer version wrote it, it went meanwhile) is named."""
    found: list[Verification] = []
    failed: list[str] = []
    with progress("verifying") as shown:
        for number, id_ in enumerate(ids):
            shown.at(number, len(ids), id_)
            try:
                found.append(store.verify(id_))
            except AutomationError as error:
                failed.append(f"{id_}: {safe(str(error))}")
    return found, failed


def _row(one: Verification) -> dict[str, object]:
    bad = [{"path": problem.path, "reason": problem.reason} for problem in one.bad]
    return {"id": one.id, "ok": one.ok, "bad": bad}


def _show(one: Verification) -> None:
    say(f"{one.id}: {'every byte is as it was' if one.ok else 'DAMAGED'}")
    for problem in one.bad[:MOST_SHOWN]:
        complain(f"{one.id}: {safe(problem.path)}: {problem.reason}")
    if len(one.bad) > MOST_SHOWN:
        complain(f"{one.id}: … and {len(one.bad) - MOST_SHOWN} more")
