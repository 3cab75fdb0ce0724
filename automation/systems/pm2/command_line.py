"""The fall-back where PM2 lives and its sockets are not understood: its command line, under a lock.

Any pm2 command starts a daemon where none lives, and two at once start two: so it is run only while somebody
holds the socket, by one of us at a time, and with the PM2 that the installation recorded (safety S18).
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from automation.core.errors import (
    EffectFailed,
    LockBusy,
    LookFailed,
    RecordDamaged,
    RecordNewer,
    StepRefused,
)
from automation.core.moments import to_text
from automation.engine.context import Context
from automation.ports.commands import Commands
from automation.ports.locks import locked
from automation.ports.process import start_ticks
from automation.ports.socket_owner import socket_owner
from automation.stores import installation
from automation.systems.pm2.daemon.starting import Programs
from automation.systems.pm2.home import own_folder, pm2_home
from automation.systems.pm2.wire.cli import jlist
from automation.systems.pm2.wire.door import Daemon

UNKNOWN_SOCKETS = "PM2's sockets are not understood"
LIMIT_S = 10.0
LOCK_WAIT_S = 5.0


def list_by_command_line(context: Context, commands: Commands) -> tuple[Daemon, list[dict[str, object]]]:
    """Return who holds the socket, and PM2's list as `pm2 jlist` prints it.

    Raises:
        LookFailed: Nobody holds the socket, nobody knows which pm2 is ours, or it did not say.
    """
    home = pm2_home(context.environment)
    pid = socket_owner(home / "rpc.sock")
    ticks = None if pid is None else start_ticks(pid)
    if pid is None or ticks is None:
        raise LookFailed(f"nobody that we can see listens on {home / 'rpc.sock'}")
    record = _recorded(context)
    try:
        with locked(
            own_folder(context.environment) / "daemon.lock",
            purpose="pm2 jlist, because its sockets are not understood",
            since=to_text(context.clock.now_s()),
            timeout_s=LOCK_WAIT_S,
        ):
            env = {"PM2_HOME": str(home)}
            entries = jlist(commands, Path(record.node), Path(record.pm2), env, LIMIT_S)
    except (EffectFailed, LockBusy) as error:
        raise LookFailed(f"{UNKNOWN_SOCKETS}, and its command line did not help: {error}") from error
    return Daemon(pid, ticks, "unknown"), entries


def recorded_programs(context: Context) -> Programs:
    """Return the node and the pm2 that the installation recorded, in the workspace or in PM2's home (S18).

    Raises:
        StepRefused: Nobody recorded any.
    """
    folder = pm2_home(context.environment)
    for path in (installation.workspace_path(context.layout.logs), installation.home_path(folder)):
        with contextlib.suppress(RecordDamaged, RecordNewer, EffectFailed):
            record = installation.read(path)
            if record is not None:
                return Programs(Path(record.node), Path(record.pm2))
    raise StepRefused("nobody recorded which pm2 is ours: run automation/start-enhanced-redundancy.sh once")


def _recorded(context: Context) -> installation.Installation:
    path = installation.workspace_path(context.layout.logs)
    try:
        record = installation.read(path)
    except (RecordDamaged, RecordNewer, EffectFailed) as error:
        raise LookFailed(f"{UNKNOWN_SOCKETS}, and its command is not known: {error}") from error
    if record is None:
        raise LookFailed(
            f"{UNKNOWN_SOCKETS}, and {path} does not name its command: run the start script once"
        )
    return record
