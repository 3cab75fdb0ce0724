"""Starting a daemon of PM2's, where it belongs, and waiting until it answers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from automation.core.errors import EffectFailed, LookFailed
from automation.ports.children import detach
from automation.ports.clock import Clock
from automation.ports.commands import Commands
from automation.ports.socket_owner import socket_owner
from automation.systems.pm2.daemon.place import SCOPE, Kind, found_place
from automation.systems.pm2.wire.connection import places
from automation.systems.pm2.wire.door import Daemon, Pm2

ANSWERS_IN_S = 20.0
COMMAND_LIMIT_S = 30.0
UNIT_GRACE_S = 10.0  # systemd starts a unit again by itself
UNIT_LIMIT_S = 90.0
ASK_EVERY_S = 0.01

# PM2's own variables, which move its files and tune it; ours begin with PM2_ too, and are not among them.
OF_PM2 = (
    "PM2_DAEMON_RPC_PORT",
    "PM2_DAEMON_PUB_PORT",
    "PM2_PID_FILE_PATH",
    "PM2_DUMP_FILE_PATH",
    "PM2_DUMP_BACKUP_FILE_PATH",
    "PM2_MODULE_CONF_FILE",
    "PM2_LOG_FILE_PATH",
    "PM2_DEFAULT_LOG_PATH",
    "PM2_DEFAULT_PID_PATH",
    "PM2_NODE_OPTIONS",
    "PM2_KILL_SIGNAL",
    "PM2_KILL_TIMEOUT",
    "PM2_WORKER_INTERVAL",
    "PM2_CONCURRENT_ACTIONS",
    "PM2_DAEMON_TITLE",
)


@dataclass(frozen=True, slots=True)
class Programs:
    """What a daemon is started with, as the installation recorded it (safety S18): absolute paths."""

    node: Path
    pm2: Path


def start_daemon(
    pm2: Pm2, home: Path, programs: Programs, environment: Mapping[str, str], clock: Clock, commands: Commands
) -> Daemon:
    """Start a daemon for a home in which none lives, and return it once it answers; under the daemon lock.

    Raises:
        EffectFailed: It cannot be started, or does not answer in time.
    """
    where = found_place(home, commands)
    env = {name: environment[name] for name in OF_PM2 if name in environment} | {"PM2_HOME": str(home)}
    if where.kind is Kind.UNIT:
        _restart_unit(where.unit, places(home, environment).rpc, clock, commands)
    elif where.kind is Kind.SCOPE:
        commands.output(
            *SCOPE, str(programs.node), str(programs.pm2), "ping", timeout_s=COMMAND_LIMIT_S, env=env
        )
    elif not _start_directly(home, programs, env):
        commands.output(str(programs.node), str(programs.pm2), "ping", timeout_s=COMMAND_LIMIT_S, env=env)
    return wait_for_daemon(pm2, clock, ANSWERS_IN_S)


def wait_for_daemon(pm2: Pm2, clock: Clock, limit_s: float) -> Daemon:
    """Wait until a daemon answers.

    Raises:
        EffectFailed: None does in time.
    """
    deadline_s = clock.elapsed_s() + limit_s
    while True:
        try:
            return pm2.daemon()
        except LookFailed as error:
            if clock.elapsed_s() >= deadline_s:
                raise EffectFailed(
                    f"PM2's new daemon did not answer within {limit_s:g} s: {error}"
                ) from error
        clock.wait(ASK_EVERY_S)


def _restart_unit(unit: str, address: Path, clock: Clock, commands: Commands) -> None:
    """Let systemd restart its own unit, once it had the time to do so by itself (safety S17)."""
    deadline_s = clock.elapsed_s() + UNIT_GRACE_S
    while clock.elapsed_s() < deadline_s:
        if socket_owner(address) is not None:
            return
        clock.wait(0.25)
    try:
        commands.output("systemctl", "restart", unit, timeout_s=UNIT_LIMIT_S)
    except EffectFailed as error:
        raise EffectFailed(f"PM2 runs as {unit}: `sudo systemctl restart {unit}` ({error})") from error


def _start_directly(home: Path, programs: Programs, env: Mapping[str, str]) -> bool:
    """Start the daemon's own script, as PM2's command line does, in a session of its own.

    It takes a quarter of the command line's time. Where PM2 is laid out otherwise, or is linked to its
    makers' service, whose agent only the command line starts, it is left to that.
    """
    script = daemon_script(programs.pm2)
    if script is None or (home / "agent.json5").exists():
        return False
    argv = (str(programs.node), *env.get("PM2_NODE_OPTIONS", "").split(), str(script))
    log = Path(env.get("PM2_LOG_FILE_PATH") or home / "pm2.log")
    detach(argv, {**env, "SILENT": "true"}, folder=home, output=log)
    return True


def daemon_script(pm2: Path) -> Path | None:
    """Return the script of the daemon that belongs to a pm2 command; None where PM2 is laid out otherwise."""
    found = Path(os.path.realpath(pm2)).parent.parent / "lib" / "Daemon.js"
    return found if found.is_file() else None
