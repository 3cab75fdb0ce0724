"""When a service may be asked: once an interval, less often while it fails, and never before it says so."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_WAIT_S = 600.0  # after failures, unless the interval itself is longer


@dataclass(slots=True)
class Turns:
    """The turns of one who asks; moments are seconds since boot."""

    interval_s: float
    due_s: float = float("-inf")
    failures: int = 0

    def has_come(self, elapsed_s: float) -> bool:
        """Tell whether it may be asked now; then the next turn comes an interval later."""
        if elapsed_s < self.due_s:
            return False
        self.due_s = elapsed_s + self.interval_s
        return True

    def went_well(self) -> None:
        """Count failures anew."""
        self.failures = 0

    def failed(self, elapsed_s: float, wait_s: float = 0.0) -> None:
        """Put the next turn off: longer after each failure, and by `wait_s` at the least."""
        self.failures += 1
        doubled_s = self.interval_s * 2.0 ** min(self.failures - 1, 10)
        self.due_s = elapsed_s + max(min(doubled_s, LONGEST_WAIT_S), self.interval_s, wait_s)
