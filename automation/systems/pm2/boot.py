"""Whether a boot of the machine starts PM2, and the command that sets it up; it is only ever printed."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

UNITS = "etc/systemd/system"
# What `pm2 startup` makes where there is no systemd, for a user.
OTHERS = (
    "etc/init.d/pm2-{user}",
    "etc/init.d/pm2",
    "etc/init.d/pm2-init.sh",
    "etc/rc.d/pm2_{user}",
    "usr/local/etc/rc.d/pm2_{user}",
)
UNIT_CAP_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Programs:
    """With what PM2 is run: absolute paths, and the user whose apps it runs."""

    node: str
    pm2: str
    user: str
    is_root: bool


@dataclass(frozen=True, slots=True)
class Boot:
    """What a boot does about PM2: in one line, and whether that is well."""

    said: str
    well: bool


def look_at_boot(home: Path, programs: Programs | None, user: str, root: Path = Path("/")) -> Boot:
    """Look for what starts this PM2 at boot.

    Args:
        home: PM2's home.
        programs: With what PM2 is run; None where nobody knows.
        user: Whose apps PM2 runs.
        root: Where the machine's files begin.
    """
    unit = _unit(home, user, root)
    if unit is not None:
        return _of_unit(unit, home, programs)
    agent = home.parent / "Library" / "LaunchAgents" / f"pm2.{user}.plist"
    others = (root / other.format(user=user) for other in OTHERS)
    for found in (agent, *others):
        if found.exists():
            return Boot(f"{found} starts PM2", well=True)
    if (root / "run/systemd/system").is_dir():
        return Boot(f"nothing starts PM2 at boot; this sets it up: {_startup(home, programs)}", well=False)
    return Boot(
        f"nothing starts PM2 at boot, and there is no systemd here (process 1 is {_first(root)}): whatever "
        "starts this machine or container must run `pm2 resurrect`; elsewhere `pm2 startup` sets it up",
        well=False,
    )


def startup_command(home: Path, programs: Programs) -> str:
    """Return the command that makes PM2's unit, in which PM2's home is written down."""
    node_folder = shlex.quote(str(Path(programs.node).parent))
    ordinary = home.name == ".pm2"
    words = [
        *(() if programs.is_root else ("sudo",)),
        f"env PATH=$PATH:{node_folder}",
        *(() if ordinary else (f"PM2_HOME={shlex.quote(str(home))}",)),
        f"{shlex.quote(programs.pm2)} startup systemd -u {shlex.quote(programs.user)}",
        *((f"--hp {shlex.quote(str(home.parent))}",) if ordinary else ()),
    ]
    return " ".join(words)


def _startup(home: Path, programs: Programs | None) -> str:
    return "`pm2 startup`" if programs is None else startup_command(home, programs)


def _unit(home: Path, user: str, root: Path) -> Path | None:
    """Return the systemd unit of this PM2: the one that names its home, else the one of the user."""
    units = sorted((root / UNITS).glob("*pm2*.service"))
    named = [unit for unit in units if _home_of(unit) == str(home)]
    of_user = [unit for unit in units if unit.name == f"pm2-{user}.service"]
    return next(iter((*named, *of_user)), None)


def _of_unit(unit: Path, home: Path, programs: Programs | None) -> Boot:
    its_home = _home_of(unit)
    if its_home and its_home != str(home):
        other = f"{unit} starts PM2 with PM2_HOME={its_home}, not {home}; this sets it up:"
        return Boot(f"{other} {_startup(home, programs)}", well=False)
    if not any(unit.parent.glob(f"*.wants/{unit.name}")):
        return Boot(f"{unit} is there and not enabled: `sudo systemctl enable {unit.stem}`", well=False)
    return Boot(f"{unit} starts PM2", well=True)


def _home_of(unit: Path) -> str:
    """Return the PM2_HOME that a unit sets; empty where it sets none."""
    try:
        with unit.open("rb") as file:
            lines = file.read(UNIT_CAP_BYTES).decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    for line in lines:
        key, _, value = line.strip().partition("PM2_HOME=")
        if key in {"Environment=", 'Environment="'}:
            return value.strip().strip('"')
    return ""


def _first(root: Path) -> str:
    """Return the name of process 1."""
    try:
        return (root / "proc/1/comm").read_text("utf-8", "replace").strip()[:50] or "unknown"
    except OSError:
        return "unknown"
