"""`restore`: shows what it would change, asks, saves what it overwrites, and says how to undo it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

from automation.core.errors import EffectFailed, UsageInvalid
from automation.core.moments import to_text
from automation.core.report import Outcome
from automation.engine.audited import audited
from automation.engine.backup_notes import note_quietly
from automation.engine.by_hand import person
from automation.engine.calling import Call
from automation.engine.commands.snapshots import MOST_SHOWN
from automation.engine.context import Context, build, prepare_folders
from automation.engine.progress import progress
from automation.engine.snapshot_choice import chosen_id, inside
from automation.engine.snapshot_lines import files, none_there, not_counted
from automation.engine.snapshots import backed_up, latest_of, store_of
from automation.engine.terminal import complain, safe, say, say_json
from automation.ports.locks import locked
from automation.stores import outcomes
from automation.stores.backups.entry_path import split
from automation.stores.backups.manifest import Problem
from automation.stores.backups.store import Restored, RestorePlan, SnapshotStore

PURPOSE = "a restore by hand"
CHANGES = ("new", "changed", "removed")


def restore(call: Call) -> int:
    """Show what a restore would change, ask, and do it; what it overwrites is saved first.

    Raises:
        LockBusy: Somebody else acts, or works on these snapshots.
        UsageInvalid: There is no such snapshot, or nobody can be asked.
    """
    context = build(call.system, call.workspace, call.environment, call.clock)
    store = store_of(context)
    paths = tuple(inside(context.layout.workspace, path) for path in call.texts("path"))
    plan = _plan(store, call.text("id"), paths)
    missing = () if call.text("id") else _gives_nothing(context, store)
    trouble = [*missing, *_nowhere(plan, paths), *_lines("refused", plan.refused)]
    if not call.flag("json"):
        _show_plan(plan, paths)
    if call.flag("dry_run") or not plan.to_write:
        if call.flag("json"):
            say_json(_plan_record(plan))
        return _ended(trouble)
    for line in trouble:
        complain(line)
    if not call.flag("yes") and not asked(len(plan.to_write)):
        complain("nothing was restored")
        return 1
    prepare_folders(context.layout)
    restored = _restore(context, store, plan)
    if call.flag("json"):
        say_json(_plan_record(plan) | _done_record(restored))
    else:
        _show_done(context.system.app, restored)
    done = _ended(_lines("not restored", [one for one in restored.failed if one not in plan.refused]))
    return 1 if trouble else done


def _plan(store: SnapshotStore, wanted: str, paths: Sequence[str]) -> RestorePlan:
    ids = [one.id for one in store.snapshots()] if wanted else []
    chosen = chosen_id(wanted, ids, latest_of(store)) if wanted else None
    with progress("looking at what would change"):
        return store.plan_restore(chosen, paths)


def _gives_nothing(context: Context, store: SnapshotStore) -> Sequence[str]:
    """Name the snapshots of which nothing can come back; that there is none is returned, as trouble."""
    there = store.snapshots()
    for line in not_counted(there)[-MOST_SHOWN:]:
        complain(line)
    return () if there else (none_there(context),)


def _ended(trouble: Sequence[str]) -> int:
    for line in trouble:
        complain(line)
    return 1 if trouble else 0


def _nowhere(plan: RestorePlan, paths: Sequence[str]) -> Iterator[str]:
    """Name the paths that were asked for and that there is no copy of."""
    if not paths:
        return
    where = f"snapshot {plan.snapshot_id} does not hold it" if plan.snapshot_id else "no snapshot holds it"
    for path in plan.missing:
        yield f"{safe(split(path)[1])}: {where}; `restore --dry-run` without --path shows what there is"


def _lines(how: str, problems: Sequence[Problem]) -> list[str]:
    shown = [f"{how}: {safe(one.path)}: {one.reason}" for one in problems[:MOST_SHOWN]]
    more = len(problems) - len(shown)
    return [*shown, f"{how}: … and {more} more"] if more else shown


@contextmanager
def _locks(context: Context, plan: RestorePlan) -> Iterator[None]:
    """Hold what whoever acts must hold, and the locks of the folders that are written, in this order.

    Raises:
        LockBusy: Somebody else holds one of them.
    """
    locks = backed_up(context).locks
    folders = sorted({split(file.path)[0] for file in plan.to_write} & locks.keys())
    since = to_text(context.clock.now_s())
    with ExitStack() as stack:
        for path in (context.layout.action_lock, *(locks[folder] for folder in folders)):
            stack.enter_context(locked(path, purpose=PURPOSE, since=since, timeout_s=0.0))
        yield


def _restore(context: Context, store: SnapshotStore, plan: RestorePlan) -> Restored:
    """Do what a plan says, say so in the audit log (safety S33), and leave it to the loop's report."""
    clock, subject = context.clock, plan.snapshot_id or "newest valid copies"
    by, began_at_s, began_s = f"hand: {person(context.environment)}", clock.now_s(), clock.elapsed_s()
    with _locks(context, plan):
        with audited(context, {"by": by, "step": "restore", "subject": subject}) as act:
            with progress(f"restoring {files(len(plan.to_write))}"):
                restored = store.restore(plan)
            act.ok = not restored.failed
            written, failed = len(restored.written), len(restored.failed)
            act.detail = f"{written} written, {failed} failed; what was there before: {restored.saved_as}"
            note_quietly(context, store)
        took_ms = round((clock.elapsed_s() - began_s) * 1000)
        done = Outcome(began_at_s, "asked-for", subject, "restore", act.ok, act.detail, took_ms, by)
        with suppress(EffectFailed):  # it is done all the same, and in the audit log
            outcomes.append(context.layout.outcomes, [done])
    return restored


def asked(count: int) -> bool:
    """Ask on a terminal; elsewhere nobody can be asked.

    Raises:
        UsageInvalid: There is no terminal.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageInvalid("restore overwrites files: off a terminal it needs --yes (or --dry-run)")
    complain(f"overwrite {files(count)}? [y/N]")
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _show_plan(plan: RestorePlan, paths: Sequence[str]) -> None:
    for file in plan.to_write[:MOST_SHOWN]:
        say(f"{file.change:<8} {safe(file.path)}  (from {file.copy.snapshot_id})")
    if len(plan.to_write) > MOST_SHOWN:
        say(f"… and {len(plan.to_write) - MOST_SHOWN} more")
    for path in plan.missing[:MOST_SHOWN] if not paths else ():
        say(f"{'alone':<8} {safe(path)}  (not in the snapshot: left alone)")
    counts: Counter[str] = Counter(one.change for one in plan.files)
    said = ", ".join(f"{counts[change]} {change}" for change in CHANGES if counts[change])
    missing = f"{len(plan.missing)} not in the snapshot (left alone)"
    say(f"{len(plan.to_write)} to write{f' ({said})' if said else ''}, {counts['same']} the same, {missing}")


def _show_done(app: str, restored: Restored) -> None:
    removed = (
        f", removed {len(restored.removed)} that an earlier restore had made" if restored.removed else ""
    )
    say(f"restored {files(len(restored.written))}{removed}")
    if restored.saved_as:
        undo = f"{app} restore {restored.saved_as}"
        say(f"what was there before is in {restored.saved_as}: `{undo}` undoes this")


def _plan_record(plan: RestorePlan) -> dict[str, object]:
    return {
        "id": plan.snapshot_id,
        "files": [
            {"path": one.path, "change": one.change, "from": one.copy.snapshot_id} for one in plan.files
        ],
        "missing": list(plan.missing),
        "refused": [{"path": one.path, "reason": one.reason} for one in plan.refused],
    }


def _done_record(restored: Restored) -> dict[str, object]:
    return {
        "savedAs": restored.saved_as,
        "written": list(restored.written),
        "removed": list(restored.removed),
        "failed": [{"path": one.path, "reason": one.reason} for one in restored.failed],
    }
