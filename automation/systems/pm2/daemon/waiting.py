"""How long others are waited for: pm2 commands that hang in turn would put recovery off for ever."""

from __future__ import annotations

LONGEST_S = 180.0
BREAK_S = 60.0  # not asked for that long: it is another wait


class Waiting:
    """One wait for others, from the first look that saw them at work to the first that did not."""

    def __init__(self) -> None:
        self._began_s: float | None = None
        self._asked_s = 0.0

    def is_over(self, now_s: float, *, at_work: bool) -> bool:
        """Tell whether they were waited for long enough.

        Args:
            now_s: Seconds since boot.
            at_work: Whether any is at work now.
        """
        if not at_work:
            self._began_s = None
            return False
        if self._began_s is None or now_s - self._asked_s > BREAK_S:
            self._began_s = now_s
        self._asked_s = now_s
        return now_s - self._began_s >= LONGEST_S
