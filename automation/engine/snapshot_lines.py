"""What several commands say of snapshots in the same words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from automation.engine.context import Context
from automation.engine.terminal import safe
from automation.stores.backup_outcomes import read_outcome
from automation.stores.backups.store import Snapshot


def files(count: int) -> str:
    """Return a number of files for people."""
    return f"{count} file" if count == 1 else f"{count} files"


def none_there(context: Context) -> str:
    """Say that there is no snapshot; where one is known to have been there, that it has gone."""
    known = newest_known(read_outcome(context.layout.backup_outcome))
    if known is None:
        return "no snapshots yet"
    return f"no snapshots in {context.layout.snapshots}, where {known} was the newest: is its disk mounted?"


def newest_known(outcome: Mapping[str, object]) -> str | None:
    """Return the newest snapshot that was there when somebody looked last; None: there was none."""
    vanished = outcome.get("vanished")
    last = vanished.get("lastId") if isinstance(vanished, Mapping) else outcome.get("lastId")
    return str(last) if last else None


def not_counted(there: Sequence[Snapshot]) -> list[str]:
    """Name the snapshots that can give nothing back, since their manifests cannot be read."""
    return [f"{one.id}: gives nothing back: {safe(one.damage)}" for one in there if one.damage]
