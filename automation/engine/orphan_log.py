"""The file that a guard's log goes on into when nobody reads its stdout: a new one each 10 MB, ten are kept.

`logging.handlers` has the like of it, and loads sockets, queues and pickle with it: 0.7 MB.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from automation.ports.files import write_all

LIMIT_BYTES = 10 * 1024 * 1024
KEPT_FILES = 10


def append(path: Path, line: bytes, *, limit_bytes: int = LIMIT_BYTES, kept_files: int = KEPT_FILES) -> None:
    """Add a line to the file; one that it would make too large opens a new one.

    Raises:
        OSError: The disk said no.
    """
    with suppress(FileNotFoundError):
        if 0 < path.stat().st_size > limit_bytes - len(line):
            _move_on(path, kept_files)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o644)
    try:
        write_all(descriptor, line)
    finally:
        os.close(descriptor)


def _move_on(path: Path, kept_files: int) -> None:
    """Rename each file to the next number, the newest to `.1`; the oldest is overwritten."""
    names = [path, *(path.with_name(f"{path.name}.{number}") for number in range(1, kept_files + 1))]
    for older, newer in reversed(list(zip(names[1:], names[:-1], strict=True))):
        with suppress(FileNotFoundError):
            newer.replace(older)
