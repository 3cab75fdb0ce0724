"""Folders for a moment, and the end of folders: tempfile and shutil would load every compressor of Python."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

_PLACES = ("/tmp", "/var/tmp")  # noqa: S108  # what is made there has a random name and belongs to us alone


@contextmanager
def scratch_folder(prefix: str) -> Iterator[Path]:
    """Give a private folder where temporary files belong (TMPDIR first); afterwards all of it is gone.

    Raises:
        OSError: None can be made there.
    """
    folder = _made(prefix)
    try:
        yield folder
    finally:
        with suppress(OSError):  # what was done in it is done
            remove_tree(folder)


def remove_tree(folder: Path) -> None:
    """Remove a folder and all in it; a link in it is removed, and never followed.

    Raises:
        OSError: Something in it cannot be removed; what came before is gone.
    """
    for _, folders, others, descriptor in os.fwalk(folder, topdown=False, onerror=_raise):
        for name in others:
            os.unlink(name, dir_fd=descriptor)
        for name in folders:
            try:
                os.rmdir(name, dir_fd=descriptor)
            except NotADirectoryError:  # a link to a folder
                os.unlink(name, dir_fd=descriptor)
    folder.rmdir()


def _made(prefix: str) -> Path:
    """Make a folder in the first place that takes one."""
    named = os.environ.get("TMPDIR")
    places = (*((named,) if named else ()), *_PLACES)
    for place in places[:-1]:
        with suppress(OSError):
            return _made_in(place, prefix)
    return _made_in(places[-1], prefix)


def _made_in(place: str, prefix: str) -> Path:
    folder = Path(place).absolute() / f"{prefix}{os.urandom(8).hex()}"
    folder.mkdir(mode=0o700)
    return folder


def _raise(error: OSError) -> NoReturn:
    raise error
