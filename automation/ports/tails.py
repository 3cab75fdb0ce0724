"""The end of a log file that somebody else writes: read safely, whatever lies at its path."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def read_tail(path: Path, most_bytes: int) -> bytes:
    """Return the last bytes of a regular file; none where there is no such file, or it is something else.

    It never blocks: a FIFO, a device or a socket is not opened, and one that took a file's place meanwhile is
    not read.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116  # beside os.open and os.fstat
            return b""
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (OSError, ValueError):
        return b""
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return b""
        return os.pread(descriptor, most_bytes, max(found.st_size - most_bytes, 0))
    except OSError:
        return b""
    finally:
        os.close(descriptor)
