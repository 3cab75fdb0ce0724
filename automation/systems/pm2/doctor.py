"""What `doctor` says about PM2: the daemon, its version, its home, and whether it starts at boot."""

from __future__ import annotations

from pathlib import Path

from automation.core.errors import EffectFailed, RecordDamaged, RecordNewer
from automation.engine.context import Context
from automation.ports import process
from automation.stores import installation
from automation.stores.installation import Installation
from automation.systems.pm2.boot import Programs, look_at_boot
from automation.systems.pm2.daemon.runtime import SAID, in_foreground
from automation.systems.pm2.daemon.saved import dumps
from automation.systems.pm2.dump.judging import DumpState
from automation.systems.pm2.dump.watching import DumpWatch, Place
from automation.systems.pm2.home import exists, own_folder, pm2_home
from automation.systems.pm2.wire.client import Pm2Client

Line = tuple[str, str, bool]


def doctor(context: Context) -> list[Line]:
    """Return the lines about PM2."""
    home = pm2_home(context.environment)
    return [
        ("PM2_HOME", str(home), exists(home)),
        _daemon(context, home),
        _saved(context, home),
        _boot(context, home),
    ]


def _daemon(context: Context, home: Path) -> Line:
    client = Pm2Client(home, context.clock, context.environment)
    try:
        daemon = client.daemon()
    except EffectFailed as error:
        return "PM2", str(error), False
    finally:
        client.close()
    said = f"version {daemon.version}, pid {daemon.pid}"
    if in_foreground(daemon.pid):
        said += f". {SAID}; if it dies, the guard brings nothing back"
    return "PM2", said, True


def _boot(context: Context, home: Path) -> Line:
    """Tell whether a boot starts PM2, and else the command that sets it up."""
    user = process.user_name()
    record = _installation(context)
    programs = None if record is None else Programs(record.node, record.pm2, user, process.uid() == 0)
    boot = look_at_boot(home, programs, user)
    return "boot", boot.said, boot.well


def _installation(context: Context) -> Installation | None:
    try:
        return installation.read(installation.workspace_path(context.layout.logs))
    except (RecordDamaged, RecordNewer, EffectFailed):
        return None


def _saved(context: Context, home: Path) -> Line:
    """Tell how PM2's saved list is, from which a boot starts the apps."""
    own = own_folder(context.environment)
    watch = DumpWatch(Place(dumps(home, context.environment)[0], own / "dump.json"))
    dump = watch.read()
    if dump.state is DumpState.READ:
        return "saved list", f"holds {len(dump.names)} apps beside ours", True
    if dump.state is DumpState.ABSENT:
        return (
            "saved list",
            "PM2's list was never saved: a boot brings nothing back; `pm2 save` saves it",
            True,
        )
    return "saved list", f"{dump.state}: {dump.detail or 'a boot brings nothing back'}", False
