"""Who is installed where (safety S18): the record in the workspace, and its twin in PM2's home."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from automation.core.errors import RecordDamaged, RecordNewer
from automation.ports.files import make_folder, read_whole, write_whole

SCHEMA = 1
_CAP_BYTES = 64 * 1024

# The record's keys, in their order, and the fields that hold them.
_KEYS = {
    "uuid": "uuid",
    "uid": "uid",
    "pm2Home": "pm2_home",
    "node": "node",
    "pm2": "pm2",
    "workspace": "workspace",
    "suite": "suite",
    "createdAt": "created_at",
}


@dataclass(frozen=True, slots=True)
class Installation:
    """One installed suite: whose it is, where it runs, and with which programs.

    Paths are absolute; `suite` is the folder that holds `automation/`, mostly the workspace itself;
    `created_at` is ISO 8601.
    """

    uuid: str
    uid: int
    pm2_home: str
    node: str
    pm2: str
    workspace: str
    suite: str
    created_at: str


class Verdict(StrEnum):
    """What the records say about whoever wants to change something here and now."""

    NEW = "nobody is installed here"
    SAME = "this very installation"
    MOVED = "this installation, whose folder was moved"
    HELD = "another suite holds this PM2 home"
    OTHER_HOME = "this suite is installed for another PM2 home"
    WRONG_USER = "this user owns neither"


@dataclass(frozen=True, slots=True)
class Here:
    """What was looked up for the verdict.

    `twin_lives` says that the folder which the twin names still holds a record with the twin's uuid;
    `own_home_lives` that the home which the workspace's record names still holds our twin.
    """

    pm2_home: str
    suite: str
    owns_home: bool
    owns_workspace: bool
    twin_lives: bool
    own_home_lives: bool


def judge(ours: Installation | None, twin: Installation | None, here: Here) -> Verdict:
    """Decide whether this user, with this workspace and this PM2 home, may change anything.

    Args:
        ours: The record in the workspace.
        twin: The one in PM2's home.
        here: The rest of what is known.
    """
    if not (here.owns_home or here.owns_workspace):
        return Verdict.WRONG_USER
    if twin is not None and twin.suite == here.suite:
        return Verdict.SAME
    if twin is not None and here.twin_lives:
        return Verdict.HELD
    if ours is not None and ours.pm2_home != here.pm2_home and here.own_home_lives:
        return Verdict.OTHER_HOME
    if ours is None or (twin is not None and twin.uuid != ours.uuid):
        return Verdict.NEW
    return Verdict.SAME if ours.suite == here.suite else Verdict.MOVED


def workspace_path(logs: Path) -> Path:
    """Return where a workspace keeps its record."""
    return logs / "state" / "installation.json"


def home_path(pm2_home: Path) -> Path:
    """Return where PM2's home keeps the twin."""
    return pm2_home / "redundancy" / "installation.json"


def read(path: Path) -> Installation | None:
    """Return a record, or None where there is none.

    Raises:
        RecordDamaged: It is not what its schema says.
        RecordNewer: A newer version wrote it.
        EffectFailed: It cannot be read.
    """
    data = read_whole(path, cap=_CAP_BYTES)
    return None if data is None else parse(data, str(path))


def parse(data: bytes, where: str) -> Installation:
    """Take a record from its bytes (errors as for `read`)."""
    try:
        record = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise RecordDamaged(where, "not JSON; remove it and run the start script again") from error
    if not isinstance(record, dict):
        raise RecordDamaged(where, "expected a JSON object; remove it and run the start script again")
    schema = record.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise RecordNewer(where, schema)
    fields = {field: record.get(key) for key, field in _KEYS.items()}
    wrong = [
        key for key, field in _KEYS.items() if not isinstance(fields[field], int if key == "uid" else str)
    ]
    if schema != SCHEMA or wrong:
        what = (
            f"schema is {schema!r}" if schema != SCHEMA else f"{', '.join(wrong)} missing or of a wrong type"
        )
        raise RecordDamaged(where, f"{what}; remove it and run the start script again")
    return Installation(**fields)  # type: ignore[arg-type]  # the types were just looked at


def render(installation: Installation) -> bytes:
    """Return a record's bytes, one key a line."""
    fields = asdict(installation)
    record = {"schema": SCHEMA} | {key: fields[field] for key, field in _KEYS.items()}
    return (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode()


def record(installation: Installation, logs: Path) -> bool:
    """Write the record and its twin where they differ from what is there; tell whether any did.

    Raises:
        EffectFailed: One cannot be written.
    """
    data = render(installation)
    changed = False
    for path in (workspace_path(logs), home_path(Path(installation.pm2_home))):
        make_folder(path.parent, mode=0o700)
        if read_whole(path) != data:
            write_whole(path, data)
            changed = True
    return changed


def release(installation: Installation) -> None:
    """Give the PM2 home free for another suite; the workspace keeps its own record."""
    home_path(Path(installation.pm2_home)).unlink(missing_ok=True)
