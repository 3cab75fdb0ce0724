"""Where a new daemon may live: never in somebody else's cgroup (safety S17). Pure, but for what it asks."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from automation.core.errors import EffectFailed, StepRefused
from automation.ports.commands import Commands

SYSTEMD = Path("/run/systemd/system")
CGROUP = Path("/proc/self/cgroup")
SCOPE = ("systemd-run", "--scope", "--collect", "--quiet", "--slice=system.slice")
SHOW_LIMIT_S = 5.0
GONE = frozenset({"", "inactive"})  # a unit that was not started runs no daemon


class Kind(StrEnum):
    """How a daemon is started."""

    UNIT = "unit"  # systemd starts it: its unit is restarted
    OWN_SESSION = "own-session"
    SCOPE = "scope"  # by systemd-run, since we ourselves live in a service's cgroup


@dataclass(frozen=True, slots=True)
class Unit:
    """A systemd unit that runs this PM2."""

    name: str
    active_state: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a new daemon belongs; `unit` is the unit's name where there is one."""

    kind: Kind
    unit: str = ""


def place(cgroup: str, unit: Unit | None, *, systemd: bool) -> Place:
    """Decide where a new daemon belongs.

    Args:
        cgroup: What /proc/self/cgroup says of us.
        unit: The unit that runs this PM2, where there is one.
        systemd: Whether systemd runs this machine.
    """
    if unit is not None and unit.active_state not in GONE:
        return Place(Kind.UNIT, unit.name)
    if systemd and cgroup.rstrip("\n").endswith(".service"):
        return Place(Kind.SCOPE)
    return Place(Kind.OWN_SESSION)


def found_place(home: Path, commands: Commands) -> Place:
    """Look where we are, and whether a unit runs this PM2."""
    if not SYSTEMD.is_dir():
        return Place(Kind.OWN_SESSION)
    return place(_own_cgroup(), _unit(home, commands), systemd=True)


def in_own_unit(argv: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command line by which a program outlives the unit that we run in (safety S9).

    Raises:
        StepRefused: We run in a unit, and systemd-run is not there to leave it.
    """
    return leaving(argv, _own_cgroup(), systemd=SYSTEMD.is_dir(), run=_systemd_run())


def leaving(argv: tuple[str, ...], cgroup: str, *, systemd: bool, run: str | None) -> tuple[str, ...]:
    """Return the same, from what was found out: systemd ends a unit with all that is in its cgroup.

    Raises:
        StepRefused: We run in a unit, and systemd-run is not there to leave it.
    """
    if place(cgroup, None, systemd=systemd).kind is not Kind.SCOPE:
        return argv
    if run is None:
        raise StepRefused(
            "we run in a unit of systemd, which would be ended too, and there is no systemd-run"
        )
    return (run, *SCOPE[1:], *argv)


def _systemd_run() -> str | None:
    """Return where the program lies; None where it is not on PATH."""
    found = (Path(folder, "systemd-run") for folder in os.get_exec_path())
    return next((str(one) for one in found if one.is_file() and os.access(one, os.X_OK)), None)


def _own_cgroup() -> str:
    try:
        return CGROUP.read_text("utf-8", "replace")
    except OSError:
        return ""


def _unit(home: Path, commands: Commands) -> Unit | None:
    """Ask systemd for the unit that `pm2 startup` makes for our user, if it is one of this home."""
    try:
        name = f"pm2-{pwd.getpwuid(os.getuid()).pw_name}.service"
        said = commands.output(
            "systemctl", "show", name, "--property=LoadState,ActiveState,Environment", timeout_s=SHOW_LIMIT_S
        )
    except (EffectFailed, KeyError):  # nobody of that name: no unit of his
        return None
    return unit_in(name, said, home)


def unit_in(name: str, said: str, home: Path) -> Unit | None:
    """Take a unit from what `systemctl show` printed; None where it is not there, or of another home."""
    properties = dict(line.partition("=")[::2] for line in said.splitlines())
    if properties.get("LoadState") != "loaded":
        return None
    named = _pm2_home(properties.get("Environment", ""))
    if named and not _same(Path(named), home):
        return None
    return Unit(name, properties.get("ActiveState", ""))


def _pm2_home(environment: str) -> str:
    words: Mapping[str, str] = dict(word.partition("=")[::2] for word in environment.split())
    return words.get("PM2_HOME", "").strip('"')


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return one == other
