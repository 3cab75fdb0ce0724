"""Sets: the snapshots of several systems that were taken at one moment, named by one of them (safety S22).

The snapshot that names the others holds the record as `set/set.json`; whoever prunes reads it there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from automation.core.errors import RecordDamaged
from automation.ports.files import cannot
from automation.stores.backups.place import snapshot_ids
from automation.stores.backups.snapshot_id import is_snapshot_id
from automation.stores.records import read_record, write_record

SET_FILE = "set.json"
SET_PREFIX = "set"  # the folder of a snapshot that holds it


@dataclass(frozen=True, slots=True)
class BackupSet:
    """One set: its id, when it was taken (ISO 8601), and the snapshot of each system by the system's name.

    `whole` says that every system that was there is in it.
    """

    id: str
    at: str
    snapshots: Mapping[str, str] = field(default_factory=dict)
    whole: bool = True


def write_set(path: Path, taken: BackupSet) -> None:
    """Write a set's record.

    Raises:
        EffectFailed: The disk said no.
    """
    named = dict(sorted(taken.snapshots.items()))
    write_record(
        path, {"schema": 1, "set": taken.id, "at": taken.at, "whole": taken.whole, "snapshots": named}
    )


def read_set(snapshot: Path) -> BackupSet | None:
    """Return the set that a snapshot names; None where it names none.

    Raises:
        RecordDamaged: Its record is not what its schema says.
        EffectFailed: It cannot be read.
    """
    path = snapshot / SET_PREFIX / SET_FILE
    record = read_record(path)
    if record is None:
        return None
    named = record.get("snapshots") if isinstance(record, dict) else None
    if not isinstance(record, dict) or record.get("schema") != 1 or not isinstance(named, dict):
        raise RecordDamaged(str(path), "names no snapshots")
    wrong = [one for one in named.values() if not isinstance(one, str) or not is_snapshot_id(one)]
    if wrong:
        raise RecordDamaged(str(path), f"not the id of a snapshot: {wrong[0]!r:.80}")
    return BackupSet(
        str(record.get("set")), str(record.get("at")), dict(named), record.get("whole") is not False
    )


def pinned(backups: Path, system: str) -> frozenset[str]:
    """Return the snapshots of a system that a set names, wherever that set lies: they must stay.

    A set whose record is damaged names nothing that could be restored together, and pins nothing.

    Args:
        backups: The folder of all systems' snapshots.
        system: The system's name, as sets have it.

    Raises:
        EffectFailed: A set cannot be read: what it names is not known, and nothing may be removed.
    """
    found = set()
    for folder in _folders(backups):
        for id_ in snapshot_ids(folder):
            try:
                named = read_set(folder / id_)
            except RecordDamaged:
                continue
            if named is not None and system in named.snapshots:
                found.add(named.snapshots[system])
    return frozenset(found)


def _folders(backups: Path) -> list[Path]:
    try:
        return [path for path in sorted(backups.iterdir()) if path.is_dir() and not path.is_symlink()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise cannot("read", backups, error) from error
