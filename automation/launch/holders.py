"""Whose an entry of PM2's list is: ours only if it has our name and runs our file. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath

from automation.launch.apps import App

RUNNING = frozenset({"online", "launching", "waiting restart", "stopping"})
REFUSED_SETTINGS = 3  # an app that ended so needs a person, or new settings


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of PM2's list, as far as it matters here; `pm_id` is text while a reload is under way."""

    pm_id: int | str
    name: str
    status: str
    runs: str
    exit_code: int | None = None

    @property
    def running(self) -> bool:
        """Tell whether PM2 has it running, or about to."""
        return self.status in RUNNING and not self.refused

    @property
    def refused(self) -> bool:
        """Tell whether it ended because its settings cannot be used; trying again would not help.

        PM2 does not start it again, and yet shows `waiting restart` where a restart delay is set.
        """
        return self.status in {"stopped", "waiting restart"} and self.exit_code == REFUSED_SETTINGS


def entries_from(elements: Iterable[object]) -> tuple[Entry, ...]:
    """Take the entries from what PM2 says; what is not of that shape is none of ours."""
    return tuple(entry for entry in map(_entry, elements) if entry is not None)


def _entry(element: object) -> Entry | None:
    environment = element.get("pm2_env") if isinstance(element, Mapping) else None
    if not isinstance(element, Mapping) or not isinstance(environment, Mapping):
        return None
    code, number = environment.get("exit_code"), element.get("pm_id", environment.get("pm_id"))
    if not isinstance(number, int | str):
        return None
    return Entry(
        number,
        str(element.get("name", environment.get("name", ""))),
        str(environment.get("status", "")),
        str(environment.get("pm_exec_path", "")),
        code if isinstance(code, int) else None,
    )


def ours(entries: Iterable[Entry], apps: Iterable[App], suite: str) -> dict[str, Entry]:
    """Return our entries by app name: those with its name that run its file of this suite."""
    files = {app.name: str(PurePath(suite) / "automation" / app.script) for app in apps}
    return {entry.name: entry for entry in entries if files.get(entry.name) == entry.runs}


def strangers(entries: Iterable[Entry], apps: Iterable[App], suites: Iterable[str]) -> tuple[Entry, ...]:
    """Return the entries that have a name of ours and run something else than these suites' files."""
    rows = tuple(apps)
    files = {(app.name, str(PurePath(suite) / "automation" / app.script)) for suite in suites for app in rows}
    names = {app.name for app in rows}
    return tuple(entry for entry in entries if entry.name in names and (entry.name, entry.runs) not in files)


def way_out(stranger: Entry) -> str:
    """Say who holds a name of ours, and what a person can do about it."""
    who = "the old JavaScript suite" if stranger.runs.endswith((".js", ".cjs", ".mjs")) else "another program"
    return (
        f"{stranger.name} is held by {who} ({stranger.runs or 'unknown'}); nothing was changed; "
        f"stop it there, or: pm2 delete {stranger.pm_id}"
    )


def to_start(apps: Iterable[App], mine: Mapping[str, Entry], passive: frozenset[str]) -> tuple[App, ...]:
    """Return the apps that a start must start: absent, not running, or running passive after a shutdown."""
    return tuple(app for app in apps if not _runs(mine.get(app.name)) or app.name in passive)


def to_ensure(apps: Iterable[App], mine: Mapping[str, Entry]) -> tuple[App, ...]:
    """Return the apps that `--ensure` starts: as for a start, but not those that refused their settings."""
    refused = {name for name, entry in mine.items() if entry.refused}
    return tuple(app for app in apps if not _runs(mine.get(app.name)) and app.name not in refused)


def _runs(entry: Entry | None) -> bool:
    return entry is not None and entry.running
