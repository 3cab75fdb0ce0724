"""A recreation under way: what is noted before it begins, so that whoever is killed in it leaves no two.

Preparing an app anew makes a second entry, and only then the first is deleted. In between the guard may die.
So it is noted which entry is to be replaced and which ids there were before; what the list holds of the same
name and slot and was not there before is the new one. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from automation.systems.pm2.process import Process

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Recreation:
    """Which entry of which daemon is replaced, under which label, and which ids there were before."""

    daemon: tuple[int, int]  # pid and start, in ticks since boot
    subject: str
    name: str
    slot: int | None
    pm_id: int | str
    unique_id: str
    before: frozenset[int | str]


def begun(daemon: tuple[int, int], process: Process, listed: Sequence[Process]) -> Recreation:
    """Return the note about a recreation that is about to begin."""
    return Recreation(
        daemon,
        process.label,
        process.name,
        process.slot,
        process.pm_id,
        process.unique_id,
        frozenset(one.pm_id for one in listed),
    )


def old_one(recreation: Recreation, listed: Sequence[Process]) -> Process | None:
    """Return the entry that is to be replaced, where it is still there."""
    for one in listed:
        if (one.pm_id, one.unique_id) == (recreation.pm_id, recreation.unique_id):
            return one
    return None


def new_ones(recreation: Recreation, listed: Sequence[Process]) -> tuple[Process, ...]:
    """Return the entries that replace it."""
    return tuple(
        one
        for one in listed
        if one.pm_id not in recreation.before
        and not one.twin
        and (one.name, one.slot) == (recreation.name, recreation.slot)
    )


def left_open(recreation: Recreation, daemon: tuple[int, int], listed: Sequence[Process]) -> bool:
    """Tell whether there are two entries where one should be."""
    if recreation.daemon != daemon or old_one(recreation, listed) is None:
        return False
    return bool(new_ones(recreation, listed))


def to_record(recreation: Recreation) -> dict[str, object]:
    """Return the note as JSON values."""
    return {
        "schema": SCHEMA,
        "daemon": list(recreation.daemon),
        "subject": recreation.subject,
        "name": recreation.name,
        "slot": recreation.slot,
        "id": recreation.pm_id,
        "uniqueId": recreation.unique_id,
        "before": sorted(recreation.before, key=str),
    }


def from_record(record: object) -> Recreation:
    """Read a note back.

    Raises:
        KeyError, TypeError, ValueError: It is not of that shape.
    """
    if not isinstance(record, Mapping) or record["schema"] != SCHEMA:
        raise ValueError("not a note of this schema")
    pid, ticks = record["daemon"]
    slot = record["slot"]
    return Recreation(
        daemon=(int(pid), int(ticks)),
        subject=str(record["subject"]),
        name=str(record["name"]),
        slot=None if slot is None else int(slot),
        pm_id=checked_id(record["id"]),
        unique_id=str(record["uniqueId"]),
        before=frozenset(checked_id(one) for one in record["before"]),
    )


def checked_id(value: object) -> int | str:
    """Return an id as PM2 has them.

    Raises:
        TypeError: It is none.
    """
    if not isinstance(value, int | str):
        raise TypeError("an id is a number or text")
    return value
