"""What is tried against each problem, gentlest first."""

from __future__ import annotations

from automation.core.ladder import Ladder, Rung
from automation.core.settings import Settings
from automation.engine.kept_files import kept_file_ladder
from automation.engine.pacing import pace_of, tries
from automation.systems.pm2.master import master_ladders

RECREATIONS = 2
FINISHES = 3

# Problems that no step of this version cures: a human is told.
FOR_A_HUMAN = ("daemon-dead", "required-missing")


def ladders(settings: Settings) -> tuple[Ladder, ...]:
    """Return the ladders: restart, then prepare the app anew as it was last seen (safety S12)."""
    rungs: tuple[Rung, ...] = ()
    if settings.flag("auto_restart"):
        recreations = tries(settings, RECREATIONS)
        rungs = (Rung("restart", settings.count("max_restarts")), Rung("recreate", recreations))
    pace = pace_of(settings, first_s=settings.seconds("restart_delay"))
    finishes = (Rung("finish-recreation", tries(settings, FINISHES)),)
    return (
        Ladder("process-errored", rungs, pace),
        Ladder("process-stopped", rungs, pace),
        Ladder("recreation-unfinished", finishes, pace_of(settings)),
        kept_file_ladder(settings),
        *master_ladders(settings),
        *(Ladder(problem, ()) for problem in FOR_A_HUMAN),
    )
