"""Apps that settings require run whatever their kind; what a person did stands (safety S11, S13). Pure."""

from __future__ import annotations

from collections.abc import Iterator

from automation.core.finding import Finding, Severity
from automation.systems.pm2.facts import DaemonState, Facts
from automation.systems.pm2.intents import Cause
from automation.systems.pm2.process import Process

STOPPED = "required-stopped"


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
    """Report required apps that are not in PM2's list at all; what a person deleted is only a warning.

    What vanished a moment ago may be a deploy's delete and start (safety S16): it is not judged yet.
    """
    gone = {} if facts.intents is None else {one.name: one.deleted for one in facts.intents.gone}
    for name in missing(facts):
        if gone.get(name) is False:
            continue
        deleted = name in gone
        yield Finding(
            "required-missing",
            name,
            Severity.WARNING if deleted else Severity.CRITICAL,
            "settings say that it must run, and " + ("it was deleted" if deleted else "PM2 does not know it"),
            f"start it: `pm2 start ecosystem.config.cjs --only {name}`, or take it out of the settings",
        )


def missing(facts: Facts) -> tuple[str, ...]:
    """Return the names of required apps that a living daemon does not list."""
    if facts.state is not DaemonState.ALIVE or facts.reloading:
        return ()
    there = {process.name for process in facts.processes}
    return tuple(name for name in facts.rules.wanted() if name not in there)


def missed(facts: Facts) -> tuple[str, ...]:
    """Return those of them that count: a deletion by hand makes an app no subject any more."""
    return tuple(one.subject for one in required_missing(facts) if one.severity is Severity.CRITICAL)
