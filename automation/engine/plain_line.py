"""The plainest command lines, such as `status --json`, understood without argparse.

Argparse and its parsers cost a sixth of the time that `status` takes, and a loop would carry them for life.
"""

from __future__ import annotations

from collections.abc import Sequence

from automation.engine.system import Command


def understood(
    commands: Sequence[Command], arguments: Sequence[str]
) -> tuple[Command, dict[str, object]] | None:
    """Return the command, and its options as argparse has them, where a line is a name and whole switches.

    None for every other line, and for every command that takes a value: argparse shall judge it.
    """
    name, *words = arguments or ("",)
    command = next((one for one in commands if one.name == name), None)
    if command is None or any(option.takes for option in command.options):
        return None
    # Argparse names an option by its first long name.
    long = [next(one for one in option.names if one.startswith("--")) for option in command.options]
    if not set(words) <= set(long):
        return None
    switches = {one.removeprefix("--").replace("-", "_"): one in words for one in long}
    return command, {"workspace": None, **switches}
