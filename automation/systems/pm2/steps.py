"""What is done against a process that is down; each step looks again first, and is safe to take twice."""

from __future__ import annotations

from automation.core.errors import EffectFailed, StepRefused
from automation.systems.pm2.observer import Entry, Pm2Observer
from automation.systems.pm2.process import Process, processes

DOWN = frozenset({"errored", "stopped"})
# What an entry must not carry into `prepare` (safety S12): with `instances` it multiplies, with the old
# `created_at` PM2's own restart limit never applies, and the ids and delays are the old ones'.
LEFT_OUT = frozenset({"pm_id", "instances", "created_at", "prev_restart_delay"})


def restart(observer: Pm2Observer, subject: str) -> str:
    """Restart a process that is down; PM2 gives it a fresh count of quick tries.

    Raises:
        EffectFailed: PM2 said no.
    """
    process, _ = _entry(observer, subject)
    if process.status not in DOWN:
        return f"not needed: it is {process.status}"
    observer.pm2.restart(process.pm_id)
    return f"restarted (id {process.pm_id})"


def recreate(observer: Pm2Observer, subject: str) -> str:
    """Prepare a process anew as PM2 shows it, then delete the old entry (safety S12).

    In this order, so that at no moment the app is known to nobody: whoever is killed in between leaves two
    entries, of which the old one is still down.

    Raises:
        StepRefused: It is a PM2 module, or gone.
        EffectFailed: PM2 said no, or the new one does not run; then the old entry stays.
    """
    process, entry = _entry(observer, subject)
    if process.status not in DOWN:
        return f"not needed: it is {process.status}"
    if process.module:
        raise StepRefused(f"{subject} is a PM2 module: `pm2 install {process.name}` sets it up anew")
    new_ids = [_new_id(one) for one in observer.pm2.prepare(_prepared(entry))]
    if not new_ids or any(pm_id is None for pm_id in new_ids):
        raise EffectFailed("PM2 did not say under which id it prepared the process")
    observer.forget(process.pm_id)
    observer.pm2.delete(process.pm_id)
    return f"prepared anew (id {process.pm_id} became {new_ids[0]})"


def _entry(observer: Pm2Observer, subject: str) -> tuple[Process, Entry]:
    """Return the process of a label, and its raw entry, as they are now."""
    entries = observer.pm2.entries()
    for process, entry in zip(processes(entries), entries, strict=True):
        if process.label == subject and not process.ours:
            return process, entry
    raise StepRefused(f"{subject} is not in PM2's list any more")


def _prepared(entry: Entry) -> Entry:
    """Return the entry's environment as `prepare` may have it."""
    environment = entry["pm2_env"]
    if not isinstance(environment, dict):
        raise StepRefused("PM2 shows no environment for it")
    kept = {key: value for key, value in environment.items() if key not in LEFT_OUT}
    return kept | {"status": "launching"}


def _new_id(prepared: Entry) -> int | None:
    environment = prepared.get("pm2_env")
    pm_id = environment.get("pm_id") if isinstance(environment, dict) else prepared.get("pm_id")
    return pm_id if isinstance(pm_id, int) else None
