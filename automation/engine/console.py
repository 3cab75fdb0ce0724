"""The command line of every program: finds the command; what goes wrong becomes one line and an exit code."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Sequence

from automation.core.errors import (
    AutomationError,
    LockBusy,
    NotAllowed,
    RecordNewer,
    SettingsInvalid,
    UsageInvalid,
)
from automation.engine.calling import Call
from automation.engine.loading import load
from automation.engine.plain_line import understood
from automation.engine.system import Command, System
from automation.engine.terminal import complain, hold_standard_descriptors, safe
from automation.engine.vocabulary import COMMON, SNAPSHOTS
from automation.engine.whereabouts import workspace_of
from automation.ports.clock import SystemClock

DONE, NOT_DONE, WRONG, BUSY = 0, 1, 3, 75
PLUGINS = frozenset({"status", "check"})  # their 1 means a warning: what they cannot tell is 3
LONGEST_LINE = 2000


def main(system: System, arguments: Sequence[str]) -> int:
    """Run one command of a system and return its exit code.

    Args:
        system: Whose program this is.
        arguments: The command line without the program's name; none means `start`.
    """
    hold_standard_descriptors()
    name = ""
    try:
        command, given = _asked(system, list(arguments) or ["start"])
        name = command.name
        workspace = given.pop("workspace", None)
        call = Call(
            system=system,
            command=name,
            workspace=workspace_of(None if workspace is None else str(workspace), os.environ),
            environment=dict(os.environ),
            options=given,
            clock=SystemClock(),
        )
        handler: Callable[[Call], int] = load(command.handler)
        _let_the_collector_work()
        return handler(call)
    except AutomationError as error:
        complain(safe(load("automation.core.redact:text")(str(error)), LONGEST_LINE))
        return _code(error, name)
    except KeyboardInterrupt:
        return 130


def _let_the_collector_work() -> None:
    """Let it look at what comes from now on: what was loaded while the program began stays for life."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def _code(error: AutomationError, command: str) -> int:
    if isinstance(error, LockBusy):
        return BUSY
    if isinstance(error, UsageInvalid | SettingsInvalid | NotAllowed | RecordNewer):
        return WRONG
    return WRONG if command in PLUGINS else NOT_DONE


def commands_of(system: System) -> tuple[Command, ...]:
    """Return the commands of a system: the common ones, or its own form of them, then its own."""
    own = {command.name: command for command in system.commands}
    shared = (*COMMON, *(SNAPSHOTS if system.backup else ()))
    common = tuple(own.pop(command.name, command) for command in shared)
    return (*common, *own.values())


def _asked(system: System, arguments: Sequence[str]) -> tuple[Command, dict[str, object]]:
    """Return the command that is asked for, `start` where none is named, and its options.

    Raises:
        UsageInvalid: The line asks for something that does not exist.
    """
    commands = commands_of(system)
    plain = understood(commands, arguments)
    if plain is not None:
        return plain
    given: dict[str, object] = load("automation.engine.command_line:parsed")(system, commands, arguments)
    named = given.pop("chosen", None)
    return next(one for one in commands if (one is named if named else one.name == "start")), given
