"""Keeping one file in a snapshot: linked to the copy before where that is sound, else copied and read back.

A copy is the file as it was at one moment, or there is none. A link is made only after the old copy's bytes
were hashed again: what a disk has spoiled meanwhile is copied afresh and not handed on.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from automation.core.errors import EffectFailed
from automation.ports.files import cannot
from automation.stores.backups.beneath import FILE_FLAGS, Folders, PathRefused, opened_file
from automation.stores.backups.disk import Attributes, Disk
from automation.stores.backups.dressing import SET_ID_BITS
from automation.stores.backups.entry_path import PATH_CAP_BYTES, ancestors, parent_of
from automation.stores.backups.manifest import Entry, Problem, text_hash
from automation.stores.backups.reading import chunks_of, hash_of, kind_of
from automation.stores.backups.scanning import reason_of
from automation.stores.backups.stamps import Stamp, stamp_of

JUDGE_CAP_BYTES = 4 * 1024 * 1024
# So many copies are flushed one by one; for more it is cheaper to flush the whole file system at the end.
FLUSHED_EACH = 64
_LOOKS = 2

Judge = Callable[[str, bytes], bool | None]


def nobody_knows(path: str, data: bytes) -> bool | None:  # noqa: ARG001  # the shape of every judge
    """Judge nothing: each file's validity is unknown."""
    return None


def judged_by(verdicts: Mapping[str, bool | None]) -> Judge:
    """Return a judge that knows its verdicts already, by path; what it does not know is unknown."""
    return lambda path, _: verdicts.get(path)


@dataclass(slots=True)
class Hidden:
    """The folder that becomes a snapshot, and what must be flushed before it is shown."""

    path: Path
    made: dict[str, None] = field(default_factory=dict)
    copies: int = 0

    @property
    def flush_each(self) -> bool:
        """Tell whether the files are still so few that each is flushed by itself."""
        return self.copies <= FLUSHED_EACH


@dataclass(frozen=True, slots=True)
class Job:
    """Where files come from, where their copies go, and who judges them.

    Attributes:
        root: What the paths are relative to; `originals` opens its folders.
        prefix: The folder of the snapshot that the copies go to.
        judge: Says whether a copy's bytes are good.
        disk: Writes.
        hidden: The snapshot's folder; `copies` opens its folders.
        olds: Opens the folders of the snapshot that may be linked to; None: everything is copied.
    """

    root: Path
    prefix: str
    judge: Judge
    disk: Disk
    hidden: Hidden
    originals: Folders
    copies: Folders
    olds: Folders | None

    def target(self, path: str) -> Path:
        """Return where the copy of a file, or of a folder, goes."""
        return self.hidden.path / self.prefix / path

    def inner(self, folder: str) -> str:
        """Return a folder's path in a snapshot."""
        return f"{self.prefix}/{folder}" if folder else self.prefix


class _Changed(Exception):
    """No error, a reason to look again: a file changed while it was read."""


class _NoFile(Exception):
    """No error, a reason to leave something out: it is neither a file nor a link."""


def keep_file(
    job: Job, path: str, status: os.stat_result, old: tuple[Entry, Stamp] | None
) -> tuple[Entry, Stamp] | Problem:
    """Keep one file or link that a scan found, by a link to its old copy or by a fresh copy.

    `old` is the file as the snapshot before has it, and how the original stood then.

    Raises:
        EffectFailed: The disk of the snapshots said no.
    """
    if old is not None and job.olds is not None and _may_be_linked(status, old[0]):
        entry = _link(job, job.olds, path, status, old)
        if entry is not None:
            return entry, stamp_of(status)
    return copy_file(job, path)


def _may_be_linked(status: os.stat_result, entry: Entry) -> bool:
    """Compare what belongs to the inode, and so is shared by all of its names."""
    return (
        entry.link is None
        and stat.S_ISREG(status.st_mode)
        and status.st_size == entry.size
        and status.st_mtime_ns == entry.mtime_ns
        and stat.S_IMODE(status.st_mode) == entry.mode
        and status.st_uid == entry.owner
        and status.st_gid == entry.group
    )


def _link(
    job: Job, olds: Folders, path: str, status: os.stat_result, old: tuple[Entry, Stamp]
) -> Entry | None:
    """Link to the old copy; None where its bytes, or those of the original, are not what they were."""
    parent, name = parent_of(path)
    inner = job.inner(parent)
    entry, stamp = old
    try:
        if stamp_of(status) != stamp and not _is_still(job, parent, name, status, entry):
            return None
        folder = olds.open(inner)
        sound, data = _sound_copy(folder, name, entry, want_data=job.judge is not nobody_knows)
        if not sound:
            return None
        if inner not in job.hidden.made:
            _make_folders(job, path)
        new = job.copies.open(inner)
    except (OSError, PathRefused):
        return None  # the copy says what is wrong with it, if anything is
    try:
        if not job.disk.link_file(folder, new, name):
            return None
    except OSError as error:
        raise cannot("link", job.target(path), error) from error
    verdict = None if data is None else job.judge(path, data)
    return entry if verdict is entry.valid else replace(entry, valid=verdict)


def _is_still(job: Job, parent: str, name: str, status: os.stat_result, entry: Entry) -> bool:
    """Read an original that may have changed, and tell whether it has not."""
    with opened_file(job.originals.open(parent), name) as source:
        same = hash_of(source) == entry.sha256
        return same and stamp_of(os.fstat(source)) == stamp_of(status)


def _sound_copy(folder: int, name: str, entry: Entry, *, want_data: bool) -> tuple[bool, bytes | None]:
    """Hash an old copy again, and return its bytes where somebody judges them."""
    descriptor = os.open(name, FILE_FLAGS, dir_fd=folder)
    try:
        status = os.fstat(descriptor)
        kept = (status.st_size, status.st_mtime_ns, status.st_mode & ~SET_ID_BITS)
        if kept != (entry.size, entry.mtime_ns, stat.S_IFREG | entry.mode & ~SET_ID_BITS):
            return False, None
        if entry.size > JUDGE_CAP_BYTES:
            return hash_of(descriptor) == entry.sha256, None
        data = os.read(descriptor, entry.size + 1)
        sound = hashlib.sha256(data).hexdigest() == entry.sha256
        return sound, data if sound and want_data else None
    finally:
        os.close(descriptor)


def copy_file(job: Job, path: str) -> tuple[Entry, Stamp] | Problem:
    """Copy one file or link; one that changes under the reading is read once more, and then left out.

    Raises:
        EffectFailed: The disk of the snapshots said no.
    """
    named, target = f"{job.prefix}/{path}", job.target(path)
    if len(os.fsencode(target)) >= PATH_CAP_BYTES:
        return Problem(named, "has a path too long for a copy of it")
    reason = ""
    for _ in range(_LOOKS):
        try:
            return _copy(job, path, named, target)
        except _NoFile as what:
            return Problem(named, f"is {what}, which no backup can hold")
        except _Changed:
            reason = "changed each time that it was read"
        except FileNotFoundError:
            reason = "vanished before it was read"
        except (OSError, PathRefused) as error:
            job.disk.remove(target)
            return Problem(named, reason_of(error))
        job.disk.remove(target)
        job.originals.close()  # the folder may be another one by now
    return Problem(named, reason)


def _make_folders(job: Job, path: str) -> None:
    """Make the folders that lead to a copy, each as its original is: `cp -a` gives that to the workspace."""
    for folder in ("", *ancestors(path)):
        inner = job.inner(folder)
        if inner not in job.hidden.made:
            job.disk.make_folder(job.target(folder), Attributes.of((job.root / folder).stat()))
            job.hidden.made[inner] = None


def _copy(job: Job, path: str, named: str, target: Path) -> tuple[Entry, Stamp]:
    parent, name = parent_of(path)
    folder = job.originals.open(parent)
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if not stat.S_ISREG(status.st_mode) and not stat.S_ISLNK(status.st_mode):
        raise _NoFile(kind_of(status.st_mode) or "no file")
    _make_folders(job, path)
    if stat.S_ISLNK(status.st_mode):
        text = os.readlink(name, dir_fd=folder)
        job.disk.copy_link(text, target, Attributes.of(status))
        return _entry(named, status, text_hash(text), valid=None, link=text), stamp_of(status)
    with opened_file(folder, name) as source:
        status, sha256 = _copy_open(job, source, target)
    valid = _judge_copy(job, parent, name, path, sha256)
    return _entry(named, status, sha256, valid=valid, link=None), stamp_of(status)


def _copy_open(job: Job, source: int, target: Path) -> tuple[os.stat_result, str]:
    """Copy an open file, and make sure that it stood still meanwhile."""
    before = os.fstat(source)
    if not stat.S_ISREG(before.st_mode):
        raise _Changed
    job.hidden.copies += 1
    like = Attributes.of(before)
    if job.hidden.flush_each:
        sha256 = job.disk.copy_file(source, target, before.st_size, like)
    else:
        sha256 = job.disk.copy_file(source, target, before.st_size, like, flushed=False)
    if _moves(before) != _moves(os.fstat(source)) or target.stat().st_size != before.st_size:
        raise _Changed  # the second is how a file shows that only pretends to have a size, as in /proc
    return before, sha256


def _moves(status: os.stat_result) -> tuple[int, int, int]:
    """Return what moves when a file's bytes or mode do."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _judge_copy(job: Job, parent: str, name: str, path: str, sha256: str) -> bool | None:
    """Read a copy back: it must be what was written, and it is what the judge sees.

    Raises:
        EffectFailed: The disk gives back other bytes than it was given.
    """
    try:
        with opened_file(job.copies.open(job.inner(parent)), name) as copy:
            if hash_of(copy) != sha256:
                raise EffectFailed(
                    f"{job.target(path)} reads back differently from what was written: check the disk"
                )
            if job.judge is nobody_knows or os.fstat(copy).st_size > JUDGE_CAP_BYTES:
                return None
            os.lseek(copy, 0, os.SEEK_SET)
            data = b"".join(chunks_of(copy, JUDGE_CAP_BYTES))
    except PermissionError:
        raise  # its own mode forbids its owner to read it: it is left out, and said
    except OSError as error:
        raise cannot("read", job.target(path), error) from error
    return job.judge(path, data)


def _entry(path: str, status: os.stat_result, sha256: str, *, valid: bool | None, link: str | None) -> Entry:
    return Entry(
        path=path,
        size=status.st_size,
        mode=stat.S_IMODE(status.st_mode),
        owner=status.st_uid,
        group=status.st_gid,
        mtime_ns=status.st_mtime_ns,
        sha256=sha256,
        valid=valid,
        link=link,
    )
