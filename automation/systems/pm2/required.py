"""Apps that settings require run whatever their kind; what a person did stands (safety S11, S13). Pure."""

from __future__ import annotations

from collections.abc import Iterator

from automation.core.finding import Finding, Severity
from automation.systems.pm2.facts import DaemonState, Facts
from automation.systems.pm2.intents import Cause
from automation.systems.pm2.process import Process

STOPPED = "required-stopped"
MISSING = "required-missing"
DELETED = "required-deleted"


def is_required(process: Process, facts: Facts) -> bool:
    """Tell whether settings say that a process must run."""
    return facts.rules.of(process.name).required


def cause(process: Process, facts: Facts) -> Cause:
    """Return why a process is stopped.

    PM2 itself never runs an app with `autostart: false`: nobody stopped it, unless the bus said so.
    """
    stop = None if facts.intents is None else facts.intents.stops.get(process.pm_id)
    why = Cause.UNSEEN if stop is None else stop.cause
    return Cause.NOBODY if why is Cause.UNSEEN and not process.autostart else why


def required_stopped(facts: Facts) -> Iterator[Finding]:
    """Report required processes that a person stopped: that stands, and is said."""
    for process in facts.processes:
        if process.status != "stopped" or process.ours or process.twin or not is_required(process, facts):
            continue
        why = cause(process, facts)
        if why in {Cause.PERSON, Cause.UNSEEN} and not facts.rules.of(process.name).ignore:
            by = "by hand" if why is Cause.PERSON else "by hand, or while nobody looked"
            yield Finding(
                STOPPED,
                process.label,
                Severity.WARNING,
                f"settings say that it must run, and it was stopped {by}",
                f"`pm2 restart {process.pm_id}` starts it",
            )


def required_missing(facts: Facts) -> Iterator[Finding]:
    """Report required apps that are not in PM2's list at all, and that nobody deleted.

    What vanished a moment ago may be a deploy's delete and start (safety S16): it is not judged yet.
    """
    gone = _gone(facts)
    for name in missing(facts):
        if name not in gone:
            yield Finding(
                MISSING,
                name,
                Severity.CRITICAL,
                "settings say that it must run, and PM2 does not know it",
                _advice(name, facts),
            )


def required_deleted(facts: Facts) -> Iterator[Finding]:
    """Report required apps that a person deleted: that stands, and is said (safety S13)."""
    gone = _gone(facts)
    for name in missing(facts):
        if gone.get(name):
            yield Finding(
                DELETED,
                name,
                Severity.WARNING,
                "settings say that it must run, and it was deleted by hand",
                _advice(name, facts),
            )


def _gone(facts: Facts) -> dict[str, bool]:
    """Return the names of what vanished from PM2's list, and whether it is settled that it was deleted."""
    return {} if facts.intents is None else {one.name: one.deleted for one in facts.intents.gone}


def _advice(name: str, facts: Facts) -> str:
    """Say how to start it: from the file that declares it, where one does."""
    files = () if facts.ecosystem is None else facts.ecosystem.files
    file = next((one.path for one in files if any(app.name == name for app in one.apps)), None)
    start = f"`pm2 start {file} --only {name}`" if file else f"`pm2 start SCRIPT --name {name}`"
    return f"start it: {start}, or take it out of the settings"


def missing(facts: Facts) -> tuple[str, ...]:
    """Return the names of required apps that a living daemon does not list."""
    if facts.state is not DaemonState.ALIVE or facts.reloading:
        return ()
    there = {process.name for process in facts.processes}
    return tuple(name for name in facts.rules.wanted() if name not in there)


def missed(facts: Facts) -> tuple[str, ...]:
    """Return those of them that count: a deletion by hand makes an app no subject any more."""
    return tuple(one.subject for one in required_missing(facts))
