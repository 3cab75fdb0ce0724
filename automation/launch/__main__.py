"""`python -m automation.launch NODE PM2 [OPTIONS]`: run by automation/start-enhanced-redundancy.sh."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from automation.core.errors import (
    AutomationError,
    LockBusy,
    LookFailed,
    NotAllowed,
    SettingsInvalid,
    UsageInvalid,
)
from automation.launch import holders, options, patience, places, saving, starting, stopping, table
from automation.launch.apps import App, offered
from automation.launch.doors import Doors
from automation.launch.options import Action, Options
from automation.launch.places import Places
from automation.ports.clock import SystemClock
from automation.ports.commands import SystemCommands
from automation.systems.pm2.wire.client import Pm2Client

SUITE = Path(__file__).resolve().parent.parent.parent

DONE, IN_PART, REFUSED, BUSY = 0, 1, 3, 75


def main(words: Sequence[str], environment: Mapping[str, str], suite: Path = SUITE) -> int:
    """Do what the words say, and return the exit status.

    Args:
        words: The node and the pm2 to use, then the start script's own words.
        environment: The variables that it was started with.
        suite: The folder that holds `automation/`.
    """
    try:
        return _run(words, environment, suite)
    except (UsageInvalid, SettingsInvalid, NotAllowed) as error:
        _complain(str(error))
        return REFUSED
    except LockBusy as error:
        _complain(str(error))
        return BUSY
    except AutomationError as error:
        _complain(str(error))
        return IN_PART


def _run(words: Sequence[str], environment: Mapping[str, str], suite: Path) -> int:
    node, pm2, *rest = words
    asked = options.parse(rest)
    here = places.locate(suite, environment, node, pm2)
    apps = options.chosen(asked, offered(suite))
    clock = SystemClock()
    with closing(Pm2Client(here.pm2_home, clock, environment)) as client:
        return _do(asked, here, Doors(clock, SystemCommands(), client, environment), apps)


def _do(asked: Options, here: Places, doors: Doors, apps: Sequence[App]) -> int:
    if asked.action is Action.STATUS:
        return _status(here, doors, apps)
    with doors.one_at_a_time(here):
        if asked.action is Action.STOP:
            return _stop(here, doors, apps, all_of_them=not asked.only)
        if asked.action is Action.ENSURE:
            return _ensure(here, doors, apps)
        return _start(asked, here, doors, apps)


def _status(here: Places, doors: Doors, apps: Sequence[App]) -> int:
    try:
        return _show(here, doors, apps)
    except LookFailed as error:
        _complain(str(error))
        return table.EXIT_CODES["unknown"]


def _stop(here: Places, doors: Doors, apps: Sequence[App], *, all_of_them: bool) -> int:
    names, notes = stopping.stop(here, doors, apps, all_of_them=all_of_them)
    for line in notes:
        _complain(line)
    _say(f"stopped {', '.join(names)}" if names else "nothing of ours was running")
    return DONE


def _start(asked: Options, here: Places, doors: Doors, apps: Sequence[App]) -> int:
    how = starting.restart if asked.action is Action.RESTART else starting.start
    started = how(here, doors, apps, all_of_them=not asked.only)
    for line in (*started.notes, *started.problems):
        _complain(line)
    unsaved = saving.save(here, doors)
    _show(here, doors, apps)
    for line in (*unsaved, *saving.boot(here)):
        _complain(line)
    return IN_PART if started.problems else DONE


def _ensure(here: Places, doors: Doors, apps: Sequence[App]) -> int:
    """Start what is missing, silent when nothing is: cron mails whatever is said."""
    patience.wait_out_commands(doors.clock, here.pm2_home, Path(doors.environment.get("HOME", "/")))
    started = starting.ensure(here, doors, apps)
    for line in (*started.notes, *started.problems):
        _complain(line)
    if started.names:
        saving.save(here, doors)
        _say(f"started {', '.join(started.names)}")
    return IN_PART if started.problems else DONE


def _show(here: Places, doors: Doors, apps: Sequence[App]) -> int:
    mine = holders.ours(doors.entries(), apps, str(here.suite))
    readings = {app.name: table.read_report(here.report(app)) for app in apps}
    rows = table.rows(apps, mine, readings, doors.clock.now_s())
    _say(table.render(rows))
    return table.exit_code(rows)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _complain(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:], os.environ))
