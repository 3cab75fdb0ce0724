"""The master, as the PM2 guard, its owner (safety S6), sees it: its entry in PM2's list, and its report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from automation.core.finding import Finding, Severity
from automation.core.ladder import Ladder, Rung
from automation.core.settings import Settings
from automation.engine.pacing import pace_of, tries
from automation.stores.reports import find
from automation.systems.pm2.process import Process

APP = "master-redundancy-orchestrator"
SCRIPT = "master_redundancy_orchestrator.py"
REPORT = "master-redundancy-report.json"
REFUSED_SETTINGS = 3  # its exit code where its settings, or its user, are wrong


@dataclass(frozen=True, slots=True)
class Master:
    """How the master is: its entry, whether its report is stale, and whether that can be judged now."""

    process: Process
    stale: bool
    trustworthy: bool = True


def is_master(process: Process) -> bool:
    """Tell whether a process is the suite's master."""
    return process.name == APP and process.script.endswith(f"/{SCRIPT}")


def look_at_master(
    listed: Sequence[Process], logs: Path, now_s: float, *, trustworthy: bool
) -> Master | None:
    """Return how the master is; None where PM2 has none: then there is nothing to own.

    A stranger's app that bears the name is not ours (safety S18): the script tells.
    """
    process = next((one for one in listed if is_master(one)), None)
    if process is None:
        return None
    reading = find(logs / REPORT).reading
    return Master(process, reading is not None and reading.stale(now_s), trustworthy)


def master_silent(master: Master | None) -> Iterator[Finding]:
    """Report a master that is down, or that has written no report for three looks.

    One that refused its settings needs a human: another start would end the same way (safety S5).
    """
    if master is None:
        return
    process = master.process
    down = process.status in {"stopped", "errored"}
    # PM2 7 shows an app whose exit code forbids another start as `waiting restart`.
    if process.exit_code == REFUSED_SETTINGS and (down or process.status == "waiting restart"):
        yield Finding(
            "master-refused",
            APP,
            Severity.WARNING,
            "it ended at once: its settings, or its user, are wrong",
            f"`{APP} doctor` says which; then `pm2 restart {APP}`",
        )
    elif down or (master.stale and master.trustworthy and process.status == "online"):
        said = f"it is {process.status}" if down else "it has written no report for three looks"
        yield Finding("master-silent", APP, Severity.WARNING, said, f"`pm2 restart {APP}`")


def master_ladders(settings: Settings) -> tuple[Ladder, ...]:
    """Return what is done about it: a silent master is restarted, three times with growing waits."""
    return (
        Ladder(
            "master-silent",
            (Rung("restart-master", tries(settings, 3)),),
            pace_of(settings, first_s=60.0),
            in_emergency=True,
        ),
        Ladder("master-refused", ()),
    )
