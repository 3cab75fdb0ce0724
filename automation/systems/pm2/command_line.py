"""The fall-back where PM2 lives and its sockets are not understood: its command line, under a lock.

Any pm2 command starts a daemon where none lives, and two at once start two: so it is run only while somebody
holds the socket, by one of us at a time, and with the PM2 that the installation recorded (safety S18).
"""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from pathlib import Path

from automation.core.errors import (
    EffectFailed,
    LockBusy,
    LookFailed,
    RecordDamaged,
    RecordNewer,
    StepImpossible,
    StepRefused,
)
from automation.core.moments import to_text
from automation.engine.context import Context
from automation.ports.commands import Commands
from automation.ports.locks import HeldLock, locked
from automation.ports.process import start_ticks
from automation.ports.socket_owner import socket_owner
from automation.stores import installation
from automation.systems.pm2.daemon.starting import Programs
from automation.systems.pm2.ecosystem import evaluating
from automation.systems.pm2.home import own_folder, pm2_home
from automation.systems.pm2.wire.cli import jlist
from automation.systems.pm2.wire.connection import places
from automation.systems.pm2.wire.door import Daemon

UNKNOWN_SOCKETS = "PM2's sockets are not understood"
LIMIT_S = 10.0
LOCK_WAIT_S = 5.0
SHORT_WAIT_S = 0.5  # in a step


def list_by_command_line(context: Context, commands: Commands) -> tuple[Daemon, list[dict[str, object]]]:
    """Return who holds the socket, and PM2's list as `pm2 jlist` prints it.

    Raises:
        LookFailed: Nobody holds the socket, nobody knows which pm2 is ours, or it did not say.
    """
    home = pm2_home(context.environment)
    pid, ticks = _owner(places(home, context.environment).rpc)
    record = _recorded(context)
    try:
        with _daemon_lock(context, "pm2 jlist, because its sockets are not understood"):
            env = {"PM2_HOME": str(home)}
            entries = jlist(commands, Path(record.node), Path(record.pm2), env, LIMIT_S)
    except (EffectFailed, LockBusy) as error:
        raise LookFailed(f"{UNKNOWN_SOCKETS}, and its command line did not help: {error}") from error
    return Daemon(pid, ticks, "unknown"), entries


def start_by_command_line(context: Context, commands: Commands, file: str, name: str, block: str) -> str:
    """Start one app of an ecosystem file by `pm2 start FILE --only NAME`, and say so.

    Args:
        context: The guard's.
        commands: Runs programs, with the short environment of safety S19.
        file: The file, relative to the workspace.
        name: The app.
        block: The name of its `env_` block, or "".

    Raises:
        StepRefused: Nobody knows which pm2 is ours.
        LookFailed: No daemon lives: PM2's command line would start one.
        EffectFailed: PM2 said no, or somebody is starting or ending its daemon.
    """
    home = pm2_home(context.environment)
    found = recorded_programs(context)
    words = ("start", file, "--only", name, *(("--env", block) if block else ()))
    env = {"PM2_HOME": str(home), "PATH": f"{found.node.parent}:{context.environment.get('PATH', '')}"}
    try:
        with _daemon_lock(context, f"pm2 start {file} --only {name}", wait_s=SHORT_WAIT_S):
            _owner(places(home, context.environment).rpc)
            commands.output(str(found.pm2), *words, timeout_s=LIMIT_S, cwd=context.layout.workspace, env=env)
    except LockBusy as error:
        raise EffectFailed(str(error)) from error
    return f"ran pm2 {' '.join(words)}"


def _owner(address: Path) -> tuple[int, int]:
    """Return pid and start of who holds the socket; without one a pm2 command would start a daemon."""
    pid = socket_owner(address)
    ticks = None if pid is None else start_ticks(pid)
    if pid is None or ticks is None:
        raise LookFailed(f"nobody that we can see listens on {address}")
    return pid, ticks


def _daemon_lock(
    context: Context, purpose: str, *, wait_s: float = LOCK_WAIT_S
) -> AbstractContextManager[HeldLock]:
    return locked(
        own_folder(context.environment) / "daemon.lock",
        purpose=purpose,
        since=to_text(context.clock.now_s()),
        timeout_s=wait_s,
    )


def evaluating_programs(context: Context) -> evaluating.Programs | None:
    """Return with what ecosystem files are evaluated: the recorded node and PM2; None where there is none."""
    try:
        found = recorded_programs(context)
    except StepRefused:
        return None
    folder = found.pm2.resolve().parent.parent
    return evaluating.Programs(found.node, folder, pm2_home(context.environment), evaluating.LIMIT_S)


def recorded_programs(context: Context) -> Programs:
    """Return the node and the pm2 that the installation recorded, in the workspace or in PM2's home (S18).

    Raises:
        StepImpossible: Nobody recorded any.
    """
    folder = pm2_home(context.environment)
    for path in (installation.workspace_path(context.layout.logs), installation.home_path(folder)):
        with contextlib.suppress(RecordDamaged, RecordNewer, EffectFailed):
            record = installation.read(path)
            if record is not None:
                return Programs(Path(record.node), Path(record.pm2))
    raise StepImpossible(
        "nobody recorded which pm2 is ours: run automation/start-enhanced-redundancy.sh once"
    )


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
