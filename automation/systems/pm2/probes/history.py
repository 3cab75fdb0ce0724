"""What an app's answers amount to: when to ask again, and from when on it counts as hung. Pure.

All moments are seconds since boot. One track is kept for each name in PM2: the instances of one app answer at
one address, so an answer speaks for all of them; a failure counts against those that had time to start.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace

from automation.ports.talking import Said, Verdict
from automation.systems.pm2.app_rules import Probe
from automation.systems.pm2.process import Run

# What follows the last failure: two looks a second apart, the last ask, and PM2's own way of ending an app.
ACTING_S = 4.0
LEAST_PART = 0.5
JITTER = 0.1
FILE_LIMIT_S = 5.0
NEVER = float("-inf")


@dataclass(frozen=True, slots=True)
class Pace:
    """How an app is asked: every so often, each time for so long, and so many failures make it hung."""

    failures: int
    every_s: float
    limit_s: float


@dataclass(frozen=True, slots=True)
class Track:
    """What is known of one app: when to ask next, when the last good answer was asked for, failures since.

    `failed_s` holds when they were asked for, oldest first, at most as many as make it hung.
    """

    due_s: float
    good_s: float = NEVER
    failed_s: tuple[float, ...] = ()
    verdict: Verdict | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Begun:
    """One run of a process: when it began, and until when it may be busy starting."""

    run: Run
    started_s: float
    ready_s: float


def pace(probe: Probe, check_interval_s: float) -> Pace:
    """Return how an app is asked so that a hung one is restarted within its failures times its period.

    Between the last good answer and the restart lie the asks, the last one's time limit and what acting
    takes: so it is asked a little more often than the period says, but never more than twice as often.
    """
    period_s = check_interval_s if probe.period_ms is None else probe.period_ms / 1000
    limit_s = min(FILE_LIMIT_S if probe.kind == "file" else probe.timeout_ms / 1000, period_s)
    spared_s = (limit_s + ACTING_S) / probe.failures
    return Pace(probe.failures, max(period_s - spared_s, period_s * LEAST_PART), limit_s)


def begun(run: Run, age_s: float, listen_timeout_s: float, elapsed_s: float) -> Begun:
    """Return what is known of a run that is seen for the first time; a clock set back makes it young."""
    started_s = elapsed_s - max(age_s, 0.0)
    return Begun(run, started_s, started_s + listen_timeout_s)


def learned(track: Track, name: str, asked_s: float, said: Said, pace: Pace, now_s: float) -> Track:
    """Return the track after an answer. What could not be asked says nothing about the app (safety S2)."""
    due_s = max(asked_s + pace.every_s * (1.0 - JITTER * _chance(name)), now_s)
    track = replace(track, due_s=due_s, verdict=said.verdict, why=said.why)
    if said.verdict is Verdict.WELL:
        return replace(track, good_s=asked_s, failed_s=())
    if said.verdict is Verdict.UNKNOWN:
        return track
    failed_s = (*track.failed_s, asked_s)
    if len(failed_s) == pace.failures:  # it is about to be restarted: asked once more at once
        track = replace(track, due_s=now_s)
    return replace(track, failed_s=failed_s[-pace.failures :])


def failures(track: Track, process: Begun) -> int:
    """Count the failures in a row that a process is to blame for: not those from before it was ready.

    It is ready when its time to start is over, or once a good answer came.
    """
    ready_s = process.started_s if track.good_s >= process.started_s else process.ready_s
    return sum(asked_s >= ready_s for asked_s in track.failed_s)


def hung(track: Track, process: Begun, pace: Pace) -> bool:
    """Tell whether a process hangs; never on an answer that could not be had."""
    return track.verdict is Verdict.FAILED and failures(track, process) >= pace.failures


def word(track: Track, process: Begun, pace: Pace) -> str:
    """Say in one word how a process answers, for the report."""
    if track.verdict is None:
        return "not-asked"
    if track.verdict is not Verdict.FAILED:
        return track.verdict.value
    if hung(track, process, pace):
        return "hung"
    return "failing" if failures(track, process) else "starting"


def _chance(name: str) -> float:
    """Spread the apps over time; a hash, not chance."""
    return zlib.crc32(name.encode("utf-8", "surrogatepass")) / 0xFFFFFFFF
