"""The suite's apps in PM2, through its command line: under the daemon's lock, never starting a daemon."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from automation.core.errors import EffectFailed, RecordDamaged, StepRefused
from automation.core.moments import to_text
from automation.engine.context import Context
from automation.ports.commands import Commands, SystemCommands
from automation.ports.locks import locked
from automation.ports.socket_owner import socket_owner
from automation.ports.supervisor_home import supervisor_home
from automation.stores import installation
from automation.stores.layout import HOME_FOLDER

LIMIT_S = 60.0


class Apps:
    """Restarts and stops apps by name."""

    def __init__(self, context: Context, commands: Commands) -> None:
        self._context = context
        self._commands = commands
        self._home = supervisor_home(context.environment)

    def restart(self, name: str) -> None:
        """Restart an app (errors: see stop)."""
        self._run("restart", name)

    def stop(self, name: str) -> None:
        """Stop an app and keep it in PM2's list.

        Raises:
            StepRefused: No PM2 lives here, or nobody knows which one is ours.
            CommandFailed: PM2 said no.
            CommandTimedOut: It did not end in time.
        """
        self._run("stop", name)

    def _run(self, verb: str, name: str) -> None:
        with self._daemon_locked(verb):
            if socket_owner(self._home / "rpc.sock") is None:
                raise StepRefused("PM2 is not running: the start script brings it back")
            program = self._program()
            self._commands.output(*program, verb, name, timeout_s=LIMIT_S, env={"PM2_HOME": str(self._home)})

    def _program(self) -> tuple[str, ...]:
        """Return the recorded PM2 (safety S18), or the one on PATH where nothing was recorded."""
        path = installation.workspace_path(self._context.layout.logs)
        try:
            recorded = installation.read(path)
        except (RecordDamaged, EffectFailed) as error:
            raise StepRefused(f"{path} does not say which PM2 is ours: {error}") from error
        if recorded is None:
            return ("pm2",)
        return (recorded.node, recorded.pm2) if Path(recorded.node).exists() else (recorded.pm2,)

    @contextmanager
    def _daemon_locked(self, verb: str) -> Iterator[None]:
        path = self._home / HOME_FOLDER / "daemon.lock"
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        since = to_text(self._context.clock.now_s())
        with locked(path, purpose=f"the master runs pm2 {verb}", since=since, timeout_s=20.0):
            yield


def apps(context: Context) -> Apps:
    """Return the suite's apps."""
    return Apps(context, SystemCommands())
