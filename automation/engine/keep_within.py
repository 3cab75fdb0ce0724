"""How long snapshots are kept at least, as settings say it: by the second, where restic counts in hours."""

from __future__ import annotations

from dataclasses import dataclass

from automation.core.moments import spoken
from automation.stores.backups.span import Span


@dataclass(frozen=True, slots=True)
class Within(Span):
    """A span of so many seconds; the fields of the calendar mean nothing in it."""

    seconds: float = 0.0

    def __bool__(self) -> bool:
        """Tell whether it is any time at all."""
        return self.seconds > 0.0

    def __str__(self) -> str:
        """Say it for people."""
        return spoken(self.seconds)

    def before(self, moment_s: float) -> float:
        """Return the moment that lies so long before another."""
        return moment_s - self.seconds
