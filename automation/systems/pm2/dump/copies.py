"""Copies of PM2's dump: those in the snapshots, and those that are kept before anything could delete it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from automation.core.errors import EffectFailed
from automation.core.moments import from_text
from automation.ports.clock import Clock
from automation.ports.files import cannot, make_folder, read_whole, write_whole
from automation.stores.backups.listing import readable_manifests
from automation.stores.backups.snapshot_id import next_id
from automation.systems.pm2.dump.condition import Condition, condition_of
from automation.systems.pm2.dump.where import DUMP
from automation.systems.pm2.home import own_folder_of

FOLDER = "dumps"
MOST_KEPT = 10
DUMP_CAP_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class DumpCopy:
    """A snapshot's copy of the dump that was found valid, and that names apps."""

    snapshot_id: str
    taken_at_s: float
    data: bytes


def valid_copies(snapshots: Path, path: str) -> Iterator[DumpCopy]:
    """Yield the valid copies of the snapshots, newest first; a copy whose bytes have changed is none.

    `path` is what the dump is called in a snapshot.
    """
    for manifest in readable_manifests(snapshots):
        for entry in manifest.files:
            if entry.path == path and entry.valid is True and entry.link is None:
                data = _read(snapshots / manifest.id / path)
                if _is_sound(data, entry.sha256):
                    yield DumpCopy(manifest.id, from_text(manifest.created_at), data)


def _read(path: Path) -> bytes:
    try:
        return read_whole(path, cap=DUMP_CAP_BYTES) or b""
    except EffectFailed:
        return b""


def _is_sound(data: bytes, sha256: str) -> bool:
    return condition_of(data)[0] is Condition.WHOLE and hashlib.sha256(data).hexdigest() == sha256


def keep_copy(dump: Path, home: Path, clock: Clock) -> Path | None:
    """Keep a verified copy of the dump in our own folder of PM2's home; the last ten different ones stay.

    Whoever does what may delete or change the dump calls this first: `pm2 resurrect` deletes what it cannot
    parse, and a second `pm2 save` takes the copy that PM2 keeps. The caller holds the daemon lock.

    Returns:
        Where the copy lies, or None where there is no dump.

    Raises:
        EffectFailed: It cannot be read or written; then the dump must not be touched.
    """
    data = read_whole(dump, cap=DUMP_CAP_BYTES)
    if data is None:
        return None
    folder = own_folder_of(home) / FOLDER
    make_folder(folder, mode=0o700)
    kept = _kept(folder)
    if kept and _read(kept[-1]) == data:
        return kept[-1]
    name = next_id(clock.now_s(), kept[-1].name.removesuffix(f"-{DUMP}") if kept else None, 0)
    path = folder / f"{name}-{DUMP}"
    write_whole(path, data)
    if _read(path) != data:
        raise EffectFailed(f"{path}: the copy of PM2's dump reads back differently")
    for old in kept[: 1 - MOST_KEPT]:
        try:
            old.unlink(missing_ok=True)
        except OSError as error:
            raise cannot("remove", old, error) from error
    return path


def _kept(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.name.endswith(f"-{DUMP}"))
    except OSError as error:
        raise cannot("read", folder, error) from error
