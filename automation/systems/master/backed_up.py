"""What the master backs up itself: reports, settings, history, and which snapshots were taken together."""

from __future__ import annotations

import json

from automation.engine.context import SETTINGS_FILE, Context
from automation.engine.snapshots import BackedUp
from automation.stores.backup_sets import SET_FILE, SET_PREFIX
from automation.stores.backups.store import Source
from automation.systems.master.peers import PEERS

STATE_PREFIX = "state"


def backed_up(context: Context) -> BackedUp:
    """Return the sources: `set/` holds the ids of the others' snapshots, `logs/` reports, `state/` ours."""
    layout = context.layout
    reports = [peer.report for peer in PEERS if (layout.logs / peer.report).exists()]
    return BackedUp(
        sources=(
            Source([SETTINGS_FILE], valid=is_record),
            Source([*reports, layout.report.name], prefix="logs", valid=is_record),
            Source([layout.history.name], prefix=STATE_PREFIX, valid=is_record),
            Source([SET_FILE], prefix=SET_PREFIX, valid=is_record),
        ),
        roots={"logs": layout.logs, STATE_PREFIX: layout.own, SET_PREFIX: layout.state},
    )


def is_record(_path: str, data: bytes) -> bool:
    """Say whether a file is a JSON object: all that the master keeps is."""
    try:
        return isinstance(json.loads(data), dict)
    except (ValueError, RecursionError):
        return False
