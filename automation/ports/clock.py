"""What time it is, and waiting: a door, so that tests can set the clock."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """Moments and durations, in seconds."""

    def now_s(self) -> float:
        """Seconds since 1970 in UTC; may jump when somebody sets the clock."""
        ...

    def elapsed_s(self) -> float:
        """Seconds since boot, sleep included; never jumps, and starts again at a boot."""
        ...

    def boot_id(self) -> str:
        """Name this boot of the machine; empty where the system does not say."""
        ...

    def wait(self, seconds: float) -> None:
        """Do nothing for that long."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now_s(self) -> float:
        """Seconds since 1970 in UTC."""
        return time.time()

    def elapsed_s(self) -> float:
        """Seconds since boot, sleep included."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def boot_id(self) -> str:
        """Name this boot of the machine."""
        try:
            return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        except OSError:
            return ""

    def wait(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(max(seconds, 0.0))


class SteppedClock:
    """A clock that moves only when it is told to, or waited on: for tests and for replaying a history."""

    def __init__(self, now_s: float = 1_800_000_000.0, boot_id: str = "boot-1") -> None:
        self._now_s = now_s
        self._elapsed_s = 1000.0
        self._boot_id = boot_id

    def now_s(self) -> float:
        """Seconds since 1970."""
        return self._now_s

    def elapsed_s(self) -> float:
        """Seconds since boot."""
        return self._elapsed_s

    def boot_id(self) -> str:
        """Name this boot."""
        return self._boot_id

    def wait(self, seconds: float) -> None:
        """Let that much time pass at once."""
        self._now_s += seconds
        self._elapsed_s += seconds

    def set(self, now_s: float) -> None:
        """Set the wall clock, as a person or NTP does; the time since boot does not move."""
        self._now_s = now_s
