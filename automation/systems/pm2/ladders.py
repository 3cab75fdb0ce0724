"""What is tried against each problem, gentlest first."""

from __future__ import annotations

from dataclasses import replace

from automation.core.ladder import Ladder, Pace, Rung
from automation.core.settings import Settings
from automation.engine.kept_files import kept_file_ladder
from automation.engine.pacing import pace_of, tries
from automation.systems.pm2 import tracked_ladders
from automation.systems.pm2.dump.putting_back import dump_ladder
from automation.systems.pm2.master import master_ladders

RECREATIONS = 2
FINISHES = 3
SAVES = 3

RETURNS = 5
MANY = 50
STARTING_S = 60.0  # whoever starts PM2 anew starts its apps one by one
SOON = Pace(first_s=1.0, longest_s=30.0)  # putting a name back harms nobody
A_DAY_S = 86_400.0
ONCE_A_DAY = Pace(calm_s=A_DAY_S, rest_s=A_DAY_S)  # safety S9: all apps are started anew

# Problems that no step cures: a human is told.
FOR_A_HUMAN = (
    "app-lost",
    "port-taken",
    *tracked_ladders.FOR_A_HUMAN,
    "dump-gone",
    "dump-empty",
    "dump-unreadable",
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
            Rung("recreate", tries(settings, RECREATIONS)),
            Rung("start-from-ecosystem", 1),
        )
    pace = pace_of(settings, first_s=settings.seconds("restart_delay"))
    finishes = (Rung("finish-recreation", tries(settings, FINISHES)),)
    saves = (Rung("save-own-entries", tries(settings, SAVES)),)
    return (
        Ladder("process-errored", rungs, pace),
        Ladder("process-stopped", rungs, pace),
        Ladder("required-missing", rungs[2:], replace(pace, before_s=STARTING_S)),
        Ladder("process-hung", rungs[:2], pace),  # from its file it would run beside the one that hangs
        *daemon_ladders(settings, acts=acts),
        Ladder("recreation-unfinished", finishes, pace_of(settings)),
        *tracked_ladders.flap_ladders(settings),
        *tracked_ladders.usage_ladders(settings),
        kept_file_ladder(settings),
        dump_ladder(settings),
        Ladder("own-entries-unsaved", saves, pace_of(settings)),
        *master_ladders(settings),
        *(Ladder(problem, ()) for problem in FOR_A_HUMAN),
    )


def daemon_ladders(settings: Settings, *, acts: bool) -> tuple[Ladder, ...]:
    """Return the ladders for the daemon itself (safety S9, S14), which an emergency does not take over."""
    steps = {
        "daemon-dead": (Rung("bring-back", RETURNS),),
        "daemon-replaced": (Rung("bring-back", RETURNS),),
        "daemon-stopped": (Rung("continue-daemon", RETURNS),),
        "daemon-hung": (Rung("restart-daemon", 1),),
        "daemon-deaf": (Rung("put-sockets-back", 1), Rung("restart-daemon", 1)),
        "daemon-split": (Rung("end-second-daemon", 1),),
        "daemon-idle": (Rung("end-second-daemon", RETURNS),),
        "sockets-gone": (Rung("put-sockets-back", MANY),),
    }
    paces = {
        "daemon-hung": ONCE_A_DAY,
        "daemon-deaf": ONCE_A_DAY,
        "daemon-split": ONCE_A_DAY,
        "sockets-gone": SOON,
    }
    pace = pace_of(settings)
    return tuple(
        Ladder(problem, rungs if acts else (), paces.get(problem, pace), in_emergency=True)
        for problem, rungs in steps.items()
    )
