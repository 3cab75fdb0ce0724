"""What the Netlify guard backs up: the site's settings, its functions, and what a build of them needs."""

from __future__ import annotations

import posixpath

from automation.core.errors import EffectFailed
from automation.engine.context import Context
from automation.engine.snapshots import BackedUp
from automation.ports.commands import SystemCommands
from automation.stores.backups.store import Source
from automation.systems.netlify.guarded import BESIDE, OF_THE_PROJECT, files_below, manifest_path
from automation.systems.netlify.judging import SnapshotJudge, is_source
from automation.systems.netlify.memory import Memory
from automation.systems.netlify.settings_file import (
    FILE_NAME,
    Damaged,
    Settings,
    read_functions_folder,
    read_settings,
)


def backed_up(context: Context) -> BackedUp:
    """Return the sources of this system's snapshots; nothing is judged before a snapshot asks."""
    layout = context.layout
    settings, folder = _places(context)
    named = [f"{place}{name}" for place in _bases(settings) for name in (FILE_NAME, *BESIDE, *OF_THE_PROJECT)]
    named += [posixpath.join(settings.publish, name) for name in BESIDE if settings.publish != "."]
    functions: tuple[str, ...] = ()
    if folder is not None:
        functions = files_below(layout.workspace, folder, (layout.logs, layout.backups))
        named.append(manifest_path(context.settings, folder))
    paths = tuple(dict.fromkeys((*named, *functions)))
    sources = tuple(path for path in paths if is_source(path))
    return BackedUp((Source(paths, valid=SnapshotJudge(layout.workspace, sources, SystemCommands())),))


def _bases(settings: Settings) -> tuple[str, ...]:
    return ("",) if settings.base == "." else ("", f"{settings.base}/")


def _places(context: Context) -> tuple[Settings, str | None]:
    """Return what netlify.toml says and where the functions lie; where it is damaged, where they last lay."""
    workspace, known = context.layout.workspace, Memory(context.layout.state).places()
    try:
        read = read_settings(workspace)
    except EffectFailed:
        return Settings(), known.folder or None
    if isinstance(read, Damaged):
        read = Settings(functions=known.folder or None)
    chosen = context.settings.text("functions_directory") or known.ui_folder or None
    folder = read_functions_folder(workspace, read, chosen)
    return read, None if folder is None or isinstance(folder, Damaged) else folder.path
