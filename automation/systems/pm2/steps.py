"""What is done against a process that is down; each step looks again first, and is safe to take twice."""

from __future__ import annotations

from automation.core.errors import EffectFailed, StepRefused
from automation.systems.pm2.observer import Entry, Pm2Observer
from automation.systems.pm2.process import RUNNING, Process, processes
from automation.systems.pm2.recreation import Recreation, begun, new_ones, old_one

# What an entry must not carry into `prepare` (safety S12): with `instances` it multiplies, with the old
# `created_at` PM2's own restart limit never applies, and the ids and delays are the old ones'.
LEFT_OUT = frozenset({"pm_id", "instances", "created_at", "prev_restart_delay"})
MOMENT_S = 0.8  # a loop blocks for less than a second
NOT_NEEDED = "not needed: it is not down any more"


def restart(observer: Pm2Observer, subject: str) -> str:
    """Restart a process that is down; PM2 gives it a fresh count of quick tries.

    Raises:
        StepRefused: It is gone, or PM2 could not end it.
        EffectFailed: PM2 said no.
    """
    down = _down(observer, subject)
    if down is None:
        return NOT_NEEDED
    process, _ = down
    observer.pm2.restart(process.pm_id)
    return f"restarted (id {process.pm_id})"


def recreate(observer: Pm2Observer, subject: str) -> str:
    """Prepare a process anew as PM2 shows it, see that it runs, then delete the old entry (safety S12).

    1. Note what is about to be done, on disk: who finds the note and two entries finishes it.
    2. Prepare. An error here does not mean that there is no new entry, nor an answer that it runs.
    3. Whichever of the two does not run is deleted, so that exactly one is left.

    Raises:
        StepRefused: It is a PM2 module, or gone, or cannot be told from another.
        EffectFailed: PM2 said no, or the new one does not run; then the old entry stays.
    """
    down = _down(observer, subject)
    if down is None:
        return NOT_NEEDED
    process, entry = down
    _refuse_what_cannot_be_recreated(observer, process)
    daemon = observer.pm2.daemon()
    listed = processes(observer.pm2.entries())
    recreation = begun((daemon.pid, daemon.start_ticks), process, listed)
    prepared = _prepared(entry)
    observer.note(recreation)
    trouble = ""
    try:
        observer.pm2.prepare(prepared)
    except EffectFailed as error:
        trouble = f": {error}"
    done = _settle(observer, recreation)
    if done is None:
        raise EffectFailed(f"PM2 prepared nothing{trouble}")
    return done


def finish_recreation(observer: Pm2Observer, subject: str) -> str:
    """Bring to its end a recreation in which the guard was killed: leave one entry of the two.

    Raises:
        EffectFailed: PM2 said no, or the new one does not run; then the old entry stays.
    """
    recreation = observer.noted()
    if recreation is None or recreation.subject != subject:
        return "not needed: no recreation is under way"
    return _settle(observer, recreation) or "not needed: nothing was prepared"


def _settle(observer: Pm2Observer, recreation: Recreation) -> str | None:
    """Leave one of the old entry and the new ones; None where there are no new ones.

    Raises:
        EffectFailed: PM2 said no, or none of the new ones runs.
    """
    first = processes(observer.pm2.entries())
    old, new = old_one(recreation, first), new_ones(recreation, first)
    if old is None or not new:
        observer.note(None)
        return f"the old entry (id {recreation.pm_id}) is gone" if new else None
    observer.clock.wait(MOMENT_S)
    second = processes(observer.pm2.entries())
    old, kept = old_one(recreation, second), _that_runs(new, second)
    if old is not None and old.status in RUNNING:
        kept = old
    unwanted = [one for one in (old, *new_ones(recreation, second)) if one is not None]
    if kept is None and old is not None:
        kept = old
    for one in unwanted:
        if kept is not None and one.pm_id != kept.pm_id:
            observer.forget(one.pm_id)
            observer.pm2.delete(one.pm_id)
    observer.note(None)
    return _said(recreation, kept, new)
