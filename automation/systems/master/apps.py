"""The suite's apps in PM2, through its command line: under the daemon's lock, never starting a daemon."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from automation.core.errors import EffectFailed, LookFailed, RecordDamaged, RecordNewer, StepRefused
from automation.core.moments import to_text
from automation.engine.context import Context
from automation.ports.commands import Commands, SystemCommands
from automation.ports.files import make_folder
from automation.ports.locks import locked
from automation.ports.socket_owner import socket_owner
from automation.ports.supervisor_home import supervisor_home
from automation.stores import installation
from automation.stores.layout import HOME_FOLDER
from automation.systems.master import scripts

LOCK_WAIT_S = 5.0
LIST_LIMIT_S = 10.0
RESTART_LIMIT_S = 30.0  # PM2 gives an app 20 s to end
STOP_LIMIT_S = 60.0
WRONG_SETTINGS = 3


@dataclass(frozen=True, slots=True)
class App:
    """One app of ours as PM2 lists it."""

    pm_id: int
    name: str
    status: str
    exit_code: int | None

    @property
    def refused(self) -> bool:
        """Tell whether it stopped because its settings are wrong: trying again does not better them (S5)."""
        return self.status == "stopped" and self.exit_code == WRONG_SETTINGS


class Apps:
    """Restarts and stops apps of this suite by name."""

    def __init__(self, context: Context, commands: Commands, folder: Path) -> None:
        self._context = context
        self._commands = commands
        self._folder = folder
        self._home = supervisor_home(context.environment)

    def daemon_lives(self) -> bool:
        """Tell whether PM2 runs here."""
        address = self._context.environment.get("PM2_DAEMON_RPC_PORT") or self._home / "rpc.sock"
        return socket_owner(Path(address)) is not None

    def restart(self, name: str) -> None:
        """Restart an app.

        Raises:
            StepRefused: No PM2 lives here, nobody knows which one is ours, it has no such app of this suite,
                or the app has refused its settings.
            LockBusy: Somebody else works on PM2.
            CommandFailed: PM2 said no.
            CommandTimedOut: It did not end in time.
        """
        with self._daemon_locked("restart"):
            mine = self._named(name)
            if not mine:
                raise StepRefused(f"{name} is not in PM2's list: the start script starts it")
            if any(app.refused for app in mine):
                raise StepRefused(f"{name} has refused its settings (exit code 3); its error log says which")
            self._each("restart", mine, RESTART_LIMIT_S)

    def stop(self, name: str) -> bool:
        """Stop an app, kept in PM2's list; tell whether there was one that ran (errors: see restart)."""
        with self._daemon_locked("stop"):
            mine = [app for app in self._named(name) if app.status != "stopped"]
            self._each("stop", mine, STOP_LIMIT_S)
            return bool(mine)

    def _each(self, verb: str, chosen: list[App], limit_s: float) -> None:
        for app in chosen:
            self._pm2(verb, str(app.pm_id), limit_s=limit_s)  # by id: another suite may use the same name

    def _named(self, name: str) -> list[App]:
        """Return the apps of a name whose script is ours."""
        said = self._pm2("jlist", limit_s=LIST_LIMIT_S)
        try:
            entries = json.loads(
                next(line for line in said.splitlines() if line.startswith("[{") or line == "[]")
            )
            rows = [(entry, entry["pm2_env"]) for entry in entries if entry["name"] == name]
            return [
                App(int(entry["pm_id"]), name, str(row["status"]), row.get("exit_code"))
                for entry, row in rows
                if self._is_ours(str(row["pm_exec_path"]))
            ]
        except (StopIteration, KeyError, TypeError, ValueError, AttributeError) as error:
            raise LookFailed(f"pm2 jlist said what is no list of apps: {type(error).__name__}") from error

    def _is_ours(self, script: str) -> bool:
        return Path(script).resolve().parent == self._folder.resolve()

    def _pm2(self, *words: str, limit_s: float) -> str:
        home = {"PM2_HOME": str(self._home), "PM2_DISABLE_VERSION_CHECK": "true"}
        return self._commands.output(*self._program(), *words, timeout_s=limit_s, env=home)

    def _program(self) -> tuple[str, ...]:
        """Return the recorded PM2 (safety S18), or the one on PATH where nothing was recorded."""
        path = installation.workspace_path(self._context.layout.logs)
        try:
            recorded = installation.read(path)
        except (RecordDamaged, RecordNewer, EffectFailed) as error:
            raise StepRefused(f"{path} does not say which PM2 is ours: {error}") from error
        if recorded is None:
            return ("pm2",)
        return (recorded.node, recorded.pm2) if Path(recorded.node).exists() else (recorded.pm2,)

    @contextmanager
    def _daemon_locked(self, verb: str) -> Iterator[None]:
        """Hold the daemon's lock for a block, where a daemon lives: PM2's command line would start one."""
        if not self.daemon_lives():
            raise StepRefused("PM2 is not running: the start script brings it back")
        path = self._home / HOME_FOLDER / "daemon.lock"
        make_folder(path.parent, mode=0o700)
        since = to_text(self._context.clock.now_s())
        with locked(path, purpose=f"the master runs pm2 {verb}", since=since, timeout_s=LOCK_WAIT_S):
            if not self.daemon_lives():
                raise StepRefused("PM2 has just ended: the start script brings it back")
            yield


def apps(context: Context) -> Apps:
    """Return the suite's apps."""
    return Apps(context, SystemCommands(), scripts.FOLDER)
