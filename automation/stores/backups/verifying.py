"""Verifying a snapshot: every byte is read again and compared with what the manifest says."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from automation.core.errors import EffectFailed, RecordDamaged, RecordNewer
from automation.stores.backups.beneath import FILE_FLAGS, Folders
from automation.stores.backups.entry_path import parent_of
from automation.stores.backups.listing import manifest_hash, read_manifest, read_previous
from automation.stores.backups.manifest import Entry, Problem
from automation.stores.backups.place import MANIFEST, snapshot_ids
from automation.stores.backups.reading import hash_of


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verification found.

    Attributes:
        id: The snapshot.
        at: When, ISO 8601.
        ok: Whether every file is now as it was taken.
        bad: Each file that is not, and why.
        repaired: Each file that was not, and what took its place.
    """

    id: str
    at: str
    ok: bool
    bad: tuple[Problem, ...] = ()
    repaired: tuple[Problem, ...] = ()


# What the files with several names hold, by device and inode: each is read once, whatever it is called.
Known = dict[tuple[int, int], bytes]


def problems_of(folder: Path, id_: str, known: Known | None = None) -> tuple[Problem, ...]:
    """Return all that is wrong with a snapshot that exists.

    Args:
        folder: Where the snapshots lie.
        id_: Which one.
        known: Remembers the hashes of shared files from one snapshot to the next.

    Raises:
        RecordNewer: A newer version wrote it; nothing can be said of it.
        EffectFailed: The snapshot vanished while it was read.
    """
    try:
        manifest = read_manifest(folder, id_)
    except RecordDamaged as error:
        return (Problem(MANIFEST, error.problem),)
    bad = [*_chain_problem(folder, id_)]
    with Folders(folder / id_, links=False) as folders:
        for entry in manifest.files:
            reason = _check_entry(folders, entry, known)
            if reason is not None:
                bad.append(Problem(entry.path, reason))
    bad += _strangers(folder / id_, {entry.path for entry in manifest.files})
    if bad and id_ not in snapshot_ids(folder):
        raise EffectFailed(f"{id_} was removed while it was verified")
    return tuple(bad)


def _check_entry(folders: Folders, entry: Entry, known: Known | None) -> str | None:
    """Say what is wrong with the copy of one file; None when it is whole."""
    parent, name = parent_of(entry.path)
    try:
        folder = folders.open(parent)
        if entry.link is not None:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            return _check_link(folder, name, status, entry.link)
        return _check_file(folder, name, entry, known)
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror} (errno {error.errno})"


def _check_file(folder: int, name: str, entry: Entry, known: Known | None) -> str | None:
    try:
        descriptor = os.open(name, FILE_FLAGS, dir_fd=folder)
    except OSError:
        if stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise
        return "is no file any more"
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return "is no file any more"
        if status.st_size != entry.size:
            return f"has {status.st_size} bytes, expected {entry.size}"
        sha256 = _hash_once(descriptor, status, known)
        return None if sha256 == entry.sha256 else "has other bytes than were taken"
    finally:
        os.close(descriptor)


def _hash_once(descriptor: int, status: os.stat_result, known: Known | None) -> str:
    """Return the hash of an open file; of one with several names, read at most once."""
    if known is None or status.st_nlink == 1:
        return hash_of(descriptor, status.st_size)
    key = (status.st_dev, status.st_ino)
    if key not in known:
        known[key] = bytes.fromhex(hash_of(descriptor, status.st_size))
    return known[key].hex()


def _check_link(folder: int, name: str, status: os.stat_result, link: str) -> str | None:
    if stat.S_ISLNK(status.st_mode) and os.readlink(name, dir_fd=folder) == link:
        return None
    return "is not the link that was taken"


def _chain_problem(folder: Path, id_: str) -> list[Problem]:
    """Compare a manifest with what the snapshot after it says of it."""
    after = [other for other in snapshot_ids(folder) if other > id_][:1]
    try:
        previous = read_previous(folder, after[0]) if after else None
    except (RecordDamaged, RecordNewer, EffectFailed):
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
