"""Looking for what lives of one PM2 home: daemons, apps with its marks, and pm2 commands under way."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from automation.ports.process_table import (
    Namespaces,
    Running,
    ancestors,
    command_line,
    environment,
    namespaces,
    program,
    running,
)
from automation.systems.pm2.daemon.orphans import Suspect
from automation.systems.pm2.home import has_own_title

DAEMON_TITLE = "God Daemon"
DAEMON_SCRIPT = "Daemon.js"
LOOKING_ON = frozenset({"logs", "log", "monit", "dash", "dashboard", "attach", "imonit"})  # act on nothing
NOT_COMMANDS = frozenset({"pm2-runtime", "pm2-docker", "pm2-dev"})
CLUSTER_MARKS = ("pm_id", "name", "pm_exec_path", "pm_pid_path", "unique_id", "exec_mode", "treekill")


@dataclass(frozen=True, slots=True)
class Scene:
    """All that lives of one PM2 home at a moment.

    `daemons` are its daemons, whoever owns the sockets; `commands` the pm2 commands that are under way;
    `table` all processes by number; `ourselves` is the pid of who looks.
    """

    table: Mapping[int, Running]
    suspects: tuple[Suspect, ...] = ()
    daemons: tuple[Running, ...] = ()
    commands: tuple[Running, ...] = ()
    ourselves: int = 0


def survey(home: Path, *, ourselves: int | None = None) -> Scene:
    """Look at all processes once, and keep what belongs to a PM2 home.

    Args:
        home: PM2's home folder.
        ourselves: Our own pid; what runs in our session is none of the suspects.

    Raises:
        OSError: There is no /proc.
    """
    pid = os.getpid() if ourselves is None else ourselves
    table = {one.pid: one for one in running()}
    me = table.get(pid)
    mine = {one.pid for one in table.values() if me is not None and one.session == me.session} | {pid}
    strangers = [one for one in table.values() if one.pid not in mine and one.parent != 2]  # noqa: PLR2004  # kthreadd
    look = _Look(home, namespaces(pid), table)
    suspects, daemons, commands = [], [], []
    for process in strangers:
        kind = look.kind(process)
        if kind == "daemon":
            daemons.append(process)
        elif kind == "command":
            commands.append(process)
        elif kind == "app":
            suspects.append(look.suspect(process))
    return Scene(table, tuple(suspects), tuple(daemons), tuple(commands), pid)


class _Look:
    """One look at all processes: what was found out about the home is kept for all of them."""

    def __init__(self, home: Path, here: Namespaces, table: Mapping[int, Running]) -> None:
        self._home = _identity(str(home))
        self._here = here
        self._table = dict(table)
        self._identities: dict[str, tuple[int, int] | None] = {}
        self._marks: dict[int, Mapping[str, str]] = {}

    def kind(self, process: Running) -> str:
        """Say what a process is to us: a `daemon`, a `command` or an `app` of this home; or nothing."""
        if process.uid != os.geteuid():
            return "app" if os.geteuid() == 0 and self._is_app(process, environment(process.pid)) else ""
        words, found = command_line(process.pid), environment(process.pid)
        if _is_daemon(words) or has_own_title(words, found):
            return "daemon" if self._same_home(found) and self._seen_alike(process) else ""
        marks = _with_cluster_marks(found)
        if _has_marks(marks):
            return "app" if self._is_app(process, marks) else ""
        if _is_command(words) and self._same_home(marks) and self._seen_alike(process):
            return "command"
        return ""

    def _is_app(self, process: Running, marks: Mapping[str, str]) -> bool:
        if not _has_marks(marks) or not self._same_home(marks):
            return False
        self._marks[process.pid] = marks
        return True

    def suspect(self, process: Running) -> Suspect:
        """Return what is known of a process that carries the marks."""
        marks = self._marks[process.pid]
        return Suspect(
            process=process,
            name=marks.get("name", ""),
            unique_id=marks.get("unique_id", ""),
            pid_in_file=pid_in(Path(marks.get("pm_pid_path", ""))),
            cluster=marks.get("exec_mode") == "cluster_mode",
            ours_to_see=self._seen_alike(process),
            under_daemon=any(_may_be_daemon(one.pid) for one in ancestors(process.pid, self._table)),
            treekill=marks.get("treekill") != "false",
            other_user=process.uid != os.geteuid(),
            pid_file=marks.get("pm_pid_path", ""),
        )

    def _seen_alike(self, process: Running) -> bool:
        return namespaces(process.pid) == self._here and None not in (self._here.pid, self._here.mount)

    def _same_home(self, marks: Mapping[str, str]) -> bool:
        path = marks.get("PM2_HOME") or f"{marks.get('HOME', '/root')}/.pm2"
        if path not in self._identities:
            self._identities[path] = _identity(path)
        return self._home is not None and self._identities[path] == self._home


def _with_cluster_marks(marks: dict[str, str]) -> dict[str, str]:
    """Return the marks of a process; PM2 gives a cluster worker its own as JSON, in one variable."""
    if "pm2_env" not in marks:
        return marks
    try:
        found = json.loads(marks["pm2_env"])
    except (ValueError, RecursionError):
        return marks
    if not isinstance(found, dict):
        return marks
    return marks | {name: _spelt(found[name]) for name in CLUSTER_MARKS if name in found}


def _has_marks(marks: Mapping[str, str]) -> bool:
    return "pm_id" in marks and "pm_exec_path" in marks


def _spelt(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _may_be_daemon(pid: int) -> bool:
    """Tell whether a process may be a living daemon: by its title, or, whatever its title, by running node.

    Whoever takes in orphans is init, whatever it runs, or a subreaper, and that is not node; a daemon can be
    given any title.
    """
    return _is_daemon(command_line(pid)) or (pid != 1 and program(pid) in {"node", "nodejs", "bun"})


def _is_daemon(words: tuple[str, ...]) -> bool:
    if not words:
        return False
    return DAEMON_TITLE in words[0] or any(word.endswith("/" + DAEMON_SCRIPT) for word in words[1:3])


def _is_command(words: tuple[str, ...]) -> bool:
    """Tell whether a command line is one of PM2's that may act: `node …/pm2 restart web`."""
    for place, word in enumerate(words[:4]):
        name = word.rpartition("/")[2]
        if name in NOT_COMMANDS:
            return False
        if name in {"pm2", "pm2.js"}:
            return not LOOKING_ON & set(words[place + 1 :])
    return False


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116  # the path may hold any bytes
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def pid_in(path: Path) -> int | None:
    """Return the number in a pid file; None where there is none."""
    try:
        return int(path.read_text("ascii")[:20])
    except (OSError, ValueError):
        return None
