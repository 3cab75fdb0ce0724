"""`backup`, `backups`, `verify`, `restore` and `prune`: the snapshots of one system."""

from __future__ import annotations

import sys

from automation.core.errors import EffectFailed, UsageInvalid
from automation.core.moments import to_text
from automation.engine.audited import audited
from automation.engine.by_hand import person
from automation.engine.calling import Call
from automation.engine.context import Context, build, prepare_folders
from automation.engine.snapshots import backed_up, prepare_backups, store_of
from automation.engine.terminal import complain, safe, say, say_json
from automation.stores.backup_outcomes import write_outcome
from automation.stores.backup_sets import pinned
from automation.stores.backups.retention import Policy, Pruned
from automation.stores.backups.store import Restored, RestorePlan, Snapshot, SnapshotStore

MOST_SHOWN = 200


def backup(call: Call) -> int:
    """Take a snapshot now; nothing changed is no new snapshot.

    Raises:
        LockBusy: Another process works on these snapshots.
    """
    snapshot = take(call)
    if call.flag("json"):
        say_json({"id": None if snapshot is None else snapshot.id, "changed": snapshot is not None})
    else:
        say(described(snapshot))
    return complain_of_skipped(snapshot)


def take(call: Call) -> Snapshot | None:
    """Take a snapshot, apply the policy where that is asked for, and keep for the report what was done.

    Raises:
        LockBusy: Another process works on these snapshots.
        EffectFailed: The disk said no; nothing of the snapshot stays.
    """
    context = build(call.system, call.workspace, call.environment, call.clock)
    prepare_folders(context.layout)
    prepare_backups(context)
    store = store_of(context)
    reason = call.text("reason") or "by hand"
    emergency = call.flag("emergency")
    try:
        snapshot = store.take(backed_up(context).sources, reason, latest_allowed=not emergency)
    except EffectFailed as error:
        _note(context, store, failure=str(error))
        raise
    if call.flag("prune"):
        _prune(context, store)
    _note(context, store, failure=None)
    return snapshot


def described(snapshot: Snapshot | None) -> str:
    """Say in one line what a backup took."""
    if snapshot is None:
        return "nothing changed since the last snapshot: no new one"
    return f"{snapshot.id}: {snapshot.files} files, {snapshot.total_bytes} bytes"


def complain_of_skipped(snapshot: Snapshot | None) -> int:
    """Name what could not be read, and return the exit code: 1 where anything was left out."""
    for problem in () if snapshot is None else snapshot.skipped:
        complain(f"left out: {safe(problem.path)}: {problem.reason}")
    return 1 if snapshot is not None and snapshot.skipped_count else 0


def _prune(context: Context, store: SnapshotStore, *, dry_run: bool = False) -> Pruned:
    """Apply the retention policy; what a set names stays (safety S22)."""
    policy = Policy(keep_last=context.settings.count("keep_last"))
    named = pinned(context.layout.backups, context.system.name)
    return store.prune(policy, pinned=named, dry_run=dry_run)


def _note(context: Context, store: SnapshotStore, *, failure: str | None) -> None:
    """Keep for the report what was done; a backup that failed does not move `lastAt`."""
    there = [one for one in store.snapshots() if one.damage is None]
    changed: dict[str, object] = {
        "failure": failure,
        "count": len(there),
        "bytes": sum(one.total_bytes for one in there),
        "lastId": there[-1].id if there else None,
        "lastVerifiedAt": there[-1].verified_at or there[-1].created_at if there else None,
    }
    if failure is None:
        changed["lastAt"] = to_text(context.clock.now_s())
    write_outcome(context.layout.backup_outcome, **changed)


def backups(call: Call) -> int:
    """List the snapshots, oldest first."""
    context = build(call.system, call.workspace, call.environment, call.clock)
    there = store_of(context).snapshots()
    if call.flag("json"):
        say_json([_row(one) for one in there])
        return 0
    if not there:
        say("no snapshots yet")
    for one in there[-MOST_SHOWN:]:
        state = (
            f"DAMAGED: {one.damage}" if one.damage else "verified" if one.verified else "FAILED VERIFICATION"
        )
        validity = "" if one.all_valid or one.damage else ", holds files that are not valid"
        say(
            f"{one.id}  {one.created_at}  {one.files:>5} files  {one.total_bytes:>10} bytes  "
            f"{state}{validity}  ({safe(one.reason)})"
        )
    return 0


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
        "reason": one.reason,
        "damage": one.damage,
    }


def verify(call: Call) -> int:
    """Read every byte again: of one snapshot, of all, or of the newest."""
    context = build(call.system, call.workspace, call.environment, call.clock)
    store = store_of(context)
    ids = [one.id for one in store.snapshots()]
    wanted = [call.text("id")] if call.text("id") else ids if call.flag("all") else ids[-1:]
    if not wanted:
        complain("there are no snapshots yet")
        return 1
    found = [store.verify(one) for one in wanted]
    if call.flag("json"):
        say_json(
            [
                {
                    "id": one.id,
                    "ok": one.ok,
                    "bad": [{"path": bad.path, "reason": bad.reason} for bad in one.bad],
                }
                for one in found
            ]
        )
    else:
        for one in found:
            say(f"{one.id}: {'every byte is as it was' if one.ok else 'DAMAGED'}")
            for bad in one.bad[:MOST_SHOWN]:
                complain(f"{one.id}: {safe(bad.path)}: {bad.reason}")
    return 0 if all(one.ok for one in found) else 1


def restore(call: Call) -> int:
    """Show what a restore would change, ask, and do it; what it overwrites is saved first.

    Raises:
        LockBusy: Another process works on these snapshots.
        UsageInvalid: There is no such snapshot, or nobody can be asked.
    """
    context = build(call.system, call.workspace, call.environment, call.clock)
    store = store_of(context)
    plan = store.plan_restore(call.text("id") or None, call.texts("path"))
    if not call.flag("json"):
        _show_plan(plan)
    if call.flag("dry_run") or not plan.to_write:
        if call.flag("json"):
            say_json(_plan_record(plan))
        return 1 if plan.refused or (call.texts("path") and plan.missing) else 0
    if not call.flag("yes") and not asked(len(plan.to_write)):
        complain("nothing was restored")
        return 1
    prepare_folders(context.layout)
    restored = _restore(context, store, plan)
    failed = restored.failed
    if call.flag("json"):
        say_json(
            _plan_record(plan)
            | {
                "savedAs": restored.saved_as,
                "written": list(restored.written),
                "failed": [{"path": one.path, "reason": one.reason} for one in failed],
            }
        )
    else:
        say(f"restored {len(restored.written)} files")
        if restored.saved_as:
            say(f"what they overwrote is in {restored.saved_as}: `restore {restored.saved_as}` undoes this")
    for one in failed:
        complain(f"not restored: {safe(one.path)}: {one.reason}")
    return 1 if failed else 0


def _restore(context: Context, store: SnapshotStore, plan: RestorePlan) -> Restored:
    """Do what a plan says, and say so in the audit log (safety S33)."""
    who = person(context.environment)
    what = {"by": f"hand: {who}", "step": "restore", "subject": plan.snapshot_id or "newest valid copies"}
    with audited(context, what) as act:
        restored = store.restore(plan)
        act.ok = not restored.failed
        written, failed = len(restored.written), len(restored.failed)
        act.detail = f"{written} written, {failed} failed; what they overwrote: {restored.saved_as}"
    return restored


def asked(count: int) -> bool:
    """Ask on a terminal; elsewhere nobody can be asked.

    Raises:
        UsageInvalid: There is no terminal.
    """
    if not sys.stdin.isatty():
        raise UsageInvalid("restore overwrites files: off a terminal it needs --yes (or --dry-run)")
    complain(f"overwrite {count} files? [y/N]")
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _show_plan(plan: RestorePlan) -> None:
    for file in plan.to_write[:MOST_SHOWN]:
        say(f"{file.change:<8} {safe(file.path)}  (from {file.copy.snapshot_id})")
    if len(plan.to_write) > MOST_SHOWN:
        say(f"… and {len(plan.to_write) - MOST_SHOWN} more")
    same = len(plan.files) - len(plan.to_write)
    missing = f"{len(plan.missing)} not in the snapshot (left alone)"
    say(f"{len(plan.to_write)} to write, {same} the same, {missing}")
    for one in plan.refused:
        complain(f"refused: {safe(one.path)}: {one.reason}")


def _plan_record(plan: RestorePlan) -> dict[str, object]:
    return {
        "id": plan.snapshot_id,
        "files": [
            {"path": one.path, "change": one.change, "from": one.copy.snapshot_id} for one in plan.files
        ],
        "missing": list(plan.missing),
        "refused": [{"path": one.path, "reason": one.reason} for one in plan.refused],
    }


def prune(call: Call) -> int:
    """Apply the retention policy."""
    context = build(call.system, call.workspace, call.environment, call.clock)
    dry = call.flag("dry_run")
    pruned = _prune(context, store_of(context), dry_run=dry)
    if call.flag("json"):
        say_json(
            {"removed": list(pruned.removed), "kept": [{"id": one.id, "why": one.why} for one in pruned.kept]}
        )
        return 0
    for one in pruned.removed:
        say(f"{'would remove' if dry else 'removed'} {one}")
    for kept in pruned.kept:
        say(f"keeps {kept.id}: {kept.why}")
    return 0
