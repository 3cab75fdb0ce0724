"""Where a system's snapshots lie: the names in `backups/<system>/`, and what a killed backup left there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from automation.ports.clock import Clock
from automation.ports.files import cannot, refuse_remote
from automation.stores.backups.disk import FOLDER_MODE, Disk
from automation.stores.backups.snapshot_id import is_snapshot_id

LOCK = ".lock"
LATEST = "latest"
MANIFEST = "manifest.json"
CHECKS = ".verified.json"
STAMPS = ".stamps"
SUMMARIES = ".summaries.json"
# What is not whole, or is going away, has a name that begins so; nobody reads it.
HIDDEN = ".tmp-"


@dataclass(frozen=True, slots=True)
class Place:
    """Where snapshots lie, what they are of, and the doors that making them needs.

    `roots` names for each folder of a snapshot where its files belong: `files` is the workspace.
    """

    folder: Path
    system: str
    host: str
    roots: Mapping[str, Path]
    clock: Clock
    disk: Disk


def snapshot_ids(folder: Path) -> list[str]:
    """Return the names of the snapshots that are there, oldest first.

    Raises:
        EffectFailed: The folder cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            found = [e.name for e in entries if is_snapshot_id(e.name) and e.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise cannot("read", folder, error) from error
    return sorted(found)


def prepare(folder: Path, disk: Disk) -> None:
    """Make the folder of a system's snapshots, closed to others and to git (safety S23, S24).

    Raises:
        EffectFailed: It cannot be made, or lies on a network file system.
    """
    above = folder.parent
    disk.make_folder(above)
    refuse_remote(above, "REDUNDANCY_BACKUPS_DIR")
    disk.make_folder(folder)
    # Somebody else may have made the folders and not flushed their names: until there is a snapshot that
    # relies on them, each backup does it.
    if not snapshot_ids(folder):
        disk.sync_folder(above.parent)
        disk.sync_folder(above)
    ignore = above / ".gitignore"
    try:
        if not os.path.lexists(ignore):
            disk.write(ignore, b"*\n")
        if folder.stat().st_mode & 0o777 != FOLDER_MODE:
            folder.chmod(FOLDER_MODE)
    except OSError as error:
        raise cannot("close to others", folder, error) from error


def clear_leftovers(folder: Path, disk: Disk) -> None:
    """Remove what a killed backup or prune left behind; call it only while holding the lock.

    Raises:
        EffectFailed: Something cannot be removed.
    """
    try:
        left = [path for path in folder.iterdir() if _is_leftover(path.name)]
    except OSError as error:
        raise cannot("read", folder, error) from error
    for path in left:
        disk.remove(path)


def _is_leftover(name: str) -> bool:
    """Tell the hidden folders, and the temporary files of `write_whole`."""
    return name.startswith(HIDDEN) or (name.startswith("..") and name.endswith(".tmp"))
