"""Sleeping until something happens: a descriptor becomes readable, a signal comes, or the time is up."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
from collections.abc import Iterable
from types import FrameType


class Waking:
    """Waits for descriptors and for SIGTERM or SIGINT, which only set a flag."""

    def __init__(self) -> None:
        self.stop_signal = 0
        self._read_end, self._write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._read_end, selectors.EVENT_READ)

    def listen(self) -> None:
        """Take over the signals that end a program, and ignore those that only a terminal sends."""
        signal.set_wakeup_fd(self._write_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self.stop_signal = number

    def sleep(self, seconds: float, descriptors: Iterable[int]) -> bool:
        """Sleep at most so long; tell whether one of the descriptors became readable."""
        # Anew each time: a number that was closed and opened again is another connection.
        for old in {key.fd for key in self._selector.get_map().values()} - {self._read_end}:
            self._selector.unregister(old)
        for new in set(descriptors):
            with contextlib.suppress(OSError, ValueError):  # it was closed meanwhile
                self._selector.register(new, selectors.EVENT_READ)
        if self.stop_signal:
            return False
        ready = self._selector.select(max(seconds, 0.0))
        if any(key.fd == self._read_end for key, _ in ready):
            self._drain()
        return any(key.fd != self._read_end for key, _ in ready)

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(self._read_end, 512):
                pass

    def close(self) -> None:
        """Let go of everything."""
        with contextlib.suppress(ValueError):
            signal.set_wakeup_fd(-1)
        self._selector.close()
        os.close(self._read_end)
        os.close(self._write_end)
