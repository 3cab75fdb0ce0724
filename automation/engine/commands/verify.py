"""`verify`: every byte of snapshots is read again and compared with what was taken."""

from __future__ import annotations

from collections.abc import Sequence

from automation.core.errors import UsageInvalid
from automation.engine.backup_notes import note_quietly
from automation.engine.calling import Call
from automation.engine.commands.snapshots import MOST_SHOWN
from automation.engine.context import Context, build
from automation.engine.progress import progress
from automation.engine.snapshot_choice import chosen_id
from automation.engine.snapshot_lines import files, none_there
from automation.engine.snapshots import latest_of, store_of
from automation.engine.terminal import complain, safe, say, say_json
from automation.stores.backups.store import Verification


def verify(call: Call) -> int:
    """Verify one snapshot, all, or the newest; 1 where any is damaged.

    Raises:
        UsageInvalid: There is no such snapshot.
    """
    if call.text("id") and call.flag("all"):
        raise UsageInvalid("verify: give an id or --all, not both")
    context = build(call.system, call.workspace, call.environment, call.clock)
    ids = [one.id for one in store_of(context).snapshots()]
    if not ids and not call.text("id"):
        return _nothing(call, context)
    with progress(f"verifying {context.system.name}") as shown:
        if call.flag("all"):
            store = store_of(context, tell=lambda done: shown.at(done, len(ids)))
            found = sorted(store.verify_all(), key=lambda one: one.id)
        else:
            store = store_of(context)
            wanted = chosen_id(call.text("id"), ids, latest_of(store)) if call.text("id") else ids[-1]
            found = [store.verify(wanted)]
        note_quietly(context, store)
    left = sorted(set(ids) - {one.id for one in found}) if call.flag("all") else []
    return _tell(call, found, left)


def _tell(call: Call, found: Sequence[Verification], left: Sequence[str]) -> int:
    """Say what was found; what was not verified (a newer version wrote it, it went meanwhile) is named."""
    if call.flag("json"):
        say_json([_row(one) for one in found])
    else:
        for one in found:
            _show(one)
    for id_ in left:
        complain(f"{id_}: not verified: a newer version wrote it, or it was removed meanwhile")
    return 0 if not left and all(one.ok for one in found) else 1


def _nothing(call: Call, context: Context) -> int:
    if call.flag("json"):
        say_json([])
    complain(none_there(context))
    return 1


def _row(one: Verification) -> dict[str, object]:
    bad, repaired = (
        [{"path": problem.path, "reason": problem.reason} for problem in problems]
        for problems in (one.bad, one.repaired)
    )
    return {"id": one.id, "at": one.at, "ok": one.ok, "bad": bad, "repaired": repaired}


def _show(one: Verification) -> None:
    if one.repaired:
        say(f"{one.id}: repaired {files(len(one.repaired))} that had changed or gone")
        for problem in one.repaired[:MOST_SHOWN]:
            say(f"{one.id}: repaired: {safe(problem.path)}: {problem.reason}")
    say(f"{one.id}: {'every byte is as it was' if one.ok else 'DAMAGED'}")
    for problem in one.bad[:MOST_SHOWN]:
        complain(f"{one.id}: {safe(problem.path)}: {problem.reason}")
    if len(one.bad) > MOST_SHOWN:
        complain(f"{one.id}: … and {len(one.bad) - MOST_SHOWN} more")
