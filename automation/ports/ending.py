"""Ending processes that are not our children, and never another that has got the same number meanwhile."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from automation.ports.clock import Clock
from automation.ports.process import start_ticks


@dataclass(frozen=True, slots=True)
class Named:
    """A process, named for good: by its number and when it started (clock ticks since boot)."""

    pid: int
    start_ticks: int


def available() -> bool:
    """Tell whether this kernel has handles on processes (pidfd, Linux 5.3)."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (OSError, AttributeError):
        return False
    return True


class Ending:
    """Handles on processes that are to end: asked first, then made to."""

    def __init__(self, processes: Iterable[Named]) -> None:
        self._held: dict[int, Named] = {}
        for one in processes:
            handle = _hold(one)
            if handle is not None:
                self._held[handle] = one

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for handle in self._held:
            os.close(handle)
        self._held.clear()

    def interrupt(self) -> None:
        """Ask them to end as PM2 itself does, by SIGINT; one that is stopped is woken to hear it."""
        self._send(signal.SIGINT)
        self._send(signal.SIGCONT)

    def kill(self) -> None:
        """End those that live."""
        self._send(signal.SIGKILL)

    def wait(self, clock: Clock, limit_s: float, *, for_all: bool = True) -> frozenset[Named]:
        """Wait until all (or else: one more) have ended, or the time is over; return who lives."""
        poll = select.poll()
        for handle in self._held:
            poll.register(handle, select.POLLIN)
        deadline_s = clock.elapsed_s() + limit_s
        while self._held:
            left_s = deadline_s - clock.elapsed_s()
            ended = [handle for handle, _ in poll.poll(max(left_s, 0.0) * 1000)]
            for handle in ended:
                poll.unregister(handle)
                os.close(handle)
                del self._held[handle]
            if (ended and not for_all) or (not ended and left_s <= 0):
                break
        return frozenset(self._held.values())

    def _send(self, number: signal.Signals) -> None:
        for handle in self._held:
            with contextlib.suppress(OSError):
                signal.pidfd_send_signal(handle, number)


def send(process: Named, number: signal.Signals) -> bool:
    """Send a signal to a process; tell whether it lived to get it and we were allowed to."""
    handle = _hold(process)
    if handle is None:
        return False
    try:
        signal.pidfd_send_signal(handle, number)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def _hold(process: Named) -> int | None:
    """Return a handle on a process, once it is sure that it is the one that was meant."""
    try:
        handle = os.pidfd_open(process.pid)
    except OSError:
        return None
    if start_ticks(process.pid) == process.start_ticks:
        return handle
    os.close(handle)
    return None
