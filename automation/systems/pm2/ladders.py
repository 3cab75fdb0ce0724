"""What is tried against each problem, gentlest first."""

from __future__ import annotations

from automation.core.ladder import Ladder, Rung
from automation.core.settings import Settings
from automation.engine.kept_files import kept_file_ladder
from automation.systems.pm2.master import master_ladders

RECREATIONS = 2
FINISHES = 3
SAVES = 3

# Problems that no step of this version cures: a human is told.
FOR_A_HUMAN = (
    "daemon-dead",
    "dump-damaged",
    "dump-empty",
    "dump-shrunk",
    "dump-drift",
    "ecosystem-damaged",
)


def ladders(settings: Settings) -> tuple[Ladder, ...]:
    """Return the ladders: restart, prepare anew as it was last seen, start from its file (safety S12)."""
    rungs: tuple[Rung, ...] = ()
    if settings.flag("auto_restart"):
        rungs = (
            Rung("restart", settings.count("max_restarts")),
            Rung("recreate", RECREATIONS),
            Rung("start-from-ecosystem", 1),
        )
    return (
        Ladder("process-errored", rungs),
        Ladder("process-stopped", rungs),
        Ladder("recreation-unfinished", (Rung("finish-recreation", FINISHES),)),
        kept_file_ladder(),
        Ladder("own-entries-unsaved", (Rung("save-own-entries", SAVES),)),
        *master_ladders(),
        *(Ladder(problem, ()) for problem in FOR_A_HUMAN),
    )
