"""What the PM2 guard keeps in PM2's home: the roster and the intents (safety S11, S13), both 0600.

The roster holds each entry as PM2 showed it last, environment included: an app can be brought back from it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from automation.core.errors import RecordDamaged
from automation.core.moments import to_text
from automation.stores.records import keep_evidence, read_record, write_record
from automation.systems.pm2.intents import Cause, Gone, Intents, Stop

SCHEMA = 1
NO_DAEMON = (0, 0)

Entry = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class RosterHead:
    """Of which boot and which daemon the roster is."""

    boot_id: str
    daemon: tuple[int, int]


class Memory:
    """The roster and the intents on disk; each is written only when it has changed."""

    def __init__(self, folder: Path) -> None:
        self._roster = folder / "roster.json"
        self._previous = folder / "roster-previous.json"
        self._intents = folder / "intents.json"
        self._saved_signature: object = None
        self._saved_intents: Intents | None = None

    def roster_head(self) -> RosterHead | None:
        """Return of which daemon the roster is; None where there is none that can be read."""
        try:
            record = read_record(self._roster)
        except RecordDamaged:
            return None
        if not isinstance(record, dict):
            return None
        daemon = record.get("daemon")
        pair = (daemon.get("pid"), daemon.get("startTicks")) if isinstance(daemon, dict) else NO_DAEMON
        whole = tuple(one if isinstance(one, int) else 0 for one in pair)
        return RosterHead(str(record.get("bootId", "")), (whole[0], whole[1]))

    def save_roster(
        self, head: RosterHead, entries: Sequence[Entry], signature: object, now_s: float
    ) -> None:
        """Write the roster when its signature changed; another daemon's is kept once more beside it.

        Raises:
            EffectFailed: The disk said no.
        """
        if signature == self._saved_signature:
            return
        before = self.roster_head()
        if before is not None and before.daemon != head.daemon:
            with contextlib.suppress(OSError):
                self._roster.replace(self._previous)
        write_record(
            self._roster,
            {
                "schema": SCHEMA,
                "bootId": head.boot_id,
                "daemon": {"pid": head.daemon[0], "startTicks": head.daemon[1]},
                "seenAt": to_text(now_s),
                "entries": [entry.get("pm2_env") for entry in entries],
            },
        )
        self._saved_signature = signature

    def load_intents(self) -> Intents:
        """Return the intents; empty ones where there are none. Damaged ones are kept as evidence.

        Without them every stop counts as a person's, which is the harmless mistake.
        """
        try:
            record = read_record(self._intents)
            return Intents(NO_DAEMON, {}) if record is None else _from_record(record)
        except (RecordDamaged, KeyError, TypeError, ValueError, AttributeError):
            return Intents(NO_DAEMON, {})

    def save_intents(self, intents: Intents) -> None:
        """Write the intents when they have changed.

        Raises:
            EffectFailed: The disk said no.
        """
        if intents == self._saved_intents:
            return
        write_record(self._intents, _to_record(intents))
        self._saved_intents = intents

    def keep_damaged_intents(self) -> None:
        """Keep intents that cannot be read as evidence, once."""
        try:
            record = read_record(self._intents)
            if record is not None:
                _from_record(record)
        except (RecordDamaged, KeyError, TypeError, ValueError, AttributeError):
            keep_evidence(self._intents)


def _to_record(intents: Intents) -> dict[str, object]:
    known = intents.known
    return {
        "schema": SCHEMA,
        "daemon": list(intents.daemon),
        "stops": [
            {"id": one.pm_id, "name": one.name, "cause": one.cause.value, "at": one.at_s}
            for one in intents.stops.values()
        ],
        "gone": [
            {"id": one.pm_id, "name": one.name, "missedAt": one.missed_at_s, "deleted": one.deleted}
            for one in intents.gone
        ],
        "known": None if known is None else [[pm_id, name] for pm_id, name in known.items()],
        "words": [[pm_id, at_s] for pm_id, at_s in intents.words.items()],
    }


def _from_record(record: object) -> Intents:
    if not isinstance(record, dict) or record["schema"] != SCHEMA:
        raise ValueError("not intents of this schema")
    known = record["known"]
    pid, ticks = record["daemon"]
    stops = [
        Stop(_id(one["id"]), str(one["name"]), Cause(one["cause"]), float(one["at"]))
        for one in record["stops"]
    ]
    return Intents(
        daemon=(int(pid), int(ticks)),
        stops={stop.pm_id: stop for stop in stops},
        gone=tuple(
            Gone(_id(one["id"]), str(one["name"]), float(one["missedAt"]), bool(one["deleted"]))
            for one in record["gone"]
        ),
        known=None if known is None else {_id(pm_id): str(name) for pm_id, name in known},
        words={_id(pm_id): float(at_s) for pm_id, at_s in record["words"]},
    )


def _id(value: object) -> int | str:
    if not isinstance(value, int | str):
        raise TypeError("an id is a number or text")
    return value
