"""The notes about resting apps on disk, in PM2's home, 0600; read again only when the file has changed."""

from __future__ import annotations

from pathlib import Path

from automation.core.errors import EffectFailed, RecordDamaged, RecordNewer
from automation.ports.files import remove
from automation.stores.records import keep_evidence, read_record, write_record
from automation.systems.pm2.resting import SCHEMA, Rest, from_record, to_record

Stamp = tuple[int, int, int]


class RestNotes:
    """Reads and writes the notes; another process of ours (a recovery by hand) may write them too."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "resting.json"
        self._read: tuple[Stamp | None, tuple[Rest, ...]] = (None, ())

    def load(self) -> tuple[Rest, ...]:
        """Return the notes; none where there are none that can be understood.

        An app whose note is lost is one that nobody stopped: it is started again, and found flapping again.

        Raises:
            RecordNewer: A newer version wrote them (safety S32).
        """
        stamp = self._stamp()
        if stamp != self._read[0]:
            self._read = (stamp, self._load())
        return self._read[1]

    def _load(self) -> tuple[Rest, ...]:
        try:
            record = read_record(self._path)
            schema = record.get("schema") if isinstance(record, dict) else None
            if isinstance(schema, int) and schema > SCHEMA:
                raise RecordNewer(str(self._path), schema)
            return () if record is None else from_record(record)
        except EffectFailed:
            return ()
        except (RecordDamaged, KeyError, TypeError, ValueError, OverflowError):
            keep_evidence(self._path)
            return ()

    def save(self, rests: tuple[Rest, ...]) -> None:
        """Write the notes; without any the file goes.

        Raises:
            EffectFailed: The disk said no; then no app may be stopped on their account.
        """
        if rests:
            write_record(self._path, to_record(rests))
        else:
            remove(self._path)
        self._read = (self._stamp(), rests)

    def _stamp(self) -> Stamp | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
