"""What the apps use of memory and processor, looked at once a period, and kept in few bytes. Pure.

Five hundred apps are five hundred short byte strings: the memory of each at the last moments that all share.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from automation.systems.pm2.app_rules import AppRule, AppRules
from automation.systems.pm2.process import Process, Run

MIB = 1_048_576
SAMPLES = 40
BETWEEN_SAMPLES_S = 30.0  # at least: forty samples are twenty minutes
EARLY = 0.9  # a look that comes a little before its period is over is one all the same
UNIT_BYTES = 1024
LARGEST = 2**32 - 1

Id = int | str


@dataclass(frozen=True, slots=True)
class Usage:
    """One run of one entry.

    `memory_looks` and `cpu_looks` count the looks in a row above its limits; `memory` holds 4 bytes for each
    of the last shared moments: KiB.
    """

    run: Run
    memory_looks: int = 0
    cpu_looks: int = 0
    memory: bytes = b""


@dataclass(frozen=True, slots=True)
class Usages:
    """All entries at the last look; `times_s` are the shared moments, oldest first (seconds since boot)."""

    at_s: float = -math.inf
    times_s: tuple[float, ...] = ()
    of: Mapping[Id, Usage] = field(default_factory=dict)


def learn(
    usages: Usages, processes: Sequence[Process], rules: AppRules, now_s: float, period_s: float
) -> Usages:
    """Return the usages after a look; within a period of the last one nothing is looked at."""
    if now_s - usages.at_s < EARLY * period_s:
        return usages
    last_s = usages.times_s[-1] if usages.times_s else -math.inf
    sampled = now_s - last_s >= EARLY * max(period_s, BETWEEN_SAMPLES_S)
    times_s = (*usages.times_s, now_s)[-SAMPLES:] if sampled else usages.times_s
    of = {
        one.pm_id: _usage(usages.of.get(one.pm_id), one, rules.of(one.name), sampled=sampled)
        for one in processes
        if one.status == "online" and not one.ours and not one.twin
    }
    return Usages(now_s, times_s, of)


def _usage(before: Usage | None, process: Process, rule: AppRule, *, sampled: bool) -> Usage:
    if before is None or before.run != process.run:
        before = Usage(process.run)
    memory_high = rule.memory_mb is not None and process.memory_bytes > rule.memory_mb * MIB
    cpu_high = rule.cpu_percent is not None and process.cpu_percent > rule.cpu_percent
    return replace(
        before,
        memory_looks=before.memory_looks + 1 if memory_high else 0,
        cpu_looks=before.cpu_looks + 1 if cpu_high else 0,
        memory=_added(before.memory, process.memory_bytes) if sampled else before.memory,
    )


def _added(memory: bytes, new_bytes: int) -> bytes:
    unit = array("I", [min(max(new_bytes, 0) // UNIT_BYTES, LARGEST)])
    return (memory + unit.tobytes())[-SAMPLES * unit.itemsize :]


def series(usages: Usages, usage: Usage) -> tuple[Sequence[float], Sequence[int]]:
    """Return the moments of an entry's samples (seconds since boot), and its memory at each (bytes)."""
    held = array("I")
    held.frombytes(usage.memory)
    return usages.times_s[-len(held) :] if held else (), [one * UNIT_BYTES for one in held]
