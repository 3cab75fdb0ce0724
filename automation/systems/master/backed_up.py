"""What the master backs up itself: the reports, the settings, and which snapshots were taken together."""

from __future__ import annotations

from automation.engine.context import SETTINGS_FILE, Context
from automation.engine.snapshots import BackedUp
from automation.stores.backup_sets import SET_FILE, SET_PREFIX
from automation.stores.backups.store import Source
from automation.systems.master.peers import PEERS


def backed_up(context: Context) -> BackedUp:
    """Return the sources; `set/` holds the ids of the others' snapshots, `logs/` the reports."""
    logs = context.layout.logs
    reports = [peer.report for peer in PEERS if (logs / peer.report).exists()]
    return BackedUp(
        sources=(
            Source([SETTINGS_FILE]),
            Source(reports, prefix="logs"),
            Source([SET_FILE], prefix=SET_PREFIX),
        ),
        roots={"logs": logs, SET_PREFIX: context.layout.state},
    )
