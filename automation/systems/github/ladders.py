"""What is tried against each problem, gentlest first."""

from __future__ import annotations

from collections.abc import Iterator

from automation.core.ladder import Ladder, Rung
from automation.core.settings import Settings
from automation.engine.kept_files import GRACE_S, kept_file_ladder
from automation.engine.pacing import pace_of, tries

# Problems against which nothing is done by itself: a human is told, once.
FOR_A_HUMAN = ("workflow-missing", "workflow-disabled")


def ladders(settings: Settings) -> tuple[Ladder, ...]:
    """Return the ladders; what settings do not allow has no rung."""
    return (
        kept_file_ladder(settings),
        Ladder("workflow-invalid", tuple(_for_invalid(settings)), pace_of(settings, first_s=GRACE_S)),
        Ladder(
            "runs-failing",
            tuple(_for_failing(settings)),
            pace_of(settings, first_s=settings.seconds("retry_delay")),
        ),
        *(Ladder(problem, ()) for problem in FOR_A_HUMAN),
    )


def _for_invalid(settings: Settings) -> Iterator[Rung]:
    """A changed file that is not empty is somebody's work: only reported, unless settings say more (S20)."""
    if settings.flag("auto_restore"):
        yield Rung("fix", tries(settings, 2))
        yield Rung("restore-file", 1)


def _for_failing(settings: Settings) -> Iterator[Rung]:
    """Only workflows that settings name are run again (safety S27); the step says so of the others."""
    if settings.names("rerun"):
        yield Rung("rerun", 1)
    if settings.flag("auto_trigger") and dispatchable(settings):
        yield Rung("dispatch", 1)


def dispatchable(settings: Settings) -> tuple[str, ...]:
    """Return the globs of the workflows that may be dispatched."""
    health_check = settings.text("health_check_workflow")
    return (*settings.names("dispatch"), *((health_check,) if health_check else ()))
