"""PM2's list by its command line: the slow way, for a daemon whose sockets we do not understand.

`pm2 jlist` starts a daemon where none lives: who calls this holds the daemon lock and knows that one does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from automation.ports.commands import Commands
from automation.systems.pm2.wire.answers import list_of_entries
from automation.systems.pm2.wire.door import Garbled

WHERE = "pm2 jlist"


def jlist(
    commands: Commands, node: Path, pm2: Path, env: Mapping[str, str], timeout_s: float
) -> list[dict[str, object]]:
    """Run `pm2 jlist` and return its list (shape: see Pm2.entries).

    Args:
        commands: Runs programs.
        node: The node that runs it.
        pm2: PM2's own script, `…/pm2/bin/pm2`.
        env: What it must know: PM2_HOME, at the least.
        timeout_s: Seconds before it is killed; with a hung daemon it would never end.

    Raises:
        CommandFailed: It ended with a status other than 0, or could not be run.
        CommandTimedOut: It did not end in time.
        Garbled: It printed no list.
    """
    ran = commands.output(str(node), str(pm2), "jlist", timeout_s=timeout_s, env=env)
    return list_of_entries(printed_list(ran), where=WHERE)


def printed_list(text: str) -> object:
    """Return the JSON list among the lines that PM2 prints for people.

    Raises:
        Garbled: There is none.
    """
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        if line.startswith("[{") or line.strip() == "[]":
            try:
                found: object = json.JSONDecoder().raw_decode("".join(lines[number:]))[0]
            except (ValueError, RecursionError) as error:
                raise Garbled(f"{WHERE}: its list cannot be read: {error}") from error
            return found
    raise Garbled(f"{WHERE}: no list in what it printed: {text.strip()[:100]!r}")
