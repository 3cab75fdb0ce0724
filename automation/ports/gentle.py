"""Being gentle: work that nobody waits for leaves processor and disk to others."""

from __future__ import annotations

import contextlib
import os

import psutil

NICENESS = 10
LOWEST_LEVEL = 7


def be_gentle() -> None:
    """Let this process, and what it starts, yield to others; where that cannot be it goes on as it is."""
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    with contextlib.suppress(OSError, psutil.Error, AttributeError):  # AttributeError: not on this system
        psutil.Process().ionice(psutil.IOPRIO_CLASS_BE, LOWEST_LEVEL)
