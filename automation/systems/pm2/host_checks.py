"""Whether the host is short of memory, disk or processor time; while it is, restarts cure nothing (S4). Pure.

Memory: a warning below 10 % and 1 GiB available, or with nine tenths of the swap used and below 20 %;
critical, so the host is short, below 5 % and 512 MiB, or when everybody waited for it in 10 % of a minute.

Disk, what our user can have of it: a warning below 10 % and 5 GiB, or below 5 % of its files; critical below
3 % and 1 GiB, or below 1 % of its files.

Load of five minutes: a warning above 2 a core, or when everybody waited for a disk in 50 % of a minute;
critical above 4 a core, when (where the host tells) some program also waited in 50 % of a minute.

A bound counts when two readings in a row are beyond it, and is left when two in a row are a quarter better.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from automation.core.finding import Finding, Severity
from automation.ports.host import Disk, HostReading

SUBJECT = "host"
LOOKS = 2
SLACK = 1.25
MIB = 1_048_576
GIB = 1024 * MIB
FINE, WARNING, CRITICAL = 0, 1, 2

Judge = Callable[[HostReading, float], int]


@dataclass(frozen=True, slots=True)
class Level:
    """How bad one thing is, and how many readings in a row have said that it is now `next`."""

    level: int = FINE
    next: int = FINE
    looks: int = 0


@dataclass(frozen=True, slots=True)
class HostState:
    """The levels by problem, and the reading that they are of; None before the first."""

    levels: Mapping[str, Level]
    reading: HostReading | None = None


UNKNOWN = HostState({})


def learn(state: HostState, reading: HostReading) -> HostState:
    """Return the state after another reading."""
    levels = {
        problem: _moved(state.levels.get(problem, Level()), judge, reading)
        for problem, judge in JUDGES.items()
    }
    return HostState(levels, reading)


def _moved(before: Level, judge: Judge, reading: HostReading) -> Level:
    """Follow a reading: up by the bounds, down only by bounds that are a quarter stricter."""
    worse, better = judge(reading, 1.0), judge(reading, SLACK)
    said = worse if worse > before.level else min(better, before.level)
    if said == before.level:
        return Level(before.level, before.level)
    looks = before.looks + 1 if said == before.next else 1
    return Level(said, said) if looks >= LOOKS else Level(before.level, said, looks)


def memory_level(reading: HostReading, slack: float) -> int:
    """Judge the memory; `slack` above 1 makes the bounds stricter."""
    total, free = reading.memory_total_bytes, reading.memory_available_bytes
    if not total or free is None:
        return FINE
    if free < slack * min(0.05 * total, 512 * MIB) or slack * reading.pressure.get("memory full", 0.0) > 10:  # noqa: PLR2004  # the table above
        return CRITICAL
    swapped = (
        reading.swap_total_bytes > 0 and reading.swap_free_bytes < slack * 0.1 * reading.swap_total_bytes
    )
    low = free < slack * min(0.1 * total, GIB) or (swapped and free < slack * 0.2 * total)
    return WARNING if low else FINE


def disk_level(reading: HostReading, slack: float) -> int:
    """Judge the disks: as bad as the worst of them."""
    return max((_disk_level(disk, slack) for disk in reading.disks), default=FINE)


def _disk_level(disk: Disk, slack: float) -> int:
    total, files = disk.total_bytes, disk.total_files
    if total <= 0:
        return FINE
    if disk.free_bytes < slack * min(0.03 * total, GIB) or disk.free_files < slack * 0.01 * files:
        return CRITICAL
    low = disk.free_bytes < slack * min(0.1 * total, 5 * GIB) or disk.free_files < slack * 0.05 * files
    return WARNING if low else FINE


def load_level(reading: HostReading, slack: float) -> int:
    """Judge how much waits for the processors."""
    per_core = slack * (reading.load_5m or 0.0) / max(reading.cores, 1)
    waited = slack * reading.pressure.get("cpu some", 100.0)
    if per_core > 4 and waited > 50:  # noqa: PLR2004  # the table above
        return CRITICAL
    high = per_core > 2 or slack * reading.pressure.get("io full", 0.0) > 50  # noqa: PLR2004  # the same
    return WARNING if high else FINE


JUDGES: Mapping[str, Judge] = {
    "host-memory-low": memory_level,
    "host-disk-low": disk_level,
    "host-overloaded": load_level,
}
SHORT_OF = {
    "host-memory-low": "memory",
    "host-disk-low": "disk",
    "host-overloaded": "processor time",
}


def strained(state: HostState) -> str:
    """Say in a few words what the host is short of; empty where it is not."""
    short = [SHORT_OF[problem] for problem, one in state.levels.items() if one.level == CRITICAL]
    return f"the host is short of {' and '.join(short)}" if short else ""


def host_findings(state: HostState) -> Iterator[Finding]:
    """Report what the host is low on."""
    if state.reading is None:
        return
    if severity := _severity(state, "host-memory-low"):
        said, advice = _memory_said(state.reading), "`ps aux --sort -rss | head` shows who uses it"
        yield Finding("host-memory-low", SUBJECT, severity, said, advice)
    if severity := _severity(state, "host-disk-low"):
        said, advice = (
            _disk_said(state.reading),
            "`du -xh --max-depth=2` shows what fills it; `pm2 flush` empties logs",
        )
        yield Finding("host-disk-low", SUBJECT, severity, said, advice)
    if severity := _severity(state, "host-overloaded"):
        said, advice = _load_said(state.reading), "`top` shows who is at it"
        yield Finding("host-overloaded", SUBJECT, severity, said, advice)


def _severity(state: HostState, problem: str) -> Severity | None:
    level = state.levels[problem].level if problem in state.levels else FINE
    return {FINE: None, WARNING: Severity.WARNING, CRITICAL: Severity.CRITICAL}[level]


def _memory_said(reading: HostReading) -> str:
    free, total = reading.memory_available_bytes or 0, reading.memory_total_bytes or 0
    swap = ""
    if reading.swap_total_bytes:
        used = reading.swap_total_bytes - reading.swap_free_bytes
        swap = f", {used / MIB:.0f} of {reading.swap_total_bytes / MIB:.0f} MiB of swap are used"
    return f"{free / MIB:.0f} of {total / MIB:.0f} MiB of memory are available{swap}"


def _disk_said(reading: HostReading) -> str:
    worst = max(reading.disks, key=lambda one: (_disk_level(one, SLACK), -one.free_bytes))
    files = f", {worst.free_files} files" if worst.total_files else ""
    return f"{worst.path}: {worst.free_bytes / MIB:.0f} of {worst.total_bytes / MIB:.0f} MiB{files} are free"


def _load_said(reading: HostReading) -> str:
    waits = "; ".join(
        f"{name} {value:.0f} %" for name, value in sorted(reading.pressure.items()) if value >= 1
    )
    said = f"the load of five minutes is {reading.load_5m or 0.0:.1f} on {reading.cores} cores"
    return f"{said} (waited in the last minute: {waits})" if waits else said
