"""Verifying a snapshot: every byte is read again and compared with what the manifest says."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from automation.core.errors import EffectFailed, RecordDamaged
from automation.stores.backups.beneath import folder_beneath, opened_file
from automation.stores.backups.entry_path import parent_of
from automation.stores.backups.listing import manifest_hash, read_manifest
from automation.stores.backups.manifest import Entry, Problem
from automation.stores.backups.place import MANIFEST, snapshot_ids
from automation.stores.backups.reading import hash_of


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verification found; `at` is when, `bad` names each file that is not as it was taken."""

    id: str
    at: str
    ok: bool
    bad: tuple[Problem, ...] = ()


def problems_of(folder: Path, id_: str) -> tuple[Problem, ...]:
    """Return all that is wrong with a snapshot that exists.

    Raises:
        RecordNewer: A newer version wrote it; nothing can be said of it.
        EffectFailed: The snapshot vanished while it was read.
    """
    try:
        manifest = read_manifest(folder, id_)
    except RecordDamaged as error:
        return (Problem(MANIFEST, error.problem),)
    bad = [*_chain_problem(folder, id_)]
    for entry in manifest.files:
        reason = check_entry(folder / id_, entry)
        if reason is not None:
            bad.append(Problem(entry.path, reason))
    bad += _strangers(folder / id_, {entry.path for entry in manifest.files})
    if bad and id_ not in snapshot_ids(folder):
        raise EffectFailed(f"{id_} was removed while it was verified")
    return tuple(bad)


def check_entry(snapshot: Path, entry: Entry) -> str | None:
    """Say what is wrong with the copy of one file; None when it is whole."""
    parent, name = parent_of(entry.path)
    try:
        with folder_beneath(snapshot, parent, links=False) as folder:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if entry.link is not None:
                return _check_link(folder, name, status, entry.link)
            if not stat.S_ISREG(status.st_mode):
                return "is no file any more"
            if status.st_size != entry.size:
                return f"has {status.st_size} bytes, expected {entry.size}"
            with opened_file(folder, name) as descriptor:
                return None if hash_of(descriptor) == entry.sha256 else "has other bytes than were taken"
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror} (errno {error.errno})"


def _check_link(folder: int, name: str, status: os.stat_result, link: str) -> str | None:
    if stat.S_ISLNK(status.st_mode) and os.readlink(name, dir_fd=folder) == link:
        return None
    return "is not the link that was taken"


def _chain_problem(folder: Path, id_: str) -> list[Problem]:
    """Compare a manifest with what the snapshot after it says of it."""
    after = [other for other in snapshot_ids(folder) if other > id_][:1]
    try:
        previous = read_manifest(folder, after[0]).previous if after else None
    except (RecordDamaged, EffectFailed):
        return []
    if previous is None or previous.id != id_ or previous.sha256 == manifest_hash(folder, id_):
        return []
    return [Problem(MANIFEST, f"is not the one that {after[0]} was made after")]


def _strangers(snapshot: Path, known: set[str]) -> list[Problem]:
    """Name files that no manifest names: `cp -a` would put them into the workspace."""
    found: list[Problem] = []
    folders = [""]
    while folders:
        inside = folders.pop()
        try:
            with os.scandir(snapshot / inside) as entries:
                for entry in entries:
                    path = f"{inside}/{entry.name}" if inside else entry.name
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(path)
                    elif path not in known and path != MANIFEST:
                        found.append(Problem(path, "is not in the manifest"))
        except OSError as error:
            found.append(Problem(inside, f"cannot be read: {error.strerror} (errno {error.errno})"))
    return found
