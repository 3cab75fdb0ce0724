"""What is done against a process that is down; each step looks again first, and is safe to take twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from automation.core.errors import EffectFailed, StepImpossible, StepRefused
from automation.systems.pm2.master import is_master
from automation.systems.pm2.observer import Entry, Pm2Observer
from automation.systems.pm2.prepared import prepared
from automation.systems.pm2.probes.steps import answers_again, end_hung, restart_hung, started_when_stopped
from automation.systems.pm2.process import RUNNING, Process, processes
from automation.systems.pm2.recreation import Recreation, begun, new_ones, old_one
from automation.systems.pm2.required import STOPPED as STOPPED_BY_HAND

MOMENT_S = 0.8  # a loop blocks for less than a second
NOT_NEEDED = "not needed: it is not down any more"
ANSWERS = "not needed: it answers again"


@dataclass(frozen=True, slots=True)
class Down:
    """A process that is down or hangs, its raw entry, and the daemon and the list that say so."""

    process: Process
    entry: Entry
    daemon: tuple[int, int]
    listed: tuple[Process, ...]
    hung: bool = False


def restart(observer: Pm2Observer, subject: str) -> str:
    """Restart a process that is down or hangs; PM2 gives it a fresh count of quick tries.

    Raises:
        StepRefused: It is gone, or PM2 could not end it.
        EffectFailed: PM2 said no.
    """
    down = look_down(observer, subject)
    if isinstance(down, str):
        return down
    if not down.process.autostart:  # PM2 itself never starts such an app, not even when told to
        return recreate(observer, subject)
    if down.hung:
        return restart_hung(observer, down.process)
    observer.pm2.restart(down.process.pm_id)
    return f"restarted (id {down.process.pm_id})"


def recreate(observer: Pm2Observer, subject: str) -> str:
    """Prepare a process anew as PM2 shows it, see that it runs, then delete the old entry (safety S12).

    Raises:
        StepRefused: It is a PM2 module, or gone, or cannot be told from another.
        EffectFailed: PM2 said no, or the new one does not run; then the old entry stays.
    """
    down = look_down(observer, subject)
    if isinstance(down, str):
        return down
    if down.hung and not started_when_stopped(down.process):
        return restart_hung(observer, down.process)
    refuse_what_would_not_come_back(down)
    if down.hung and not end_hung(observer, down.process):
        return f"PM2 is ending pid {down.process.pid}, by SIGKILL where it must; then it is started"
    environment = down.entry["pm2_env"]
    return replace_entry(observer, down, prepared(environment if isinstance(environment, dict) else {}))


def replace_entry(observer: Pm2Observer, down: Down, wanted: Entry) -> str:
    """Prepare an entry in the place of one that is down, and leave exactly one of the two.

    1. Note what is about to be done, on disk: who finds the note and two entries finishes it.
    2. Prepare. An error here does not mean that there is no new entry, nor an answer that it runs.
    3. Whichever of the two does not run is deleted, so that exactly one is left.

    Raises:
        StepRefused: The entry must not be sent.
        EffectFailed: PM2 said no, or the new one does not run; then the old entry stays.
    """
    if not down.process.autostart:  # settings require it to run
        wanted = wanted | {"autostart": True}
    recreation = begun(down.daemon, down.process, down.listed)
    observer.note(recreation)
    trouble = ""
    try:
        observer.pm2.prepare(wanted)
    except StepRefused:
        observer.note(None)
        raise
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
    new = new_ones(recreation, processes(observer.pm2.entries()))
    if not new:
        observer.note(None)
        return None
    observer.clock.wait(MOMENT_S)
    listed = processes(observer.pm2.entries())
    old = old_one(recreation, listed)
    if old is None:
        observer.note(None)
        return f"somebody else deleted the old entry (id {recreation.pm_id})"
    kept = old if old.status in RUNNING else _that_runs(new, listed) or old
    for one in (old, *new_ones(recreation, listed)):
        if one.pm_id != kept.pm_id:
            observer.forget(one.pm_id)
            observer.pm2.delete(one.pm_id)
    observer.note(None)
    return _said(old, kept)


def _that_runs(new: Sequence[Process], listed: Sequence[Process]) -> Process | None:
    """Return one of the new entries that has run for a moment without being started again."""
    pids = {one.pm_id: one.pid for one in new}
    for one in listed:
        if one.pid and pids.get(one.pm_id) == one.pid and one.status in {"online", "launching"}:
            return one
    return None


def _said(old: Process, kept: Process) -> str:
    if kept is not old:
        return f"prepared anew (id {old.pm_id} became {kept.pm_id})"
    if old.status in RUNNING:
        return f"not needed: somebody started the old entry (id {old.pm_id}) meanwhile"
    raise EffectFailed(
        f"prepared anew, it did not run for {MOMENT_S:g} s; the old entry (id {old.pm_id}) stays"
    )


def look_down(observer: Pm2Observer, subject: str) -> Down | str:
    """Look again; return the process of a label when it still is down or hangs, else why nothing is needed.

    Raises:
        StepRefused: It is gone, or PM2 could not end it.
    """
    facts = observer.observe()
    pairs = zip(facts.processes, observer.seen_entries(), strict=True)
    found = next((pair for pair in pairs if pair[0].label == subject and not pair[0].ours), None)
    if found is None or facts.daemon is None:
        raise StepRefused(f"{subject} is not in PM2's list any more")
    process, entry = found
    found_wrong = [one.problem for one in observer.assess(facts).findings if one.subject == subject]
    problems = set(found_wrong) - {STOPPED_BY_HAND}
    hung = "process-hung" in problems
    if not problems:
        return NOT_NEEDED
    if hung and answers_again(observer, process):
        return ANSWERS
    if process.pid and process.status == "errored":
        raise StepRefused(f"PM2 could not end it: pid {process.pid} lives; a second one would run beside it")
    return Down(process, entry, (facts.daemon.pid, facts.daemon.start_ticks), facts.processes, hung)


def refuse_what_would_not_come_back(down: Down) -> None:
    """Refuse what a new entry could not take the place of.

    Raises:
        StepImpossible: It is a PM2 module, or cannot be told from another.
    """
    process = down.process
    if process.module:
        raise StepImpossible(f"{process.label} is a PM2 module: `pm2 install {process.name}` sets it up anew")
    alike = [
        one for one in down.listed if (one.name, one.slot) == (process.name, process.slot) and not one.twin
    ]
    if len(alike) > 1:
        raise StepImpossible(
            f"{len(alike)} entries are named {process.name!r}, with nothing to tell them apart by"
        )


def restart_master(observer: Pm2Observer, subject: str) -> str:
    """Restart our own master, which the PM2 guard owns (safety S6).

    Raises:
        StepRefused: PM2 has no such app.
        EffectFailed: PM2 said no.
    """
    process = next((one for one in processes(observer.pm2.entries()) if is_master(one)), None)
    if process is None:
        raise StepRefused(f"{subject} is not in PM2's list any more")
    if process.status == "waiting restart":  # PM2 refuses to restart it while it holds the dead pid
        observer.pm2.stop(process.pm_id)
    observer.pm2.restart(process.pm_id)
    return f"restarted {subject} (id {process.pm_id})"
