"""Every change that this process makes to a disk, as it is made: for tests that record them, or end at one.

Seen is what goes through the functions of `os`; `open` and what is built on it writes behind their back.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

CHANGES = (
    "open",
    "write",
    "pwrite",
    "writev",
    "sendfile",
    "copy_file_range",
    "truncate",
    "ftruncate",
    "rename",
    "replace",
    "link",
    "symlink",
    "unlink",
    "remove",
    "rmdir",
    "mkdir",
    "chmod",
    "fchmod",
    "chown",
    "fchown",
    "lchown",
    "utime",
    "fsync",
    "fdatasync",
    "sync",
)
_WRITING = os.O_CREAT | os.O_TRUNC


@dataclass(frozen=True, slots=True)
class Change:
    """One call of a function of `os` that changes the disk, with its arguments."""

    name: str
    arguments: tuple[Any, ...]
    named: dict[str, Any]


def _changes(change: Change) -> bool:
    """Tell whether it changes anything: to open a file for reading does not."""
    return change.name != "open" or bool(change.arguments[1] & _WRITING)


class _Watch:
    """Calls the two listeners around each change; what they do themselves is not watched."""

    def __init__(
        self, before: Callable[[Change], object] | None, after: Callable[[Change], object] | None
    ) -> None:
        self._before = before
        self._after = after
        self._one_at_a_time = threading.RLock()
        self._listening = False

    def around(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        """Return what stands in for a function."""

        def watched(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401  # as of any function
            with self._one_at_a_time:
                change = Change(name, arguments, named)
                if self._listening or not _changes(change):
                    return real(*arguments, **named)
                self._tell(self._before, change)
                result = real(*arguments, **named)
                self._tell(self._after, change)
                return result

        return watched

    def _tell(self, listener: Callable[[Change], object] | None, change: Change) -> None:
        if listener is None:
            return
        self._listening = True
        try:
            listener(change)
        finally:
            self._listening = False


@contextmanager
def watched(
    *,
    before: Callable[[Change], object] | None = None,
    after: Callable[[Change], object] | None = None,
    also: tuple[tuple[object, str], ...] = (),
) -> Iterator[None]:
    """Listen to each change that is made within a block.

    Args:
        before: Called with the change about to be made; what it raises, the caller gets instead.
        after: Called with a change that was made without an error.
        also: Further functions to watch: the module, and the name in it.
    """
    watch = _Watch(before, after)
    with ExitStack() as stack:
        for module, name in (*((os, name) for name in CHANGES), *also):
            stack.enter_context(patch.object(module, name, watch.around(name, getattr(module, name))))
        yield


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


class Fault:
    """Makes the n-th change of a block fail, and all that follow if the process is to have ended."""

    def __init__(
        self, at: int, how: Callable[[], BaseException], *, for_ever: bool, but: Collection[str] = ()
    ) -> None:
        self.count = 0
        self.met = False
        self._at = at
        self._how = how
        self._for_ever = for_ever
        self._but = but

    def __call__(self, change: Change) -> None:
        """Count a change, and raise where its turn has come."""
        if change.name in self._but:
            return
        self.count += 1
        if self.count == self._at or (self._for_ever and self.count > self._at):
            self.met = True
            raise self._how()


@contextmanager
def ended_at(at: int) -> Iterator[Fault]:
    """Let the process end at the n-th change of a block, as far as the disk can tell."""
    fault = Fault(at, Killed, for_ever=True)
    with watched(before=fault), suppress(Killed):
        yield fault


@contextmanager
def failing_at(at: int, code: int, but: Collection[str] = ()) -> Iterator[Fault]:
    """Let the n-th change of a block fail with an errno; calls of what is named in `but` do not count."""
    fault = Fault(at, lambda: OSError(code, os.strerror(code)), for_ever=False, but=but)
    with watched(before=fault):
        yield fault
