"""How fast and how often a ladder is climbed, as settings say (safety S3)."""

from __future__ import annotations

from automation.core.ladder import Pace
from automation.core.settings import Settings


def pace_of(settings: Settings, *, first_s: float | None = None) -> Pace:
    """Return the pace of a ladder; `first_s` is its own wait after the first try."""
    longest_s = settings.seconds("longest_wait")
    first_s = settings.seconds("first_wait") if first_s is None else first_s
    return Pace(
        first_s=first_s,
        longest_s=max(first_s, longest_s),
        calm_s=settings.seconds("stable_time"),
        rest_s=settings.seconds("rest"),
    )


def tries(settings: Settings, own: int) -> int:
    """Return how often a step may be tried that has so many tries of its own, at most as settings allow."""
    return min(own, settings.count("max_recovery_attempts"))
