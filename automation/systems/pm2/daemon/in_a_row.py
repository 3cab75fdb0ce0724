"""What must be seen look after look before it counts."""

from __future__ import annotations

LOOKS = 3
AT_LEAST_S = 5.0  # events can make three looks within milliseconds; `pm2 update` is deaf for longer


class InARow:
    """How often, and for how long, something was seen look after look."""

    def __init__(self) -> None:
        self._looks = 0
        self._since_s = 0.0

    def again(self, at_s: float) -> bool:
        """Count a look that saw it; tell whether these are looks enough, over time enough."""
        if not self._looks:
            self._since_s = at_s
        self._looks += 1
        return self._looks >= LOOKS and at_s - self._since_s >= AT_LEAST_S

    def ends(self) -> None:
        """Begin again: a look did not see it."""
        self._looks = 0
