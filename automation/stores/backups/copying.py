"""Copying one file into a snapshot: as it was at one moment or not at all, and read back before it counts."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from automation.core.errors import EffectFailed
from automation.ports.files import cannot
from automation.stores.backups.beneath import PathRefused, folder_beneath, opened_file
from automation.stores.backups.disk import Attributes, Disk
from automation.stores.backups.entry_path import PATH_CAP_BYTES, ancestors, parent_of
from automation.stores.backups.manifest import Entry, Problem, text_hash
from automation.stores.backups.reading import chunks_of, hash_of, kind_of
from automation.stores.backups.scanning import reason_of

JUDGE_CAP_BYTES = 4 * 1024 * 1024
_LOOKS = 2

Judge = Callable[[str, bytes], bool | None]


def nobody_knows(path: str, data: bytes) -> bool | None:  # noqa: ARG001  # the shape of every judge
    """Judge nothing: each file's validity is unknown."""
    return None


def judged_by(verdicts: Mapping[str, bool | None]) -> Judge:
    """Return a judge that knows its verdicts already, by path; what it does not know is unknown."""
    return lambda path, _: verdicts.get(path)


@dataclass(frozen=True, slots=True)
class Job:
    """Where files come from, where their copies go, and who judges them.

    `made` collects the folders that were made for copies: they must be flushed before the snapshot is shown.
    """

    root: Path
    prefix: str
    judge: Judge
    hidden: Path
    disk: Disk
    made: dict[Path, None]

    def target(self, path: str) -> Path:
        """Return where the copy of a file, or of a folder, goes."""
        return self.hidden / self.prefix / path


class _Changed(Exception):
    """No error, a reason to look again: a file changed while it was read."""


class _NoFile(Exception):
    """No error, a reason to leave something out: it is neither a file nor a link."""


def copy_file(job: Job, path: str) -> Entry | Problem:
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
            _make_folders(job, path)
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
    return Problem(named, reason)


def _make_folders(job: Job, path: str) -> None:
    """Make the folders that lead to a copy, each as its original is: `cp -a` gives that to the workspace."""
    for folder in ("", *ancestors(path)):
        target = job.target(folder)
        if target not in job.made:
            job.disk.make_folder(target, Attributes.of((job.root / folder).stat()))
            job.made[target] = None


def _copy(job: Job, path: str, named: str, target: Path) -> Entry:
    parent, name = parent_of(path)
    with folder_beneath(job.root, parent) as folder:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            text = os.readlink(name, dir_fd=folder)
            job.disk.copy_link(text, target, Attributes.of(status))
            return _entry(named, status, text_hash(text), valid=None, link=text)
        if not stat.S_ISREG(status.st_mode):
            raise _NoFile(kind_of(status.st_mode) or "no file")
        with opened_file(folder, name) as source:
            status, sha256 = _copy_open(job, source, target)
    return _entry(named, status, sha256, valid=_judge_copy(target, sha256, path, job.judge), link=None)


def _copy_open(job: Job, source: int, target: Path) -> tuple[os.stat_result, str]:
    """Copy an open file, and make sure that it stood still meanwhile."""
    before = os.fstat(source)
    if not stat.S_ISREG(before.st_mode):
        raise _Changed
    sha256 = job.disk.copy_file(source, target, before.st_size, Attributes.of(before))
    if _stamp(before) != _stamp(os.fstat(source)) or target.stat().st_size != before.st_size:
        raise _Changed  # the second is how a file shows that only pretends to have a size, as in /proc
    return before, sha256


def _stamp(status: os.stat_result) -> tuple[int, int, int]:
    """Return what moves when a file's bytes or mode do."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _judge_copy(target: Path, sha256: str, path: str, judge: Judge) -> bool | None:
    """Read a copy back: it must be what was written, and it is what the judge sees.

    Raises:
        EffectFailed: The disk gives back other bytes than it was given.
    """
    try:
        with folder_beneath(target.parent, "") as folder, opened_file(folder, target.name) as copy:
            if hash_of(copy) != sha256:
                raise EffectFailed(f"{target} reads back differently from what was written: check the disk")
            if judge is nobody_knows or os.fstat(copy).st_size > JUDGE_CAP_BYTES:
                return None
            os.lseek(copy, 0, os.SEEK_SET)
            data = b"".join(chunks_of(copy, JUDGE_CAP_BYTES))
    except PermissionError:
        raise  # its own mode forbids its owner to read it: it is left out, and said
    except OSError as error:
        raise cannot("read", target, error) from error
    return judge(path, data)


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
