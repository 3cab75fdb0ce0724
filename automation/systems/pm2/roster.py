"""The roster: each entry of PM2's list as it was last seen, environment included (safety S11). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SCHEMA = 1

Entry = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class RosterHead:
    """Of which boot and which daemon (pid, start in ticks since boot) the roster is."""

    boot_id: str
    daemon: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry: its id, the process it had, and PM2's own description of it, which `prepare` takes."""

    pm_id: int | str
    pid: int
    env: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Roster:
    """What one daemon had: the apps, and apart from them our own four."""

    head: RosterHead
    apps: tuple[Listed, ...] = ()
    own: tuple[Listed, ...] = ()

    def last_pids(self) -> dict[str, int]:
        """Return the pid that each app had, by its unique id."""
        return {str(one.env.get("unique_id", "")): one.pid for one in self.apps if one.pid}

    def pid_files(self) -> frozenset[str]:
        """Return where PM2 writes the pids of the apps."""
        return frozenset(str(one.env.get("pm_pid_path", "")) for one in self.apps) - {""}


def listed(entries: Sequence[Entry]) -> tuple[Listed, ...]:
    """Return entries of PM2's list as the roster holds them; what has no description is left out."""
    return tuple(
        Listed(_id(one), _whole(one.get("pid")), env)
        for one in entries
        if isinstance(env := one.get("pm2_env"), Mapping)
    )


def to_record(roster: Roster, seen_at: str) -> dict[str, object]:
    """Return the roster as JSON values."""
    return {
        "schema": SCHEMA,
        "bootId": roster.head.boot_id,
        "daemon": {"pid": roster.head.daemon[0], "startTicks": roster.head.daemon[1]},
        "seenAt": seen_at,
        "entries": [_to_record(one) for one in roster.apps],
        "own": [_to_record(one) for one in roster.own],
    }


def from_record(record: object) -> Roster:
    """Read a roster back; an entry that is not of the shape is left out.

    Raises:
        TypeError: It is no roster.
    """
    if not isinstance(record, dict):
        raise TypeError("expected an object")
    return Roster(head_of(record), _entries(record.get("entries")), _entries(record.get("own")))


def head_of(record: Mapping[str, object]) -> RosterHead:
    """Return of which daemon a roster is; zeros for what it does not say."""
    daemon = record.get("daemon")
    pair = (daemon.get("pid"), daemon.get("startTicks")) if isinstance(daemon, dict) else (0, 0)
    return RosterHead(str(record.get("bootId", "")), (_whole(pair[0]), _whole(pair[1])))


def _to_record(one: Listed) -> dict[str, object]:
    return {"id": one.pm_id, "pid": one.pid, "env": one.env}


def _entries(records: object) -> tuple[Listed, ...]:
    found = []
    for one in records if isinstance(records, list) else ():
        env = one.get("env") if isinstance(one, dict) else None
        if isinstance(env, dict):
            found.append(Listed(_id({"pm_id": one.get("id")}), _whole(one.get("pid")), env))
    return tuple(found)


def _id(entry: Entry) -> int | str:
    value = entry.get("pm_id")
    return value if isinstance(value, int | str) and not isinstance(value, bool) else -1


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
