"""The note about a daemon's death: written before anything is done, kept until all of it is undone. Pure.

While it stands, roster and intents are frozen as they were, whatever the next daemon's list shows: whoever is
killed in the middle of bringing apps back, another guard finds what is still missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from automation.systems.pm2.daemon.fate import Identity
from automation.systems.pm2.daemon.returning import Slot
from automation.systems.pm2.intents import Intents

SCHEMA = 1
MOST_REASON = 300


@dataclass(frozen=True, slots=True)
class Lost:
    """An app that could not be brought back, and why."""

    slot: Slot
    why: str


@dataclass(frozen=True, slots=True)
class Death:
    """One death: of which daemon, when it was noticed (seconds since 1970), and what was known of its apps.

    `begun` says that somebody began to bring them back: whoever finds the note goes on at once. `over` says
    that all was brought back but what is `lost`; the note stays until these are there again.
    """

    daemon: Identity
    at_s: float
    intents: Intents
    lost: tuple[Lost, ...] = ()
    begun: bool = False
    over: bool = False

    @property
    def given_up(self) -> frozenset[Slot]:
        """What is not tried again."""
        return frozenset(one.slot for one in self.lost)


def to_record(death: Death, intents: Mapping[str, object]) -> dict[str, object]:
    """Return the note as JSON values; the intents are given as such."""
    return {
        "schema": SCHEMA,
        "daemon": list(death.daemon),
        "at": death.at_s,
        "intents": dict(intents),
        "lost": [{"slot": list(one.slot), "why": one.why[:MOST_REASON]} for one in death.lost],
        "begun": death.begun,
        "over": death.over,
    }


def from_record(record: object, intents: Intents) -> Death:
    """Read a note back.

    Raises:
        KeyError, TypeError, ValueError: It is not of that shape.
    """
    if not isinstance(record, Mapping) or record["schema"] != SCHEMA:
        raise ValueError("not a note of this schema")
    pid, ticks = record["daemon"]
    lost = tuple(Lost(_slot(one["slot"]), str(one["why"])) for one in record["lost"])
    begun, over = bool(record["begun"]), bool(record["over"])
    return Death((int(pid), int(ticks)), float(record["at"]), intents, lost, begun, over)


def _slot(record: object) -> Slot:
    if not isinstance(record, list):
        raise TypeError("expected name, namespace and slot")
    name, namespace, slot = record
    return str(name), str(namespace), None if slot is None else int(slot)
