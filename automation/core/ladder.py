"""Ladders: for a problem, the steps to try against it, gentlest first. Data, and the waits between tries."""

from __future__ import annotations

import zlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rung:
    """One step, and how often it may be tried before the next one."""

    step: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to wait between tries, and when a climb is over (safety S3). All in seconds.

    The wait after the n-th try is `first_s` doubled n-1 times, at most `longest_s`, stretched by up to
    `jitter` of itself so that a hundred apps do not act in step; before the first try the problem must have
    lasted for `before_s`. `calm_s` without the problem end a climb: only then has it succeeded. `rest_s`
    after the last rung a new climb may begin.
    """

    first_s: float = 10.0
    longest_s: float = 300.0
    jitter: float = 0.2
    calm_s: float = 600.0
    rest_s: float = 3600.0
    before_s: float = 0.0

    def wait_after(self, attempts: int, subject: str) -> float:
        """Return the seconds to wait after so many tries; the jitter is a hash, not chance."""
        doubled = self.first_s * 2.0 ** min(max(attempts - 1, 0), 30)
        spread = zlib.crc32(f"{subject}:{attempts}".encode("utf-8", "surrogatepass")) / 0xFFFFFFFF
        return min(doubled, self.longest_s) * (1.0 + self.jitter * spread)


@dataclass(frozen=True, slots=True)
class Ladder:
    """The rungs for one problem; `in_emergency` says that an emergency does not take it over (safety S30)."""

    problem: str
    rungs: tuple[Rung, ...]
    pace: Pace = Pace()
    in_emergency: bool = False

    def rung(self, attempts: int) -> Rung | None:
        """Return the rung for the next try after so many, or None when there is none left."""
        left = attempts
        for rung in self.rungs:
            if left < rung.attempts:
                return rung
            left -= rung.attempts
        return None

    def past(self, attempts: int) -> int:
        """Return how many tries there have been when the rung of the last of these is used up."""
        end = 0
        for rung in self.rungs:
            end += rung.attempts
            if attempts <= end:
                return end
        return attempts
