"""What is tried against each problem, gentlest first."""

from __future__ import annotations

import math

from automation.core.ladder import Ladder, Pace, Rung
from automation.core.settings import Settings
from automation.engine.kept_files import kept_file_ladder
from automation.systems.pm2.master import master_ladders

RECREATIONS = 2
FINISHES = 3

# Problems that no step of this version cures: a human is told.
FOR_A_HUMAN = ("daemon-dead", "memory-leak", "host-memory-low", "host-disk-low", "host-overloaded")

# Once stopped, a flapping app waits 10, 20, 40 … s for its next start, and after the last it stays stopped.
LET_REST = Pace(first_s=5.0, longest_s=5.0)
START_AGAIN = Pace(before_s=10.0, first_s=20.0, rest_s=math.inf)
STOPS_BEYOND_STARTS = 5
TOO_MUCH = Pace(first_s=300.0, longest_s=3600.0)
RESTARTS_OF_TOO_MUCH = 3


def ladders(settings: Settings) -> tuple[Ladder, ...]:
    """Return the ladders: restart, then prepare the app anew as it was last seen (safety S12)."""
    rungs: tuple[Rung, ...] = ()
    if settings.flag("auto_restart"):
        rungs = (Rung("restart", settings.count("max_restarts")), Rung("recreate", RECREATIONS))
    return (
        Ladder("process-errored", rungs),
        Ladder("process-stopped", rungs),
        Ladder("recreation-unfinished", (Rung("finish-recreation", FINISHES),)),
        *_flap_ladders(settings),
        *_usage_ladders(settings),
        kept_file_ladder(),
        *master_ladders(),
        *(Ladder(problem, ()) for problem in FOR_A_HUMAN),
    )


def _flap_ladders(settings: Settings) -> tuple[Ladder, ...]:
    """Return the ladders of an app that flaps: it is stopped, and then started again as often as may be."""
    if not settings.flag("auto_restart"):
        return Ladder("process-flapping", ()), Ladder("process-resting", ())
    starts = settings.count("max_restarts")
    stops = Rung("let-rest", starts + STOPS_BEYOND_STARTS)
    return (
        Ladder("process-flapping", (stops,), LET_REST),
        Ladder("process-resting", (Rung("start-again", starts),), START_AGAIN),
    )


def _usage_ladders(settings: Settings) -> tuple[Ladder, ...]:
    """Return the ladders of an app that uses too much: a restart, and no more than one within a while."""
    rungs = (Rung("restart", RESTARTS_OF_TOO_MUCH),) if settings.flag("auto_restart") else ()
    return Ladder("memory-high", rungs, TOO_MUCH), Ladder("cpu-high", rungs, TOO_MUCH)
