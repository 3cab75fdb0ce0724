"""PM2's home folder: its own files, and our folder inside it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from automation.ports.process import alive
from automation.ports.process_table import command_line, environment
from automation.ports.supervisor_home import supervisor_home
from automation.stores.layout import HOME_FOLDER

DAEMON_MARKS = (b"God Daemon", b"Daemon.js")
RELOAD_LOCK_S = 30.0  # PM2 itself ignores an older reload.lock


def pm2_home(environment: Mapping[str, str]) -> Path:
    """Return PM2's home, as PM2 finds it."""
    return supervisor_home(environment)


def own_folder(environment: Mapping[str, str]) -> Path:
    """Return where the guard's lock, budgets, roster and intents lie: one guard for each PM2 home."""
    return own_folder_of(pm2_home(environment))


def own_folder_of(home: Path) -> Path:
    """Return our own folder of a PM2 home."""
    return home / HOME_FOLDER


def daemon_lock(home: Path) -> Path:
    """Return the lock of whatever may spawn, end or restore PM2's daemon, or write its dump."""
    return own_folder_of(home) / "daemon.lock"


def exists(home: Path) -> bool:
    """Tell whether there is such a folder that we may enter."""
    return os.access(home, os.R_OK | os.X_OK) and home.is_dir()


def living_daemon(pid_file: Path) -> int | None:
    """Return the pid in PM2's pid file where that is a living daemon of PM2's.

    PM2 writes the file before its daemon listens; after a crash the number may be somebody else's.
    """
    try:
        pid = int(pid_file.read_text("ascii")[:20])
        title = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    known = any(mark in title for mark in DAEMON_MARKS) or has_own_title(command_line(pid), environment(pid))
    return pid if alive(pid) and known else None


def has_own_title(words: tuple[str, ...], marks: Mapping[str, str]) -> bool:
    """Tell whether a process bears the title that its user gave to PM2's daemon; the kernel may cut it."""
    title = marks.get("PM2_DAEMON_TITLE", "")
    return len(words) == 1 and bool(words[0]) and title.startswith(words[0]) and "pm_id" not in marks


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
