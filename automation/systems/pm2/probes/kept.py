"""Which processes hung, on disk: for commands by hand, and for a guard that has just been started."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from automation.core.errors import EffectFailed, RecordDamaged
from automation.stores.records import read_record, write_record
from automation.systems.pm2.process import Run

SCHEMA = 1
Id = int | str


class Kept:
    """The processes that hung when it was last written; of no value once they were started again."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "hung.json"
        self._runs: Mapping[Id, Run] = _read(self._path)

    def hung(self, pm_id: Id, run: Run) -> bool:
        """Tell whether this run of a process was written down."""
        return self._runs.get(pm_id) == run

    def save(self, runs: Mapping[Id, Run]) -> None:
        """Write down which hang, where that has changed.

        Raises:
            EffectFailed: The disk said no.
        """
        if runs != self._runs:
            rows = [[pm_id, *run] for pm_id, run in runs.items()]
            write_record(self._path, {"schema": SCHEMA, "hung": rows})
            self._runs = dict(runs)


def _read(path: Path) -> dict[Id, Run]:
    """Return what was written down; nothing where it cannot be understood, which harms nobody."""
    try:
        record = read_record(path)
        rows = record["hung"] if isinstance(record, dict) and record["schema"] == SCHEMA else []
        return {pm_id: (str(unique_id), started_at_ms) for pm_id, unique_id, started_at_ms in rows}
    except (RecordDamaged, EffectFailed, KeyError, TypeError, ValueError):
        return {}
