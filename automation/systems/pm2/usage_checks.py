"""What is wrong with what apps use: too much for several looks, or more and more. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from automation.core.finding import Finding, Severity
from automation.systems.pm2.facts import Facts
from automation.systems.pm2.leaks import Leak
from automation.systems.pm2.process import Process
from automation.systems.pm2.usage import MIB, Usage

MINUTE_S = 60.0
HOUR_S = 3600.0


def usage_findings(facts: Facts, watched: Sequence[Process]) -> Iterator[Finding]:
    """Judge the processes on which nobody is at work."""
    for process in watched:
        usage = facts.tracked.usages.of.get(process.pm_id)
        if usage is None or usage.run != process.run or process.status != "online":
            continue
        yield from _too_much(process, usage, facts)
        leak = facts.tracked.leaks.get(process.pm_id)
        if leak is not None:
            yield _leaking(process, leak)


def _too_much(process: Process, usage: Usage, facts: Facts) -> Iterator[Finding]:
    rule = facts.rules.of(process.name)
    if rule.memory_mb is not None and usage.memory_looks >= rule.looks:
        yield Finding(
            "memory-high",
            process.label,
            Severity.WARNING,
            f"it uses {process.memory_bytes / MIB:.0f} MB, above its limit of {rule.memory_mb:g} MB, "
            f"for {usage.memory_looks} looks in a row",
            "a heap snapshot shows what it holds; `pm2.apps` in the settings says how much it may",
        )
    if rule.cpu_percent is not None and usage.cpu_looks >= rule.looks:
        yield Finding(
            "cpu-high",
            process.label,
            Severity.WARNING,
            f"it uses {process.cpu_percent:.0f} % of a core, above its limit of {rule.cpu_percent:g} %, "
            f"for {usage.cpu_looks} looks in a row",
            "a profile shows what it does; `pm2.apps` in the settings says how much it may",
        )


def _leaking(process: Process, leak: Leak) -> Finding:
    return Finding(
        "memory-leak",
        process.label,
        Severity.WARNING,
        f"its memory grows by {leak.slope * HOUR_S / MIB:.0f} MB an hour and meets {leak.end} "
        f"in {_spoken(leak.reached_in_s)}",
        f"restart it at a time that suits (`pm2 reload {process.pm_id}`), and look for what it keeps",
    )


def _spoken(seconds: float) -> str:
    if seconds < HOUR_S:
        return f"{max(round(seconds / MINUTE_S), 1)} min"
    return f"{seconds / HOUR_S:.1f} h"
