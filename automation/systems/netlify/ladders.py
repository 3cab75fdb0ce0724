"""What is tried against each problem, gentlest first."""

from __future__ import annotations

from automation.core.ladder import Ladder, Rung
from automation.core.settings import Settings
from automation.engine.kept_files import GRACE_S, TRIES, kept_file_ladder
from automation.engine.pacing import pace_of, tries

# Problems against which nothing is done by itself: a human is told, once. A rollback is by hand.
FOR_A_HUMAN = ("deploy-failing", "functions-folder-missing")


def ladders(settings: Settings) -> tuple[Ladder, ...]:
    """Return the ladders; what settings do not allow has no rung.

    A changed file that is not empty is somebody's work: only reported, unless settings say more (S20).
    """
    may_restore = settings.flag("auto_restore")
    paced = pace_of(settings, first_s=GRACE_S)
    writes = (Rung("write-manifest", tries(settings, TRIES)),)
    return (
        kept_file_ladder(settings),
        Ladder("manifest-stale", writes if settings.flag("write_manifest") else (), paced),
        Ladder("function-invalid", (Rung("restore-function", 1),) if may_restore else (), paced),
        Ladder("netlify-toml-damaged", (Rung("restore-file", 1),) if may_restore else (), paced),
        *(Ladder(problem, ()) for problem in FOR_A_HUMAN),
    )
