"""Whether memory grows without end: its trend over minutes, told before a limit is reached. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from automation.systems.pm2.app_rules import AppRules
from automation.systems.pm2.process import Process
from automation.systems.pm2.usage import MIB, Id, Usages, series

LEAST_SAMPLES = 20
LEAST_GROWTH = 0.1  # of what it began with
LEAST_GROWTH_BYTES = 16 * MIB
RISING = 0.8  # of all pairs of samples: what swings up and down, as a garbage collector lets it, does not
STEADY = 0.5  # the later half must grow at least half as fast: a cache that fills does not
HORIZON_S = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class Leak:
    """How fast an app's memory grows (bytes a second), and in how many seconds it meets which end."""

    slope: float
    reached_in_s: float
    end: str


def slope(times_s: Sequence[float], values: Sequence[float]) -> tuple[float, float]:
    """Return the median of the slopes of all pairs (Theil and Sen), and which share of them rises.

    A few samples that lie far off move it little. Without two moments both are 0.
    """
    slopes = sorted(
        (later - earlier) / (later_s - earlier_s)
        for (earlier_s, earlier), (later_s, later) in combinations(zip(times_s, values, strict=True), 2)
        if later_s > earlier_s
    )
    if not slopes:
        return 0.0, 0.0
    half = len(slopes) // 2
    median = (slopes[half] + slopes[~half]) / 2  # `statistics` would load OpenSSL, which a loop does without
    return median, sum(one > 0 for one in slopes) / len(slopes)


def growth(times_s: Sequence[float], values: Sequence[float]) -> float:
    """Return how fast memory grows, in bytes a second; 0 where it does not, or may be about to stop."""
    if len(values) < LEAST_SAMPLES:
        return 0.0
    if values[-1] - values[0] < max(LEAST_GROWTH_BYTES, LEAST_GROWTH * values[0]):
        return 0.0
    half = len(values) // 2
    whole, rising = slope(times_s, values)
    later, _ = slope(times_s[half:], values[half:])
    if rising < RISING or later < STEADY * whole:
        return 0.0
    return min(whole, later)


def leaks(
    usages: Usages, processes: Sequence[Process], rules: AppRules, available_bytes: int | None
) -> Mapping[Id, Leak]:
    """Return the entries that leak, and when each meets its limit or the host's last memory.

    Args:
        usages: What was looked at, with a sample of just now.
        processes: The list as it is now.
        rules: What settings say of each app.
        available_bytes: What the host can still give; None where that is not known.
    """
    found = {}
    for process in processes:
        usage = usages.of.get(process.pm_id)
        if usage is None or usage.run != process.run:
            continue
        times_s, values = series(usages, usage)
        per_second = growth(times_s, values)
        limit_mb = rules.of(process.name).memory_mb
        leak = _leak(per_second, values[-1], limit_mb, available_bytes) if per_second > 0 else None
        if leak is not None:
            found[process.pm_id] = leak
    return found


def _leak(per_second: float, now_bytes: int, limit_mb: float | None, available: int | None) -> Leak | None:
    ends = []
    if limit_mb is not None:
        ends.append((limit_mb * MIB - now_bytes, f"its limit of {limit_mb:g} MB"))
    if available is not None:
        ends.append((float(available), "the end of the host's memory"))
    if not ends:
        return None
    left, end = min(ends)
    reached_in_s = left / per_second
    return Leak(per_second, reached_in_s, end) if 0 < reached_in_s <= HORIZON_S else None
