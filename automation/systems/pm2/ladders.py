"""What is tried against each problem, gentlest first."""

from __future__ import annotations

from automation.core.ladder import Ladder, Rung
from automation.core.settings import Settings
from automation.engine.kept_files import kept_file_ladder
from automation.systems.pm2.master import master_ladders

RECREATIONS = 2
FINISHES = 3

# Problems that no step of this version cures: a human is told.
FOR_A_HUMAN = ("daemon-dead", "required-missing")


def ladders(settings: Settings) -> tuple[Ladder, ...]:
    """Return the ladders: restart, then prepare the app anew as it was last seen (safety S12)."""
    rungs: tuple[Rung, ...] = ()
    if settings.flag("auto_restart"):
        rungs = (Rung("restart", settings.count("max_restarts")), Rung("recreate", RECREATIONS))
    return (
        Ladder("process-errored", rungs),
        Ladder("process-stopped", rungs),
        Ladder("recreation-unfinished", (Rung("finish-recreation", FINISHES),)),
        kept_file_ladder(),
        *master_ladders(),
        *(Ladder(problem, ()) for problem in FOR_A_HUMAN),
    )
