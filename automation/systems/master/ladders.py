"""What the master does: it restarts a guard that fell silent, begins an emergency, and frees the guards."""

from __future__ import annotations

from automation.core.ladder import Ladder, Pace, Rung
from automation.core.settings import Settings
from automation.engine.pacing import pace_of, tries


def ladders(settings: Settings) -> tuple[Ladder, ...]:
    """Return the ladders; an emergency runs once per cool-down and system (safety S3, S30)."""
    rest_s = settings.seconds("cooldown")
    free = (Rung("free-guards", tries(settings, 3)),)
    return (
        Ladder("guard-silent", (Rung("restart-guard", tries(settings, 3)),), pace_of(settings, first_s=60.0)),
        Ladder(
            "score-below-threshold",
            (Rung("begin-emergency", 1),),
            Pace(first_s=rest_s, longest_s=rest_s, jitter=0.0, calm_s=rest_s, rest_s=1.0),
        ),
        Ladder("emergency-broken-off", free, Pace(calm_s=0.0)),
        Ladder("lease-without-cause", free, Pace(calm_s=0.0)),
    )
