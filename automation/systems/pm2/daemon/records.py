"""The death note and the marks of orderly ends, on disk, in PM2's home beside the roster."""

from __future__ import annotations

from pathlib import Path

from automation.core.errors import EffectFailed, RecordDamaged
from automation.ports.files import remove
from automation.stores.records import read_record, write_record
from automation.systems.pm2 import memory
from automation.systems.pm2.daemon import death
from automation.systems.pm2.daemon.death import Death
from automation.systems.pm2.daemon.fate import Ends

SCHEMA = 1
UNREADABLE = (RecordDamaged, EffectFailed, KeyError, TypeError, ValueError, OverflowError)


class DaemonRecords:
    """What is kept about the daemon's deaths and ends; what cannot be understood counts as not there."""

    def __init__(self, folder: Path) -> None:
        self._death = folder / "death.json"
        self._ends = folder / "ends.json"
        self._saved_ends: Ends | None = None

    def load_death(self) -> Death | None:
        """Return the note of a death whose apps are not all back; None where there is none."""
        try:
            record = read_record(self._death)
            if not isinstance(record, dict):
                return None
            return death.from_record(record, memory.intents_from_record(record["intents"]))
        except UNREADABLE:
            return None

    def save_death(self, note: Death | None) -> None:
        """Write the note, or remove it.

        Raises:
            EffectFailed: The disk said no; then nothing may be ended or brought back.
        """
        if note is not None:
            write_record(self._death, death.to_record(note, memory.intents_to_record(note.intents)))
        else:
            remove(self._death)

    def load_ends(self) -> Ends | None:
        """Return who ended in order last; None where nothing is known."""
        try:
            record = read_record(self._ends)
            if not isinstance(record, dict) or record["schema"] != SCHEMA:
                return None
            pid, ticks = record["daemon"]
            return Ends((int(pid), int(ticks)), bool(record["daemonInOrder"]), bool(record["guardInOrder"]))
        except UNREADABLE:
            return None

    def save_ends(self, ends: Ends) -> None:
        """Write who ended in order, when that has changed.

        Raises:
            EffectFailed: The disk said no.
        """
        if ends == self._saved_ends:
            return
        write_record(
            self._ends,
            {
                "schema": SCHEMA,
                "daemon": list(ends.daemon),
                "daemonInOrder": ends.daemon_in_order,
                "guardInOrder": ends.guard_in_order,
            },
        )
        self._saved_ends = ends
