"""What the PM2 guard keeps in PM2's home: the roster and the intents (safety S11, S13), all of it 0600.

The roster holds each entry as PM2 showed it last, environment included: an app can be brought back from it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from automation.core.errors import EffectFailed, RecordDamaged, RecordNewer
from automation.core.moments import to_text
from automation.ports.files import remove
from automation.stores.records import keep_evidence, read_record, write_record
from automation.systems.pm2 import recreation, roster
from automation.systems.pm2.intents import Cause, Gone, Intents, Known, Stop
from automation.systems.pm2.process import Run
from automation.systems.pm2.recreation import Recreation, checked_id
from automation.systems.pm2.rest_notes import RestNotes
from automation.systems.pm2.roster import Roster, RosterHead

SCHEMA = 1
NO_DAEMON = (0, 0)


class Memory:
    """Roster, intents, and the note about a recreation, on disk; each is written only when it has changed."""

    def __init__(self, folder: Path) -> None:
        self._roster = folder / "roster.json"
        self._previous = folder / "roster-previous.json"
        self._intents = folder / "intents.json"
        self._recreation = folder / "recreation.json"
        self.rest_notes = RestNotes(folder)
        self._intents_damaged = False
        self._saved_signature: object = None
        self._saved_intents: Intents | None = None

    def roster_head(self) -> RosterHead | None:
        """Return of which daemon the roster is; None where there is none that can be read.

        Raises:
            RecordNewer: A newer version wrote it (safety S32).
        """
        record = self._read_roster()
        return None if record is None else roster.head_of(record)

    def load_roster(self) -> Roster | None:
        """Return the roster; None where there is none that can be read.

        Raises:
            RecordNewer: A newer version wrote it (safety S32).
        """
        record = self._read_roster()
        return None if record is None else roster.from_record(record)

    def _read_roster(self) -> dict[str, object] | None:
        try:
            record = read_record(self._roster)
        except (RecordDamaged, EffectFailed):
            return None
        if not isinstance(record, dict):
            return None
        _refuse_newer(self._roster, record)
        return record

    def save_roster(self, seen: Roster, signature: object, now_s: float) -> None:
        """Write the roster when its signature changed; another daemon's is kept once more beside it.

        Raises:
            EffectFailed: The disk said no.
            RecordNewer: A newer version wrote the one that is there.
        """
        if signature == self._saved_signature and self._roster.exists():
            return
        before = self.roster_head()
        if before is not None and before.daemon != seen.head.daemon:
            with contextlib.suppress(OSError):
                self._roster.replace(self._previous)
        write_record(self._roster, roster.to_record(seen, to_text(now_s)))
        self._saved_signature = signature

    def load_intents(self) -> Intents:
        """Return the intents; empty ones where there are none that can be understood.

        Without them every stop counts as a person's, which is the harmless mistake.

        Raises:
            EffectFailed: They cannot be read.
            RecordNewer: A newer version wrote them (safety S32).
        """
        try:
            record = read_record(self._intents)
            _refuse_newer(self._intents, record)
            return Intents(NO_DAEMON, {}) if record is None else intents_from_record(record)
        except (RecordDamaged, KeyError, TypeError, ValueError, OverflowError):
            self._intents_damaged = True
            return Intents(NO_DAEMON, {})

    def save_intents(self, intents: Intents) -> None:
        """Write the intents when they have changed; damaged ones that were found there are kept as evidence.

        Raises:
            EffectFailed: The disk said no.
        """
        if intents == self._saved_intents:
            return
        if self._intents_damaged:
            keep_evidence(self._intents)
            self._intents_damaged = False
        write_record(self._intents, intents_to_record(intents))
        self._saved_intents = intents

    def load_recreation(self) -> Recreation | None:
        """Return the note about a recreation that was begun; None where there is none to be understood."""
        try:
            record = read_record(self._recreation)
            return None if record is None else recreation.from_record(record)
        except (RecordDamaged, EffectFailed, KeyError, TypeError, ValueError, OverflowError):
            return None

    def save_recreation(self, begun: Recreation | None) -> None:
        """Note that a recreation begins, before it does, or that it is over.

        Raises:
            EffectFailed: The disk said no; then nothing may be recreated.
        """
        if begun is not None:
            write_record(self._recreation, recreation.to_record(begun))
        else:
            remove(self._recreation)


def _refuse_newer(path: Path, record: object) -> None:
    schema = record.get("schema") if isinstance(record, dict) else None
    if isinstance(schema, int) and schema > SCHEMA:
        raise RecordNewer(str(path), schema)


def intents_to_record(intents: Intents) -> dict[str, object]:
    """Return intents as JSON values."""
    known = intents.known
    return {
        "schema": SCHEMA,
        "daemon": list(intents.daemon),
        "stops": [
            {
                "id": one.pm_id,
                "name": one.name,
                "cause": one.cause.value,
                "at": one.at_s,
                "run": list(one.run),
            }
            for one in intents.stops.values()
        ],
        "gone": [
            {"id": one.pm_id, "name": one.name, "missedAt": one.missed_at_s, "deleted": one.deleted}
            for one in intents.gone
        ],
        "known": None if known is None else [[pm_id, *entry] for pm_id, entry in known.items()],
        "words": [[pm_id, at_s] for pm_id, at_s in intents.words.items()],
    }


def intents_from_record(record: object) -> Intents:
    """Read intents back.

    Raises:
        KeyError, TypeError, ValueError, OverflowError: They are not of that shape.
    """
    if not isinstance(record, dict) or record["schema"] != SCHEMA:
        raise ValueError("not intents of this schema")
    known = record["known"]
    pid, ticks = record["daemon"]
    stops = [
        Stop(checked_id(one["id"]), str(one["name"]), Cause(one["cause"]), float(one["at"]), _run(one["run"]))
        for one in record["stops"]
    ]
    return Intents(
        daemon=(int(pid), int(ticks)),
        stops={stop.pm_id: stop for stop in stops},
        gone=tuple(
            Gone(checked_id(one["id"]), str(one["name"]), float(one["missedAt"]), bool(one["deleted"]))
            for one in record["gone"]
        ),
        known=None if known is None else _known(known),
        words={checked_id(pm_id): float(at_s) for pm_id, at_s in record["words"]},
    )


def _known(record: Iterable[Sequence[object]]) -> dict[int | str, Known]:
    return {checked_id(pm_id): (str(name), str(unique_id)) for pm_id, name, unique_id in record}


def _run(record: tuple[str, int | None]) -> Run:
    unique_id, started_at_ms = record
    return str(unique_id), None if started_at_ms is None else int(started_at_ms)
