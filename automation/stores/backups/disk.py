"""Every change that this package makes to a disk: a door, so that a test can fail or be killed at each."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from automation.core.errors import EffectFailed
from automation.ports.files import (
    cannot,
    flush_file_system,
    make_folder,
    sync_folder,
    write_whole,
    write_whole_from,
)
from automation.ports.scratch import remove_tree
from automation.stores.backups.dressing import Attributes, dress, dress_folder, dress_link
from automation.stores.backups.reading import chunks_of

FOLDER_MODE = 0o700
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# What a disk says that cannot link this file, or links no files at all.
_NO_LINKS = frozenset({errno.EMLINK, errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES})


class WrongContent(EffectFailed):
    """What was read is not what the manifest says it is; nothing was written."""

    def __init__(self) -> None:
        super().__init__("its bytes are not those that the manifest names", retryable=False)


class Disk(Protocol):
    """Changes a disk; each method's work is on it, not only on its way, when the method returns.

    Those that fill a snapshot's hidden folder (`make_folder`, `copy_link`, `link_file`) leave that to
    `sync_folder`; `move_in`, and what is written or made with `flushed=False`, leave it to `flush_all`.
    All raise EffectFailed, with path and errno, where the disk says no, unless they say otherwise.
    """

    def make_folder(self, path: Path, like: Attributes | None = None) -> None:
        """Make a folder: 0700, or as another one is (but always open to its owner)."""
        ...

    def copy_file(
        self, source: int, target: Path, size: int, like: Attributes, *, flushed: bool = True
    ) -> str:
        """Copy an open file of that size to a new one, and return the hash of what was copied.

        Raises:
            OSError: The source cannot be read.
        """
        ...

    def copy_link(self, text: str, target: Path, like: Attributes) -> None:
        """Make a link."""
        ...

    def link_file(self, old: int, new: int, name: str) -> bool:
        """Give a file of one open folder the same name in another; tell whether the disk can do that.

        Raises:
            OSError: It could, and failed.
        """
        ...

    def write(self, path: Path, data: bytes) -> None:
        """Replace a small file, whole or not at all; 0600."""
        ...

    def write_pieces(self, path: Path, pieces: Iterable[bytes]) -> None:
        """Replace a file, whole or not at all, by pieces that are made as they are written; 0600."""
        ...

    def flush_all(self, path: Path) -> None:
        """Put all that was written to the file system of a folder on disk."""
        ...

    def sync_folder(self, path: Path) -> None:
        """Put a folder's entries on disk."""
        ...

    def rename(self, hidden: Path, shown: Path) -> None:
        """Give a folder its final name, in the same folder."""
        ...

    def point(self, link: Path, text: str, temporary: Path) -> None:
        """Make a link point there, replacing what it was."""
        ...

    def remove(self, path: Path) -> None:
        """Remove a file, a link or a folder with all in it; fine where it is gone."""
        ...

    def place_file(self, place: Target, source: int, sha256: str, like: Attributes) -> None:
        """Copy an open file into a folder of the workspace, whole or not at all.

        Raises:
            WrongContent: The source has another hash; what was there is untouched.
            OSError: The source cannot be read, or the target not written.
        """
        ...

    def stage_file(
        self, folder: int, name: str, source: int, sha256: str, like: Attributes, *, flushed: bool
    ) -> None:
        """Copy an open file into an open folder, for `move_in` to put it where it belongs.

        Raises:
            WrongContent: The source has another hash; nothing is left of it.
            OSError: The source cannot be read, or the copy not written.
        """
        ...

    def move_in(self, staging: int, staged: str, place: Target) -> None:
        """Move a staged file to where it belongs, in place of what is there.

        Raises:
            OSError: It cannot be moved; EXDEV where that is on another file system.
        """
        ...

    def remove_inner(self, folder: int, name: str) -> None:
        """Remove a file of an open folder of the workspace.

        Raises:
            OSError: It cannot be removed.
        """
        ...

    def place_link(self, place: Target, text: str, like: Attributes) -> None:
        """Put a link into a folder of the workspace, in place of what is there.

        Raises:
            OSError: It cannot be written.
        """
        ...

    def make_inner_folder(
        self, folder: int, name: str, like: Attributes | None, *, flushed: bool = True
    ) -> None:
        """Make a folder in an open folder of the workspace.

        Raises:
            OSError: It cannot be made.
        """
        ...


@dataclass(frozen=True, slots=True)
class Target:
    """Where a file of the workspace goes: an open folder, its name, and the name it has until it is whole."""

    folder: int
    name: str
    temporary: str


class SystemDisk:
    """The real disk (see Disk for each method)."""

    def make_folder(self, path: Path, like: Attributes | None = None) -> None:
        """Make a folder."""
        make_folder(path, mode=FOLDER_MODE)
        if like is None:
            return
        try:
            dress_folder(path, None, like, at_least=FOLDER_MODE)
        except OSError as error:
            raise cannot("create", path, error) from error

    def copy_file(
        self, source: int, target: Path, size: int, like: Attributes, *, flushed: bool = True
    ) -> str:
        """Copy an open file to a new one."""
        digest = hashlib.sha256()
        try:
            descriptor = os.open(target, _NEW_FILE, 0o600)
        except OSError as error:
            raise cannot("write", target, error) from error
        try:
            for chunk in chunks_of(source, size):
                digest.update(chunk)
                _write(descriptor, chunk, target)
            _finish(descriptor, like, target, flushed=flushed)
        finally:
            os.close(descriptor)
        return digest.hexdigest()

    def copy_link(self, text: str, target: Path, like: Attributes) -> None:
        """Make a link."""
        try:
            target.symlink_to(text)
            dress_link(target.name, None, target, like)
        except OSError as error:
            raise cannot("write", target, error) from error

    def link_file(self, old: int, new: int, name: str) -> bool:
        """Give a file the same name in another folder."""
        try:
            os.link(name, name, src_dir_fd=old, dst_dir_fd=new, follow_symlinks=False)
        except OSError as error:
            if error.errno in _NO_LINKS:
                return False
            raise
        return True

    def write(self, path: Path, data: bytes) -> None:
        """Replace a small file."""
        write_whole(path, data)

    def write_pieces(self, path: Path, pieces: Iterable[bytes]) -> None:
        """Replace a file by pieces."""
        write_whole_from(path, pieces)

    def flush_all(self, path: Path) -> None:
        """Put a whole file system on disk."""
        try:
            flush_file_system(path)
        except OSError as error:
            raise cannot("flush", path, error) from error

    def sync_folder(self, path: Path) -> None:
        """Put a folder's entries on disk."""
        try:
            sync_folder(path)
        except OSError as error:
            raise cannot("flush", path, error) from error

    def rename(self, hidden: Path, shown: Path) -> None:
        """Give a folder its final name."""
        try:
            hidden.rename(shown)
            sync_folder(shown.parent)
        except OSError as error:
            raise cannot("write", shown, error) from error

    def point(self, link: Path, text: str, temporary: Path) -> None:
        """Make a link point there."""
        try:
            temporary.unlink(missing_ok=True)
            temporary.symlink_to(text)
            temporary.replace(link)
            sync_folder(link.parent)
        except OSError as error:
            raise cannot("write", link, error) from error

    def remove(self, path: Path) -> None:
        """Remove a file, a link or a folder."""
        try:
            if path.is_dir() and not path.is_symlink():
                remove_tree(path)
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise cannot("remove", path, error) from error

    def stage_file(
        self, folder: int, name: str, source: int, sha256: str, like: Attributes, *, flushed: bool
    ) -> None:
        """Copy an open file into an open folder."""
        _remove_in(folder, name)
        descriptor = os.open(name, _NEW_FILE, 0o600, dir_fd=folder)
        try:
            if _write_hashed(descriptor, _sound_chunks(source)) != sha256:
                raise WrongContent
            dress(descriptor, like)
            if flushed:
                os.fsync(descriptor)
        except (OSError, EffectFailed):
            _remove_in(folder, name)
            raise
        finally:
            os.close(descriptor)

    def move_in(self, staging: int, staged: str, place: Target) -> None:
        """Move a staged file to where it belongs."""
        os.rename(staged, place.name, src_dir_fd=staging, dst_dir_fd=place.folder)

    def remove_inner(self, folder: int, name: str) -> None:
        """Remove a file of an open folder."""
        os.unlink(name, dir_fd=folder)
        os.fsync(folder)

    def place_file(self, place: Target, source: int, sha256: str, like: Attributes) -> None:
        """Copy an open file into a folder of the workspace."""
        self.stage_file(place.folder, place.temporary, source, sha256, like, flushed=True)
        try:
            _swap_in(place)
        except OSError:
            _remove_in(place.folder, place.temporary)
            raise

    def place_link(self, place: Target, text: str, like: Attributes) -> None:
        """Put a link into a folder of the workspace."""
        _remove_in(place.folder, place.temporary)
        try:
            os.symlink(text, place.temporary, dir_fd=place.folder)
            dress_link(place.temporary, place.folder, None, like)
            _swap_in(place)
        except OSError:
            _remove_in(place.folder, place.temporary)
            raise

    def make_inner_folder(
        self, folder: int, name: str, like: Attributes | None, *, flushed: bool = True
    ) -> None:
        """Make a folder in an open folder of the workspace."""
        os.mkdir(name, 0o755, dir_fd=folder)
        if like is not None:
            dress_folder(name, folder, like)
        if flushed:
            os.fsync(folder)


def _write(descriptor: int, chunk: bytes, target: Path) -> None:
    try:
        _write_all(descriptor, chunk)
    except OSError as error:
        raise cannot("write", target, error) from error


def _write_all(descriptor: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(descriptor, view) :]


def _write_hashed(descriptor: int, chunks: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
        _write_all(descriptor, chunk)
    return digest.hexdigest()


def _sound_chunks(source: int) -> Iterator[bytes]:
    """Yield an open file piece by piece; a disk that cannot read it has not the right bytes."""
    try:
        yield from chunks_of(source, os.fstat(source).st_size)
    except OSError as error:
        raise WrongContent from error


def _finish(descriptor: int, like: Attributes, target: Path, *, flushed: bool) -> None:
    try:
        dress(descriptor, like)
        if flushed:
            os.fsync(descriptor)
    except OSError as error:
        raise cannot("write", target, error) from error


def _swap_in(place: Target) -> None:
    os.rename(place.temporary, place.name, src_dir_fd=place.folder, dst_dir_fd=place.folder)
    os.fsync(place.folder)


def _remove_in(folder: int, name: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)


__all__ = ["FOLDER_MODE", "Attributes", "Disk", "SystemDisk", "Target", "WrongContent"]
