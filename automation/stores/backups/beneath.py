"""Opening what lies beneath a folder, and nothing else: no link may lead out of it, not even a late one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from automation.core.errors import EffectFailed

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Not to block on a pipe that took a file's place, and not to follow a link that did.
FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

MakeFolder = Callable[[int, str, str], None]


class PathRefused(EffectFailed):
    """A path does not stay beneath the folder that it belongs to."""

    def __init__(self, path: str, root: Path) -> None:
        super().__init__(f"{path or '.'} leads out of {root} through a link", retryable=False)


def real_parts(root: Path, path: str) -> tuple[str, list[str]]:
    """Return the real root, and the names that lead from it to where `path` really lies.

    Raises:
        PathRefused: That is outside of the root.
    """
    base = os.path.realpath(root)
    real = os.path.realpath(f"{base}/{path}") if path else base
    if real != base and not real.startswith(base.rstrip("/") + "/"):
        raise PathRefused(path, root)
    return base, [name for name in real[len(base) :].split("/") if name]


def open_beneath(root: Path, path: str, *, make: MakeFolder | None = None, links: bool = True) -> int:
    """Open the folder `path` of `root`, and return its descriptor, which the caller closes.

    Links that stay inside are followed once, before the first folder is opened; each folder is then opened
    from the one before and follows none, so that a link which somebody slips in meanwhile is an error.

    Args:
        root: What must not be left.
        path: Relative to it; empty for the root itself.
        make: Makes a folder that is missing, given its parent's descriptor, its name and its path.
        links: Whether a link inside may be followed at all.

    Raises:
        PathRefused: It leads out of the root.
        OSError: It is not there, no folder, or cannot be opened.
    """
    base, names = os.path.realpath(root), path.split("/") if path else []
    return _open_from(base, names, root=root, path=path, make=make, links=links)


def _open_from(
    base: str, names: list[str], *, root: Path, path: str, make: MakeFolder | None, links: bool
) -> int:
    """Open a folder in the quick way, which follows no link and makes nothing, and only then in the other."""
    try:
        return _open_chain(base, names, None)
    except OSError:
        if not links and make is None:
            raise
    if links:
        base, names = real_parts(root, path)
    return _open_chain(base, names, make)


def _open_chain(base: str, names: list[str], make: MakeFolder | None) -> int:
    """Open one folder from the other, and follow no link."""
    descriptor = os.open(base, _FOLDER)
    try:
        for depth, name in enumerate(names, start=1):
            inner = _open_inner(descriptor, name, "/".join(names[:depth]), make)
            os.close(descriptor)
            descriptor = inner
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


@contextmanager
def folder_beneath(
    root: Path, path: str, *, make: MakeFolder | None = None, links: bool = True
) -> Iterator[int]:
    """Open the folder `path` of `root` for a block, and yield its descriptor (see open_beneath)."""
    descriptor = open_beneath(root, path, make=make, links=links)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


class Folders:
    """Opens the folders of a root one after the other (see open_beneath), and keeps the last one open.

    Files come in the order of their paths, and so the next one mostly lies in the same folder.
    """

    def __init__(self, root: Path, *, make: MakeFolder | None = None, links: bool = True) -> None:
        """Begin with none open."""
        self._root = root
        self._make = make
        self._links = links
        self._base: str | None = None
        self._path: str | None = None
        self._descriptor = -1

    def open(self, path: str) -> int:
        """Return the descriptor of a folder; it is good until the next one is opened.

        Raises:
            PathRefused: It leads out of the root.
            OSError: It is not there, no folder, or cannot be opened.
        """
        if path != self._path:
            self.close()
            self._base = self._base or os.path.realpath(self._root)
            self._descriptor = _open_from(
                self._base,
                path.split("/") if path else [],
                root=self._root,
                path=path,
                make=self._make,
                links=self._links,
            )
            self._path = path
        return self._descriptor

    def close(self) -> None:
        """Close the folder that is open."""
        if self._path is not None:
            self._path = None
            os.close(self._descriptor)

    def __enter__(self) -> Self:
        """Use it for a block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close what is open."""
        self.close()


def _open_inner(folder: int, name: str, path: str, make: MakeFolder | None) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=folder)
    except FileNotFoundError:
        if make is None:
            raise
        make(folder, name, path)
        return os.open(name, _FOLDER, dir_fd=folder)


@contextmanager
def opened_file(folder: int, name: str) -> Iterator[int]:
    """Open a file of an open folder for reading, for a block; a link is not followed.

    Raises:
        OSError: It is not there, a link, or cannot be opened.
    """
    descriptor = os.open(name, FILE_FLAGS, dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
