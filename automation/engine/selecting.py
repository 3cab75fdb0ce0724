"""Which subjects the settings choose, for whatever system asks."""

from __future__ import annotations

from automation.core.selection import Selection
from automation.core.settings import Settings


def selection_of(settings: Settings) -> Selection:
    """Return the selection of a system's section."""
    return Selection(settings.names("include"), settings.names("exclude"))
