"""What is wrong with apps that flap, and with those that we stopped because they did. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from automation.core.finding import Finding, Severity
from automation.systems.pm2.facts import Facts
from automation.systems.pm2.intents import Cause
from automation.systems.pm2.process import Process
from automation.systems.pm2.resting import rest_of


def flap_findings(facts: Facts, watched: Sequence[Process]) -> Iterator[Finding]:
    """Judge the processes on which nobody is at work."""
    yield from process_flapping(facts, watched)
    yield from process_resting(facts, watched)


def process_flapping(facts: Facts, watched: Sequence[Process]) -> Iterator[Finding]:
    """Report processes that PM2 restarts again and again."""
    for process in watched:
        count = facts.tracked.flapping.get(process.pm_id)
        if count is not None and _at_it(process, facts):
            yield Finding(
                "process-flapping",
                process.label,
                Severity.CRITICAL,
                f"PM2 restarted it {count} times within {facts.rules.flap.window_s:g} s, and goes on",
                f"read its error log: `pm2 logs {process.pm_id} --err --nostream`; "
                f"`pm2 stop {process.pm_id}` lets it stay down",
            )


def process_resting(facts: Facts, watched: Sequence[Process]) -> Iterator[Finding]:
    """Report processes that we stopped because they flapped."""
    for process in watched:
        rest = rest_of(facts.tracked.rests, process)
        if rest is not None:
            yield Finding(
                "process-resting",
                process.label,
                Severity.CRITICAL,
                f"the guard stopped it: PM2 restarted it {rest.restarts} times within "
                f"{facts.rules.flap.window_s:g} s{spoken(rest.said)}",
                f"repair it, then `pm2 restart {process.pm_id}`; "
                f"`pm2 stop {process.pm_id}` lets it stay down",
            )


def spoken(said: str) -> str:
    """Return how an error log ended, as the end of a sentence."""
    return f"; its error log ends: {said}" if said else "; its error log is empty"


def _at_it(process: Process, facts: Facts) -> bool:
    """Tell whether PM2 may go on restarting a process: it neither gave up nor was told to stop."""
    if process.status == "errored" or rest_of(facts.tracked.rests, process) is not None:
        return False
    stop = None if facts.intents is None else facts.intents.stops.get(process.pm_id)
    return process.status != "stopped" or (stop is not None and stop.cause is Cause.NOBODY)
