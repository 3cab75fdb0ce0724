"""Progress on a terminal, for whatever takes more than a second; silence everywhere else."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from automation.core.errors import NotAllowed
from automation.engine.loading import load

SHOWN_AFTER_S = 1.0
BAR = "automation.engine.progress_bar:Bar"


class Bar(Protocol):
    """A bar that is on the screen."""

    def show(self, done: int, total: int, what: str) -> None:
        """Show how far it is."""
        ...

    def close(self) -> None:
        """Take it off the screen."""
        ...


class Progress:
    """How far something is. The one who works says so; a bar shows it once it has taken long enough."""

    def __init__(self, about: str, *, wanted: bool) -> None:
        self._about = about
        self._lock = threading.Lock()
        self._state = (0, 0, "")
        self._bar: Bar | None = None
        self._timer = threading.Timer(SHOWN_AFTER_S, self._begin) if wanted else None
        if self._timer is not None:
            self._timer.daemon = True
            self._timer.start()

    def at(self, done: int, total: int, what: str = "") -> None:
        """Say that so many of so many are done, and what is being done now."""
        with self._lock:
            self._state = (done, total, what)
            if self._bar is not None:
                self._bar.show(done, total, what)

    def count(self, done: int) -> None:
        """Say that so many are done, of how many is not known."""
        self.at(done, 0)

    def close(self) -> None:
        """Show nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()  # it may be just about to show the bar
            self._timer = None
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _begin(self) -> None:
        with contextlib.suppress(NotAllowed):  # without the package there is no bar, and all else goes on
            bar: Bar = load(BAR)(self._about)
            with self._lock:
                self._bar = bar
                bar.show(*self._state)


@contextmanager
def progress(about: str) -> Iterator[Progress]:
    """Give a progress to work with; `about` is what the bar says is being done."""
    shown = Progress(about, wanted=_on_a_terminal())
    try:
        yield shown
    finally:
        shown.close()


def _on_a_terminal() -> bool:
    try:
        return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    except ValueError:  # it was closed
        return False
