"""Work that may block, done beside the loop: a few threads, and a descriptor that says when one is done."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

MOST_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a piece of work; an exception where it raised one."""

    token: int
    result: object


class Aside:
    """Runs pieces of work in threads of their own. What hangs for ever takes a place, and never the loop."""

    def __init__(self) -> None:
        self.fd, self._write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._lock = threading.Lock()
        self._closed = False
        self._running = 0
        self._done: deque[Done] = deque()

    def run(self, token: int, work: Callable[[], object]) -> bool:
        """Begin a piece of work; False where all places are taken, or no thread is to be had."""
        with self._lock:
            if self._running >= MOST_AT_ONCE:
                return False
            self._running += 1
        thread = threading.Thread(target=self._work, args=(token, work), daemon=True)
        try:
            thread.start()
        except RuntimeError:
            with self._lock:
                self._running -= 1
            return False
        return True

    def take(self) -> list[Done]:
        """Return what is done by now.

        Raises:
            Exception: What a piece of work raised.
        """
        try:
            os.read(self.fd, 4096)
        except BlockingIOError:
            return []
        done = [self._done.popleft() for _ in range(len(self._done))]
        for one in done:
            if isinstance(one.result, Exception):
                raise one.result
        return done

    def close(self) -> None:
        """Forget what still runs; what it brings is dropped."""
        with self._lock:
            self._closed = True
            os.close(self.fd)
            os.close(self._write_end)

    def _work(self, token: int, work: Callable[[], object]) -> None:
        result: object
        try:
            result = work()
        except Exception as error:  # noqa: BLE001  # it is raised where the result is taken
            result = error
        with self._lock:
            self._running -= 1
            if not self._closed:
                self._done.append(Done(token, result))
                os.write(self._write_end, b".")
