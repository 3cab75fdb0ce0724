"""What is tried against each problem, gentlest first."""

from __future__ import annotations

from automation.core.ladder import Ladder, Pace, Rung
from automation.core.settings import Settings
from automation.engine.kept_files import kept_file_ladder
from automation.engine.pacing import pace_of, tries
from automation.systems.pm2.master import master_ladders

RECREATIONS = 2
FINISHES = 3

RETURNS = 5
A_DAY_S = 86_400.0
ONCE_A_DAY = Pace(calm_s=A_DAY_S, rest_s=A_DAY_S)  # safety S9: all apps are started anew

# Problems that no step cures: a human is told.
FOR_A_HUMAN = ("app-lost", "required-missing")


def ladders(settings: Settings) -> tuple[Ladder, ...]:
    """Return the ladders: restart, then prepare the app anew as it was last seen (safety S12)."""
    rungs: tuple[Rung, ...] = ()
    acts = settings.flag("auto_restart")
    if acts:
        recreations = tries(settings, RECREATIONS)
        rungs = (Rung("restart", settings.count("max_restarts")), Rung("recreate", recreations))
    pace = pace_of(settings, first_s=settings.seconds("restart_delay"))
    finishes = (Rung("finish-recreation", tries(settings, FINISHES)),)
    return (
        Ladder("process-errored", rungs, pace),
        Ladder("process-stopped", rungs, pace),
        *daemon_ladders(settings, acts=acts),
        Ladder("recreation-unfinished", finishes, pace_of(settings)),
        kept_file_ladder(settings),
        *master_ladders(settings),
        *(Ladder(problem, ()) for problem in FOR_A_HUMAN),
    )


def daemon_ladders(settings: Settings, *, acts: bool) -> tuple[Ladder, ...]:
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
    back, pace = (Rung("bring-back", RETURNS),), pace_of(settings)
    hung = (Rung("continue-daemon", 1), Rung("restart-daemon", 1))
    deaf = (Rung("put-sockets-back", 1), Rung("restart-daemon", 1))
    return (
        Ladder("daemon-dead", back, pace, in_emergency=True),
        Ladder("daemon-replaced", back, pace, in_emergency=True),
        Ladder("daemon-hung", hung, ONCE_A_DAY, in_emergency=True),
        Ladder("daemon-deaf", deaf, ONCE_A_DAY, in_emergency=True),
        Ladder("sockets-gone", (Rung("put-sockets-back", RETURNS),), pace, in_emergency=True),
        Ladder("daemon-split", (Rung("end-second-daemon", 1),), ONCE_A_DAY, in_emergency=True),
    )
