"""What PM2 itself saved: its dump, parsed as JSON and never evaluated, for where there is no roster."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from automation.core.errors import EffectFailed
from automation.ports.files import read_whole
from automation.systems.pm2.dump.where import files_of_pm2
from automation.systems.pm2.roster import Listed, Roster, RosterHead

MOST_BYTES = 64 * 1024 * 1024


def dumps(home: Path, environment: Mapping[str, str]) -> tuple[Path, Path]:
    """Return where PM2 keeps its dump and the one before: as PM2 itself finds them."""
    dump, before, _ = files_of_pm2(home, environment)
    return dump.path, before.path


def saved_roster(paths: tuple[Path, ...], own: frozenset[str]) -> Roster:
    """Return what the first of these dumps that can be read lists; empty where none can.

    Args:
        paths: The dump, and the one before.
        own: The names of our own apps, which a roster holds apart.
    """
    entries = next((found for found in map(_entries, paths) if found), ())
    apps = tuple(one for one in entries if one.env.get("name") not in own)
    return Roster(RosterHead("", (0, 0)), apps, tuple(one for one in entries if one.env.get("name") in own))


def _entries(path: Path) -> tuple[Listed, ...]:
    try:
        data = read_whole(path, cap=MOST_BYTES)
        listed = json.loads(data or b"[]")
    except (EffectFailed, ValueError, RecursionError):
        return ()
    if not isinstance(listed, list):
        return ()
    envs = (one for one in listed if isinstance(one, dict) and one.get("name"))
    return tuple(Listed(number, 0, env) for number, env in enumerate(envs))
