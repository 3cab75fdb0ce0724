"""The eyes of a system as settings have them: closed where the system is switched off."""

from __future__ import annotations

from collections.abc import Sequence

from automation.core.finding import Assessment
from automation.engine.context import Context
from automation.engine.loading import load
from automation.engine.system import Observer


class ClosedEyes:
    """Looks at nothing: there is nothing to guard."""

    def observe(self) -> None:
        """See nothing."""

    def assess(self, facts: None) -> Assessment:  # noqa: ARG002  # every observer's
        """Find nothing."""
        return Assessment()

    def remember(self, facts: None) -> None:
        """Keep nothing."""

    def fds(self) -> Sequence[int]:
        """Return nothing to watch."""
        return ()

    def pump(self) -> bool:
        """Hear nothing."""
        return False

    def close(self) -> None:
        """Hold nothing."""


def is_enabled(context: Context) -> bool:
    """Tell whether settings let this system be guarded at all."""
    return context.settings.flag("enabled") and context.settings.flag("suite_enabled")


def observer_of(context: Context) -> Observer:
    """Return a system's observer; one with closed eyes where the system is switched off.

    Raises:
        AutomationError: It cannot look here at all, or a setting of the system is wrong.
    """
    if not is_enabled(context):
        return ClosedEyes()
    observer: Observer = load(context.system.observer)(context)
    return observer
