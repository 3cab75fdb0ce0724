"""Whether our own last look was not long ago (safety S7): to who slept, everybody else looks stale."""

from __future__ import annotations

from automation.ports.clock import Clock

LONGEST_PERIODS = 3.0
LEAST_S = 10.0


class OwnGap:
    """Remembers when we looked last, by both clocks: neither a sleep nor a set clock is overlooked."""

    def __init__(self, clock: Clock, period_s: float) -> None:
        self._clock = clock
        self._longest_s = max(LONGEST_PERIODS * period_s, LEAST_S)
        self._last: tuple[float, float] | None = None

    def was_short(self) -> bool:
        """Tell it of the gap that ends now, and begin the next; a first look has none."""
        now = (self._clock.now_s(), self._clock.elapsed_s())
        last, self._last = self._last or now, now
        return all(abs(new - old) <= self._longest_s for new, old in zip(now, last, strict=True))
