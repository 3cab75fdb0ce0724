"""What is tried against what several looks told: apps that flap, and apps that use too much."""

from __future__ import annotations

import math

from automation.core.ladder import Ladder, Pace, Rung
from automation.core.settings import Settings

# Once stopped, a flapping app waits 10, 20, 40 … s for its next start, and after the last it stays stopped.
LET_REST = Pace(first_s=5.0, longest_s=5.0)
START_AGAIN = Pace(before_s=10.0, first_s=20.0, rest_s=math.inf)
STOPS_BEYOND_STARTS = 5
TOO_MUCH = Pace(first_s=300.0, longest_s=3600.0)
RESTARTS_OF_TOO_MUCH = 3

FOR_A_HUMAN = ("memory-leak", "host-memory-low", "host-disk-low", "host-overloaded")


def flap_ladders(settings: Settings) -> tuple[Ladder, ...]:
    """Return the ladders of an app that flaps: it is stopped, and then started again as often as may be."""
    if not settings.flag("auto_restart"):
        return Ladder("process-flapping", ()), Ladder("process-resting", ())
    starts = settings.count("max_restarts")
    stops = Rung("let-rest", starts + STOPS_BEYOND_STARTS)
    return (
        Ladder("process-flapping", (stops,), LET_REST),
        Ladder("process-resting", (Rung("start-again", starts),), START_AGAIN),
    )


def usage_ladders(settings: Settings) -> tuple[Ladder, ...]:
    """Return the ladders of an app that uses too much: a restart, and no more than one within a while."""
    rungs = (Rung("restart", RESTARTS_OF_TOO_MUCH),) if settings.flag("auto_restart") else ()
    return Ladder("memory-high", rungs, TOO_MUCH), Ladder("cpu-high", rungs, TOO_MUCH)
