"""What every observer does that looks at files and asks a service: neither of them calls by itself."""

from __future__ import annotations

from collections.abc import Sequence

from automation.engine.context import Context


class AskedService:
    """The quiet part of an observer.

    `context` is the guard's; `events` are what the log calls a service that does not answer, one that is not
    asked, and one that answers again.
    """

    def __init__(self, context: Context, events: tuple[str, str, str]) -> None:
        self.context = context
        self._events = events
        self._said: tuple[str, str] = ("", "")

    def fds(self) -> Sequence[int]:
        """Return nothing."""
        return ()

    def pump(self) -> bool:
        """Read nothing."""
        return False

    def close(self) -> None:
        """Hold nothing."""

    def say_once(self, note: str, trouble: str) -> None:
        """Log why the service is not asked, or does not answer, once: not on every look that it lasts."""
        now = (note, trouble)
        if now != self._said:
            unreachable, not_asked, answers = self._events
            event = unreachable if trouble else not_asked if note else answers
            self.context.log.info(event, extra={"reason": trouble or note})
        self._said = now
