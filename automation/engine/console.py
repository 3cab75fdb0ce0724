"""The command line of every program: finds the command; what goes wrong becomes one line and an exit code."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from typing import NoReturn

from automation import __version__
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
from automation.engine.system import Command, System
from automation.engine.terminal import complain, hold_standard_descriptors, safe
from automation.engine.vocabulary import COMMON, SNAPSHOTS
from automation.engine.whereabouts import workspace_of
from automation.ports.clock import SystemClock

DONE, NOT_DONE, WRONG, BUSY = 0, 1, 3, 75
PLUGINS = frozenset({"status", "check"})  # their 1 means a warning: what they cannot tell is 3
LONGEST_LINE = 2000


class _Parser(argparse.ArgumentParser):
    """Argparse, but wrong usage is exit 3 in one line, and nothing may be abbreviated."""

    def error(self, message: str) -> NoReturn:
        raise UsageInvalid(f"{self.prog}: {message}; see {self.prog} --help")


def main(system: System, arguments: Sequence[str]) -> int:
    """Run one command of a system and return its exit code.

    Args:
        system: Whose program this is.
        arguments: The command line without the program's name; none means `start`.
    """
    hold_standard_descriptors()
    name = ""
    try:
        given = vars(_parser(system).parse_args(list(arguments) or ["start"]))
        command: Command = given.pop("chosen", None) or _command(system, "start")
        name = command.name
        call = Call(
            system=system,
            command=name,
            workspace=workspace_of(given.pop("workspace", None), os.environ),
            environment=dict(os.environ),
            options=given,
            clock=SystemClock(),
        )
        handler: Callable[[Call], int] = load(command.handler)
        return handler(call)
    except AutomationError as error:
        complain(safe(load("automation.core.redact:text")(str(error)), LONGEST_LINE))
        return _code(error, name)
    except KeyboardInterrupt:
        return 130


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


def _command(system: System, name: str) -> Command:
    return next(command for command in commands_of(system) if command.name == name)


def _parser(system: System) -> argparse.ArgumentParser:
    parser = _Parser(
        prog=system.app,
        description=f"{system.title}. Without a command it starts guarding.",
        epilog=f"Example: {system.app} status",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("--workspace", metavar="DIR", help="the repository that is guarded")
    below = parser.add_subparsers(metavar="COMMAND", title="commands", parser_class=_Parser)
    for command in commands_of(system):
        _add(below, system, command)
    return parser


def _add(below: argparse._SubParsersAction[_Parser], system: System, command: Command) -> None:
    parser = below.add_parser(
        command.name,
        help=command.about,
        description=command.about,
        epilog=f"Example: {system.app} {command.example}",
        allow_abbrev=False,
    )
    parser.set_defaults(chosen=command)
    # After the command too; not setting a default keeps what stood before it.
    parser.add_argument("--workspace", metavar="DIR", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    for option in command.options:
        if option.takes and option.names[0].startswith("-"):
            action = "append" if option.many else "store"
            parser.add_argument(*option.names, metavar=option.takes, action=action, help=option.about)
        elif option.takes:
            count = ("+" if option.needed else "*") if option.many else None if option.needed else "?"
            parser.add_argument(option.names[0], metavar=option.takes, nargs=count, help=option.about)
        else:
            parser.add_argument(*option.names, action="store_true", help=option.about)
