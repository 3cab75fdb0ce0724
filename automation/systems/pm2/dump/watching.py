"""Watching PM2's dump: it is read only when it changed, and what it held is kept across restarts."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from automation.core.errors import EffectFailed, RecordDamaged, RecordNewer
from automation.ports.files import cannot, read_whole
from automation.stores.records import read_record, write_record
from automation.systems.pm2.dump.judging import Dump, DumpState, Known, SavedList, Seen, judge, read_dump
from automation.systems.pm2.dump.where import DUMP, PREFIX

SCHEMA = 1
CAP_BYTES = 32 * 1024 * 1024
YOUNG_S = 2.0  # PM2 empties the file before it writes it

Stamp = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the dump lies, where it is written down what it held, and which suites' entries are ours.

    `kept_as` is what it is called in a snapshot.
    """

    dump: Path
    record: Path
    suites: Sequence[str] = ()
    kept_as: str = f"{PREFIX}/{DUMP}"


class DumpWatch:
    """What is known of one dump."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._stamp: Stamp | None = None
        self._dump = Dump()
        self._before: SavedList | None = None
        self._known: Known | None = None
        self._written: Known | None = None

    def look(self, seen: Seen, now_s: float) -> SavedList:
        """Look at the dump, and judge it beside PM2's list.

        Raises:
            RecordNewer: A newer version wrote down what it held (safety S32).
        """
        if self._known is None:
            self._known = self._written = load_known(self._place.record)
        young = self._take(now_s)
        saved = judge(self._dump, seen, self._before, self._known, now_s)
        self._before, self._known = saved, saved.known
        return replace(
            saved,
            settling=saved.settling or young,
            path=str(self._place.dump),
            kept_as=self._place.kept_as,
        )

    def read(self) -> Dump:
        """Return what the dump holds now, unjudged."""
        self._take(0.0)
        return self._dump

    def remember(self) -> None:
        """Write down what should be in the dump, where that changed.

        Raises:
            EffectFailed: The disk said no.
        """
        if self._known is not None and self._known != self._written:
            save_known(self._place.record, self._known)
            self._written = self._known

    def _take(self, now_s: float) -> bool:
        """Read the dump where it changed; tell whether it may be half written, and was left for later."""
        try:
            status = self._place.dump.stat()
        except FileNotFoundError:
            self._stamp, self._dump = None, Dump()
            return False
        except OSError as error:
            reason = str(cannot("read", self._place.dump, error))
            self._stamp, self._dump = None, Dump(DumpState.UNREADABLE, reason)
            return False
        stamp = (status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns)
        if stamp == self._stamp:
            return False
        found = self._read(status.st_mtime_ns)
        young = not found.is_list and 0 <= now_s - status.st_mtime < YOUNG_S
        if not young:
            self._stamp, self._dump = stamp, found
        return young

    def _read(self, written_ns: int) -> Dump:
        try:
            data = read_whole(self._place.dump, cap=CAP_BYTES)
        except EffectFailed as error:
            return Dump(DumpState.UNREADABLE, str(error))
        if data is None:
            return Dump()
        return read_dump(data, self._place.suites, (len(data), zlib.crc32(data)), written_ns)


def load_known(path: Path) -> Known:
    """Return what was known of the dump; nothing where there is no record that can be understood.

    Raises:
        RecordNewer: A newer version wrote it.
    """
    try:
        record = read_record(path)
    except (RecordDamaged, EffectFailed):
        return Known()
    if not isinstance(record, dict):
        return Known()
    schema = record.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise RecordNewer(str(path), schema)
    try:
        size, mark = record["print"]
        expected = {str(name): int(count) for name, count in record["expected"].items()}
        return Known(expected, (int(size), int(mark)), int(record["writtenNs"]))
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        return Known()


def save_known(path: Path, known: Known) -> None:
    """Write down what should be in the dump.

    Raises:
        EffectFailed: The disk said no.
    """
    write_record(
        path,
        {
            "schema": SCHEMA,
            "expected": dict(known.expected),
            "print": list(known.print),
            "writtenNs": known.written_ns,
        },
    )
