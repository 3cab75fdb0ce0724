"""PM2's home folder: its own files, and our folder inside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from automation.ports import supervisor
from automation.stores.layout import HOME_FOLDER

RELOAD_LOCK_S = 30.0  # PM2 itself ignores an older reload.lock


def pm2_home(environment: Mapping[str, str]) -> Path:
    """Return PM2's home, as PM2 finds it."""
    return supervisor.home(environment)


def own_folder(environment: Mapping[str, str]) -> Path:
    """Return where the guard's lock, budgets, roster and intents lie: one guard for each PM2 home."""
    return pm2_home(environment) / HOME_FOLDER


def reload_under_way(home: Path, now_s: float) -> bool:
    """Tell whether a `pm2 reload` holds its lock, and has not held it for longer than PM2 itself respects."""
    path = home / "reload.lock"
    try:
        text = path.read_text("ascii")[:64].strip()
        taken_s = path.stat().st_mtime
    except (OSError, ValueError):
        return False
    # An ended reload leaves the file there, empty.
    return bool(text) and abs(now_s - taken_s) < RELOAD_LOCK_S
