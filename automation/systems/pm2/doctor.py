"""What `doctor` says about PM2: the daemon, its version, its home, and whether it starts at boot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from automation.core.errors import EffectFailed
from automation.engine.context import Context
from automation.systems.pm2.home import exists, pm2_home
from automation.systems.pm2.wire.client import Pm2Client

Line = tuple[str, str, bool]
BOOT_UNITS = ("/etc/systemd/system", "/etc/init.d", "/etc/rc.d")


def doctor(context: Context) -> list[Line]:
    """Return the lines about PM2."""
    home = pm2_home(context.environment)
    return [("PM2_HOME", str(home), exists(home)), _daemon(context, home), _boot()]


def _daemon(context: Context, home: Path) -> Line:
    client = Pm2Client(home, context.clock, context.environment)
    try:
        daemon = client.daemon()
    except EffectFailed as error:
        return "PM2", str(error), False
    finally:
        client.close()
    return "PM2", f"version {daemon.version}, pid {daemon.pid}", True


def _boot(folders: Sequence[str] = BOOT_UNITS) -> Line:
    """Tell whether a boot starts PM2, as `pm2 startup` sets it up."""
    for folder in folders:
        for unit in sorted(Path(folder).glob("pm2-*")) if Path(folder).is_dir() else ():
            return "boot", f"{unit} starts PM2", True
    return "boot", "nothing starts PM2 at boot; `pm2 startup` prints the command that sets it up", False
