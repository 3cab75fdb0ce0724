"""What the GitHub guard backs up: workflows, the actions that lie beside them, and dependabot's settings."""

from __future__ import annotations

from automation.engine.context import Context
from automation.engine.snapshots import BackedUp
from automation.stores.backups.store import Source
from automation.systems.github.facts import FOLDER
from automation.systems.github.workflow_files import ACTIONS, DEPENDABOT, judge


def backed_up(_context: Context) -> BackedUp:
    """Return the sources of this system's snapshots."""
    return BackedUp(sources=(Source((FOLDER, ACTIONS, *DEPENDABOT), valid=judge),))
