"""Our own entries in PM2's saved list, and whether a boot starts PM2 at all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from automation.core.errors import EffectFailed, LockBusy, LookFailed, StepRefused
from automation.launch.apps import App
from automation.launch.doors import Doors
from automation.launch.places import Places
from automation.ports import process
from automation.ports.files import read_whole
from automation.systems.pm2.boot import Programs, look_at_boot
from automation.systems.pm2.daemon.saved import dumps
from automation.systems.pm2.dump.elements import DumpDamaged, elements
from automation.systems.pm2.dump.own import is_ours, own_entries
from automation.systems.pm2.dump.saving import DumpFiles, dump_files, remove_entries, save_entries

NOTHING_SAVED = (
    "PM2's saved list holds nothing, so a boot brings nothing back; "
    "when every app that you want runs: pm2 save"
)


def save(places: Places, doors: Doors) -> tuple[str, ...]:
    """Merge our apps into PM2's saved list as they run now; returns a line for what was not done.

    Never `pm2 save`, which would save everybody's apps, or the lack of them (safety S10).
    """
    files = _files(places, doors)
    try:
        if not (read_whole(files.dump) or b"").strip(b"[] \t\r\n\0"):
            return (NOTHING_SAVED,)
        own = own_entries(doors.supervisor.entries(), (str(places.suite),))
        if own:
            save_entries(files, own, (str(places.suite), *_gone_suites(files.dump)), doors.clock)
    except (StepRefused, LookFailed, LockBusy, EffectFailed) as error:
        return (f"not added to PM2's saved list: {error}",)
    return ()


def forget(places: Places, doors: Doors, apps: Sequence[App], suites: Sequence[str]) -> tuple[str, ...]:
    """Take these apps of ours out of PM2's saved list; returns a line for what was not done."""
    files = _files(places, doors)
    try:
        suites = (*suites, *_gone_suites(files.dump))
        remove_entries(files, [app.name for app in apps], suites, doors.clock)
    except StepRefused:  # there is none, or it is damaged: nothing of ours would be started from it
        return ()
    except (LockBusy, EffectFailed) as error:
        return (f"not taken out of PM2's saved list: {error}",)
    return ()


def boot(places: Places) -> tuple[str, ...]:
    """Return a line where no boot starts PM2, with the command that sets it up; it is never run."""
    user = process.user_name()
    programs = Programs(places.node, places.pm2, user, process.uid() == 0)
    found = look_at_boot(places.pm2_home, programs, user)
    return () if found.well else (found.said,)


def _gone_suites(dump: Path) -> tuple[str, ...]:
    """Return the folders from which saved entries of ours ran, and that are gone: a moved suite's old places.

    Raises:
        EffectFailed: The dump cannot be read.
    """
    try:
        saved = elements(read_whole(dump) or b"[]")
    except DumpDamaged:
        return ()
    found = []
    for one in saved:
        runs = Path(str(one.value.get("pm_exec_path", "")))
        suite = str(runs.parent.parent)
        if is_ours(one.value, (suite,)) and not runs.exists():
            found.append(suite)
    return tuple(found)


def _files(places: Places, doors: Doors) -> DumpFiles:
    return dump_files(dumps(places.pm2_home, doors.environment)[0], places.daemon_lock.parent)
