"""What is wrong with the processes that PM2 manages. Pure: one look in, findings out."""

from __future__ import annotations

from collections.abc import Iterator

from automation.core.finding import Assessment, Finding, Severity
from automation.engine.kept_files import kept_file_findings
from automation.systems.pm2.daemon.checks import (
    app_lost,
    daemon_dead,
    daemon_ended,
    daemon_hung,
    daemon_replaced,
    daemon_split,
    daemon_stopped,
    sockets_gone,
)
from automation.systems.pm2.daemon.trouble import Trouble
from automation.systems.pm2.dump import checks as dump_checks
from automation.systems.pm2.ecosystem import checks as ecosystem_checks
from automation.systems.pm2.facts import DaemonState, Facts
from automation.systems.pm2.flap_checks import flap_findings
from automation.systems.pm2.host_checks import host_findings, strained
from automation.systems.pm2.intents import DELETED_AFTER_S, Cause, unsettled
from automation.systems.pm2.master import master_silent
from automation.systems.pm2.probes.checks import failing, port_taken, process_hung, undecided, word
from automation.systems.pm2.process import Process
from automation.systems.pm2.recreation import left_open, new_ones, old_one
from automation.systems.pm2.required import (
    cause,
    is_required,
    missed,
    required_deleted,
    required_missing,
    required_stopped,
)
from automation.systems.pm2.resting import rest_of
from automation.systems.pm2.usage_checks import usage_findings

SETTLED_AFTER_S = 3.0  # PM2's word on who stopped a process comes after the stop
LOOK_AGAIN_S = 1.0
DOWN = frozenset({DaemonState.DEAD, DaemonState.STOPPED, DaemonState.HUNG, DaemonState.DEAF})


def assess(facts: Facts) -> Assessment:
    """Judge a look."""
    subjects = tuple(process for process in facts.processes if guarded(process, facts))
    watched = tuple(one for one in subjects if not in_deploy(one, facts) and not in_recreation(one, facts))
    absent = missed(facts)
    return Assessment(
        subjects=(*(one.label for one in subjects if expected(one, facts)), *absent),
        findings=(
            *daemon_troubles(facts),
            *recreation_unfinished(facts),
            *process_errored(facts),
            *process_stopped(facts),
            *required_stopped(facts),
            *required_missing(facts),
            *required_deleted(facts),
            *flap_findings(facts, watched),
            *usage_findings(facts, watched),
            *host_findings(facts.tracked.host),
            *process_hung(_up(facts), facts.probed, facts.taken),
            *port_taken(_should_run(facts), facts.taken),
            *kept_file_findings(facts.files),
            *master_silent(facts.master),
            *dump_checks.dump_findings(facts.saved, facts.at_s),
            *ecosystem_checks.ecosystem_findings(facts.ecosystem),
        ),
        down=facts.state in DOWN,
        critical_subjects=frozenset(
            (
                *(one.label for one in subjects if facts.rules.of(one.name).critical),
                *(name for name in absent if facts.rules.of(name).critical),
            )
        ),
        sections=_sections(facts),
        metrics=_metrics(facts),
        look_again_s=_look_again_s(facts),
        strained=strained(facts.tracked.host),
    )


def is_app(process: Process) -> bool:
    """Tell whether a process is somebody's: not ours (safety S6), not the twin that a reload replaces."""
    return not process.ours and not process.twin


def guarded(process: Process, facts: Facts) -> bool:
    """Tell whether a process is a subject: an app that settings do not leave out (safety S8)."""
    return is_app(process) and not facts.rules.of(process.name).ignore


def expected(process: Process, facts: Facts) -> bool:
    """Tell whether a process should run now.

    Not expected is what a person stopped, a one-shot or cron app between its runs, an app that is not started
    by itself, and one that ended with an exit code that means "do not start again"; settings may require all
    but the first.
    """
    if process.status not in {"stopped", "errored"} or rest_of(facts.tracked.rests, process) is not None:
        return True
    unmeant = not process.autorestart or not process.autostart or _ended_itself(process)
    if unmeant and not is_required(process, facts):
        return False
    return process.status == "errored" or cause(process, facts) in {Cause.NOBODY, Cause.GUARD}


def daemon_troubles(facts: Facts) -> Iterator[Finding]:
    """Report what is wrong with PM2's daemon itself."""
    trouble = facts.trouble or Trouble()
    if facts.state is DaemonState.DEAD:
        yield from daemon_dead(trouble)
    elif facts.state is DaemonState.ENDED:
        yield from daemon_ended()
    elif facts.state is DaemonState.STOPPED:
        yield from daemon_stopped(trouble)
    elif facts.state in {DaemonState.HUNG, DaemonState.DEAF} and not trouble.ghosts:
        yield from daemon_hung(trouble, listens=facts.state is DaemonState.HUNG)
    yield from sockets_gone(trouble)
    yield from daemon_split(trouble)
    yield from daemon_replaced(trouble)
    yield from app_lost(trouble)


def recreation_unfinished(facts: Facts) -> Iterator[Finding]:
    """Report that a guard was killed between making an entry anew and deleting the old one."""
    if facts.recreation is not None and _recreating(facts):
        new = ", ".join(str(one.pm_id) for one in new_ones(facts.recreation, facts.processes))
        yield Finding(
            "recreation-unfinished",
            facts.recreation.subject,
            Severity.WARNING,
            f"it is in PM2's list twice, as {facts.recreation.pm_id} and {new}: its recreation was cut short",
            f"`pm2 list` shows which of them runs; `pm2 delete {facts.recreation.pm_id}` deletes the old one",
        )


def process_errored(facts: Facts) -> Iterator[Finding]:
    """Report processes that PM2 gave up on."""
    for process in _down(facts, "errored"):
        said = f"PM2 gave up on it after {process.restarts} restarts"
        if process.pid:
            said = f"PM2 could not end it: pid {process.pid} outlived SIGKILL"
        yield Finding(
            "process-errored",
            process.label,
            Severity.CRITICAL,
            f"{said}{_exit(process)}",
            f"read its error log: `pm2 logs {process.pm_id} --err --nostream`",
        )


def process_stopped(facts: Facts) -> Iterator[Finding]:
    """Report processes that stopped although nobody stopped them."""
    for process in _down(facts, "stopped"):
        if _settled(process, facts):
            yield Finding(
                "process-stopped",
                process.label,
                Severity.CRITICAL,
                f"it is stopped, and nobody stopped it by hand{_exit(process)}",
                f"`pm2 restart {process.pm_id}` starts it; `pm2 stop {process.pm_id}` lets it stay down",
            )


def _down(facts: Facts, status: str) -> Iterator[Process]:
    """Return the processes in a status that nobody wants them in, and on which nobody is at work."""
    for process in facts.processes:
        down = process.status == status and guarded(process, facts) and expected(process, facts)
        resting = rest_of(facts.tracked.rests, process) is not None
        if down and not resting and not in_deploy(process, facts) and not in_recreation(process, facts):
            yield process


def _up(facts: Facts) -> Iterator[Process]:
    """Return the processes that PM2 calls online, and on which nobody is at work."""
    return (process for process in _should_run(facts) if process.status == "online")


def _should_run(facts: Facts) -> Iterator[Process]:
    """Return the processes that should run, and on which nobody is at work."""
    for process in facts.processes:
        wanted = guarded(process, facts) and expected(process, facts)
        busy = process.status in {"launching", "stopping"} or in_deploy(process, facts)
        if wanted and not busy and not in_recreation(process, facts):
            yield process


def in_deploy(process: Process, facts: Facts) -> bool:
    """Tell whether a reload may be at work on a process (safety S16)."""
    return facts.reloading or any(one.twin and one.name == process.name for one in facts.processes)


def in_recreation(process: Process, facts: Facts) -> bool:
    """Tell whether a process is one of the two of a recreation that was cut short."""
    if facts.recreation is None or not _recreating(facts):
        return False
    return process in (
        old_one(facts.recreation, facts.processes),
        *new_ones(facts.recreation, facts.processes),
    )


def _recreating(facts: Facts) -> bool:
    if facts.recreation is None or facts.daemon is None:
        return False
    return left_open(facts.recreation, (facts.daemon.pid, facts.daemon.start_ticks), facts.processes)


def _ended_itself(process: Process) -> bool:
    return process.exit_code is not None and process.exit_code in process.stop_exit_codes


def _settled(process: Process, facts: Facts) -> bool:
    stop = None if facts.intents is None else facts.intents.stops.get(process.pm_id)
    return stop is not None and facts.at_s - stop.at_s >= SETTLED_AFTER_S


def _exit(process: Process) -> str:
    return "" if process.exit_code is None else f"; its last exit code is {process.exit_code}"


def _look_again_s(facts: Facts) -> float | None:
    """Ask for another look where something cannot be told yet."""
    wanted = []
    if facts.state is DaemonState.DEAD or facts.trouble is not None:
        wanted.append(LOOK_AGAIN_S)
    if facts.reloading or any(not _settled(one, facts) for one in _down(facts, "stopped")):
        wanted.append(LOOK_AGAIN_S)
    if any(one.twin or one.status in {"launching", "stopping"} for one in facts.processes):
        wanted.append(LOOK_AGAIN_S)
    if undecided(facts.taken):
        wanted.append(LOOK_AGAIN_S)
    if facts.intents is not None and unsettled(facts.intents):
        wanted.append(DELETED_AFTER_S)
    beside = (dump_checks.look_again_s(facts.saved), ecosystem_checks.look_again_s(facts.ecosystem))
    wanted += [one for one in beside if one is not None]
    return min(wanted, default=None)


def _sections(facts: Facts) -> dict[str, object]:
    daemon = facts.daemon
    hung = facts.trouble.pid if facts.trouble else None
    return {
        "processes": [_row(process, facts) for process in facts.processes if not process.twin],
        "daemon": {
            "pid": hung if daemon is None else daemon.pid,
            "version": None if daemon is None else daemon.version,
            "alive": facts.state is DaemonState.ALIVE,
        },
    }


def _row(process: Process, facts: Facts) -> dict[str, object]:
    online = process.status == "online" and process.started_at_ms is not None
    started_s = (process.started_at_ms or 0) / 1000
    return {
        "name": process.name,
        "id": process.pm_id,
        "pid": process.pid or None,
        "status": process.status,
        "cpuPercent": process.cpu_percent,
        "memoryMb": round(process.memory_bytes / 1_048_576, 1),
        "restarts": process.restarts,
        "uptimeS": round(max(facts.at_s - started_s, 0.0)) if online else None,
        "expected": guarded(process, facts) and expected(process, facts),
        "intent": _intent(process, facts),
        "probe": word(facts.probed, process),
    }


def _intent(process: Process, facts: Facts) -> str:
    """Say in one word why a process that is down may be down; empty where it runs."""
    if facts.rules.of(process.name).ignore:
        return "ignored" if process.status in {"stopped", "errored"} else ""
    if rest_of(facts.tracked.rests, process) is not None:
        return "stopped-by-guard"
    return _reason(process, facts) if process.status in {"stopped", "errored"} else ""


def _reason(process: Process, facts: Facts) -> str:
    kind = "" if is_required(process, facts) else _kind(process)
    if kind or process.status == "errored":
        return kind
    said = {Cause.PERSON: "stopped-by-hand", Cause.UNSEEN: "stopped-unseen"}
    return said.get(cause(process, facts), "")


def _kind(process: Process) -> str:
    """Name the kind of process that may be down by its nature; empty for one that should run."""
    if not process.autostart:
        return "not-autostarted"
    if not process.autorestart:
        return "scheduled" if process.cron else "one-shot"
    return "ended-itself" if _ended_itself(process) else ""


def _metrics(facts: Facts) -> dict[str, float]:
    apps = [process for process in facts.processes if guarded(process, facts)]
    return {
        "apps": len(apps),
        "online": sum(one.status == "online" for one in apps),
        "errored": sum(one.status == "errored" for one in apps),
        "stopped": sum(one.status == "stopped" for one in apps),
        "restarts": sum(one.restarts for one in apps),
        "probesFailing": failing(facts.probed),
        "memoryMb": round(sum(one.memory_bytes for one in apps) / 1_048_576, 1),
        "cpuPercent": round(sum(one.cpu_percent for one in apps), 1),
    }
