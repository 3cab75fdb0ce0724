"""The whole command line, by argparse: help, values, and what is wrong with a line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NoReturn

from automation import __version__
from automation.core.errors import UsageInvalid
from automation.engine.system import Command, System


class _Parser(argparse.ArgumentParser):
    """Argparse, but wrong usage is exit 3 in one line, and nothing may be abbreviated."""

    def error(self, message: str) -> NoReturn:
        raise UsageInvalid(f"{self.prog}: {message}; see {self.prog} --help")


def parsed(system: System, commands: Sequence[Command], arguments: Sequence[str]) -> dict[str, object]:
    """Return the options by name; `chosen` is the command that was named, if any was.

    Raises:
        UsageInvalid: The line asks for something that does not exist.
    """
    return vars(_parser(system, commands).parse_args(list(arguments)))


def _parser(system: System, commands: Sequence[Command]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog=system.app,
        description=f"{system.title}. Without a command it starts guarding.",
        epilog=f"Example: {system.app} status",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("--workspace", metavar="DIR", help="the repository that is guarded")
    below = parser.add_subparsers(metavar="COMMAND", title="commands", parser_class=_Parser)
    for command in commands:
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
