"""Changing a file that another program writes in place, without a lock that both would know.

Who writes in place opens the file, which empties it, and then writes. So the file is compared once more just
before the rename; and after it the old inode is looked at again: what somebody still wrote into that one is
the newest word, and is not lost with it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from automation.core.errors import EffectFailed
from automation.ports.files import cannot, sync_folder, write_all

TRIES = 5
AGAIN_S = 0.05
STILL_S = 0.1  # a writer that is silent for so long has ended
LONGEST_S = 2.0
CAP_BYTES = 64 * 1024 * 1024

Wait = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Opened:
    """A file as it was found: its descriptor, what was in it, and the stamp by which a change is noticed."""

    path: Path
    descriptor: int
    data: bytes
    stamp: tuple[int, int]
    status: os.stat_result


def rewrite(path: Path, change: Callable[[bytes], bytes], wait: Wait) -> bool:
    """Replace a file's content by what `change` makes of it; tell whether that is another one.

    Mode and owner stay. A reader sees the old content or the new. `change` is asked again, with what is there
    then, where somebody else writes meanwhile.

    Raises:
        EffectFailed: There is no such file, the disk said no, or others do not stop writing to it; or what
            `change` raises: then the file is as it was.
    """
    path = Path(os.path.realpath(path))  # a link stays what it is
    for _ in range(TRIES):
        opened = open_it(path)
        try:
            new = change(opened.data)
            if new == opened.data:
                return False
            beside = write_beside(opened, new)
            newest = put(opened, beside, wait)
        finally:
            os.close(opened.descriptor)
        if newest == opened.data:
            return True
        if newest is not None:
            put_back(path, newest, opened.status)
        wait(AGAIN_S)
    raise EffectFailed(f"{path}: another program writes to it again and again")


def open_it(path: Path) -> Opened:
    """Open and read a file.

    Raises:
        EffectFailed: It cannot be read, or is larger than 64 MiB.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise cannot("read", path, error) from error
    try:
        status = os.fstat(descriptor)
        return Opened(path, descriptor, _read(descriptor, path), _stamp(status), status)
    except BaseException:
        os.close(descriptor)
        raise


def write_beside(opened: Opened, data: bytes) -> Path:
    """Write new content into a file beside the old one, on disk, with its mode and owner.

    Raises:
        EffectFailed: The disk said no; nothing is left behind.
    """
    beside = opened.path.with_name(f".{opened.path.name}.{os.getpid()}.tmp")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        try:
            write_all(descriptor, data)
            if os.fstat(descriptor).st_uid != opened.status.st_uid:
                os.fchown(descriptor, opened.status.st_uid, opened.status.st_gid)
            os.fchmod(descriptor, opened.status.st_mode & 0o7777)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        _remove(beside)
        raise cannot("write", opened.path, error) from error
    return beside


def put(opened: Opened, beside: Path, wait: Wait) -> bytes | None:
    """Put the new content in the place of what was opened.

    Returns:
        What was opened, where nobody meddled; None where the file is another by now, and was left alone; else
        what somebody wrote into the old one while it was replaced.

    Raises:
        EffectFailed: The disk said no.
    """
    try:
        if not _is_there_as_opened(opened):
            _remove(beside)
            return None
        beside.replace(opened.path)
        sync_folder(opened.path.parent)
    except OSError as error:
        _remove(beside)
        raise cannot("write", opened.path, error) from error
    if _stamp(os.fstat(opened.descriptor)) == opened.stamp:
        return opened.data
    return _ended(opened, wait)


def put_back(path: Path, data: bytes, status: os.stat_result) -> None:
    """Write what another program wrote into the file that we replaced under its hands.

    Raises:
        EffectFailed: The disk said no.
    """
    there = open_it(path)
    try:
        beside = write_beside(Opened(path, there.descriptor, there.data, there.stamp, status), data)
    finally:
        os.close(there.descriptor)
    beside.replace(path)


def _is_there_as_opened(opened: Opened) -> bool:
    there = opened.path.stat()
    same = (there.st_dev, there.st_ino) == (opened.status.st_dev, opened.status.st_ino)
    return same and _stamp(there) == opened.stamp and _read(opened.descriptor, opened.path) == opened.data


def _ended(opened: Opened, wait: Wait) -> bytes:
    """Return what a writer left in the old file, once it has ended."""
    waited_s, before = 0.0, b""
    while waited_s < LONGEST_S:
        wait(STILL_S)
        waited_s += STILL_S
        now = _read(opened.descriptor, opened.path)
        if now and now == before:
            return now
        before = now
    return before or opened.data


def _read(descriptor: int, path: Path) -> bytes:
    data = os.pread(descriptor, CAP_BYTES + 1, 0)
    if len(data) > CAP_BYTES:
        raise EffectFailed(f"{path}: larger than the {CAP_BYTES} bytes that are expected at most")
    return data


def _stamp(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
