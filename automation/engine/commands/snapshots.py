"""`backup`, `backups` and `prune`: taking, listing and thinning out the snapshots of one system."""

from __future__ import annotations

from automation.engine import backup_care
from automation.engine.backup_notes import failure_noted, note, note_quietly
from automation.engine.calling import Call
from automation.engine.context import build, prepare_folders
from automation.engine.progress import progress
from automation.engine.snapshot_lines import files, none_there
from automation.engine.snapshots import backed_up, prepare_backups, prune, store_of
from automation.engine.terminal import complain, safe, say, say_json
from automation.ports.gentle import be_gentle
from automation.stores.backups.store import Snapshot

MOST_SHOWN = 200


def backup(call: Call) -> int:
    """Take a snapshot now; nothing changed is no new snapshot.

    Raises:
        LockBusy: Another process works on these snapshots.
    """
    snapshot = take(call)
    if call.flag("json"):
        say_json(taken_record(snapshot))
    else:
        say(described(snapshot))
    return complain_of_skipped(snapshot)


def take(call: Call) -> Snapshot | None:
    """Take a snapshot, and keep for the report what was done.

    By the clock (`--scheduled`) it also does what is to be done day by day: see `backup_care`.

    Raises:
        LockBusy: Another process works on these snapshots.
        EffectFailed: The disk said no; nothing of the snapshot stays.
    """
    context = build(call.system, call.workspace, call.environment, call.clock)
    prepare_folders(context.layout)
    scheduled = call.flag("scheduled")
    if scheduled:
        be_gentle()
    reason = call.text("reason") or ("scheduled" if scheduled else "by hand")
    with failure_noted(context), progress(f"backing up {context.system.name}") as shown:
        store = store_of(context, tell=shown.count)
        prepare_backups(context)
        snapshot = store.take(backed_up(context).sources, reason, latest_allowed=not call.flag("emergency"))
        note(context, store, succeeded=True)  # whatever comes of the rest, there is a backup
        if scheduled or call.flag("prune"):
            prune(context, store)
            note(context, store)
        if scheduled:
            note(context, store, backup_care.look_after(store))
    return snapshot


def taken_record(snapshot: Snapshot | None) -> dict[str, object]:
    """Return as JSON values what a backup took."""
    if snapshot is None:
        return {"id": None, "changed": False, "leftOut": []}
    left_out = [{"path": one.path, "reason": one.reason} for one in snapshot.skipped]
    return {
        "id": snapshot.id,
        "changed": True,
        "files": snapshot.files,
        "bytes": snapshot.total_bytes,
        "allValid": snapshot.all_valid,
        "leftOut": left_out,
    }


def described(snapshot: Snapshot | None) -> str:
    """Say in one line what a backup took."""
    if snapshot is None:
        return "nothing changed since the last snapshot: no new one"
    return f"{snapshot.id}: {files(snapshot.files)}, {snapshot.total_bytes} bytes"


def complain_of_skipped(snapshot: Snapshot | None) -> int:
    """Name what could not be read, and return the exit code: 1 where anything was left out."""
    for problem in () if snapshot is None else snapshot.skipped:
        complain(f"left out: {safe(problem.path)}: {problem.reason}")
    return 1 if snapshot is not None and snapshot.skipped_count else 0


def backups(call: Call) -> int:
    """List the snapshots, oldest first."""
    context = build(call.system, call.workspace, call.environment, call.clock)
    there = store_of(context).snapshots()
    if call.flag("json"):
        say_json([_row(one) for one in there])
        return 0
    if not there:
        say(none_there(context))
    if len(there) > MOST_SHOWN:
        say(f"({len(there) - MOST_SHOWN} older ones are not shown; --json lists all)")
    for one in there[-MOST_SHOWN:]:
        say(_line(one))
    return 0


def _line(one: Snapshot) -> str:
    if one.damage:
        return f"{one.id}  DAMAGED: {safe(one.damage)}"
    state = f"verified {one.verified_at}" if one.verified else "FAILED VERIFICATION"
    validity = "" if one.all_valid else ", holds files that are not valid"
    validity += f", {one.skipped_count} left out" if one.skipped_count else ""
    validity += ", taken in an emergency" if one.kind == "emergency" else ""
    return (
        f"{one.id}  {one.created_at}  {one.files:>5} files  {one.total_bytes:>10} bytes  "
        f"{state}{validity}  ({safe(one.reason)})"
    )


def _row(one: Snapshot) -> dict[str, object]:
    return {
        "id": one.id,
        "createdAt": one.created_at,
        "kind": one.kind,
        "files": one.files,
        "bytes": one.total_bytes,
        "verified": one.verified,
        "verifiedAt": one.verified_at,
        "allValid": one.all_valid,
        "leftOut": one.skipped_count,
        "reason": one.reason,
        "damage": one.damage,
    }


def prune_snapshots(call: Call) -> int:
    """Apply the retention policy.

    Raises:
        LockBusy: Another process works on these snapshots.
    """
    context = build(call.system, call.workspace, call.environment, call.clock)
    dry, store = call.flag("dry_run"), store_of(context)
    if not dry:
        prepare_folders(context.layout)
    with progress(f"pruning {context.system.name}"):
        pruned = prune(context, store, dry_run=dry)
        if not dry:
            note_quietly(context, store)
    if call.flag("json"):
        kept = [{"id": one.id, "why": one.why} for one in pruned.kept]
        say_json({"dryRun": dry, "removed": list(pruned.removed), "kept": kept})
        return 0
    for id_ in pruned.removed:
        say(f"{'would remove' if dry else 'removed'} {id_}")
    for one in pruned.kept:
        say(f"keeps {one.id}: {one.why}")
    if pruned.removed or pruned.kept:
        say(f"{len(pruned.removed)} {'to remove' if dry else 'removed'}, {len(pruned.kept)} kept")
    else:
        say(none_there(context))
    return 0
