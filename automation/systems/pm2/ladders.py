"""What is tried against each problem, gentlest first."""

from __future__ import annotations

from automation.core.ladder import Ladder, Pace, Rung
from automation.core.settings import Settings
from automation.engine.kept_files import kept_file_ladder
from automation.systems.pm2.master import master_ladders

RECREATIONS = 2
FINISHES = 3
SAVES = 3

RETURNS = 5
A_DAY_S = 86_400.0
ONCE_A_DAY = Pace(calm_s=A_DAY_S, rest_s=A_DAY_S)  # safety S9: all apps are started anew

# Problems that no step cures: a human is told.
FOR_A_HUMAN = (
    "app-lost",
    "dump-damaged",
    "dump-empty",
    "dump-shrunk",
    "dump-drift",
    "ecosystem-damaged",
)


def ladders(settings: Settings) -> tuple[Ladder, ...]:
    """Return the ladders: restart, prepare anew as it was last seen, start from its file (safety S12)."""
    rungs: tuple[Rung, ...] = ()
    acts = settings.flag("auto_restart")
    if acts:
        rungs = (
            Rung("restart", settings.count("max_restarts")),
            Rung("recreate", RECREATIONS),
            Rung("start-from-ecosystem", 1),
        )
    return (
        Ladder("process-errored", rungs),
        Ladder("process-stopped", rungs),
        *daemon_ladders(acts=acts),
        Ladder("recreation-unfinished", (Rung("finish-recreation", FINISHES),)),
        kept_file_ladder(),
        Ladder("own-entries-unsaved", (Rung("save-own-entries", SAVES),)),
        *master_ladders(),
        *(Ladder(problem, ()) for problem in FOR_A_HUMAN),
    )


def daemon_ladders(*, acts: bool) -> tuple[Ladder, ...]:
    """Return the ladders for the daemon itself (safety S9, S14), which an emergency does not take over."""
    if not acts:
        problems = (
            "daemon-dead",
            "daemon-replaced",
            "daemon-hung",
            "daemon-deaf",
            "daemon-split",
            "sockets-gone",
        )
        return tuple(Ladder(problem, (), in_emergency=True) for problem in problems)
    back = (Rung("bring-back", RETURNS),)
    hung = (Rung("continue-daemon", 1), Rung("restart-daemon", 1))
    deaf = (Rung("put-sockets-back", 1), Rung("restart-daemon", 1))
    return (
        Ladder("daemon-dead", back, in_emergency=True),
        Ladder("daemon-replaced", back, in_emergency=True),
        Ladder("daemon-hung", hung, ONCE_A_DAY, in_emergency=True),
        Ladder("daemon-deaf", deaf, ONCE_A_DAY, in_emergency=True),
        Ladder("sockets-gone", (Rung("put-sockets-back", RETURNS),), in_emergency=True),
        Ladder("daemon-split", (Rung("end-second-daemon", 1),), ONCE_A_DAY, in_emergency=True),
    )
