"""The bar itself, by rich: imported by a command that takes long on a terminal, and by nothing else."""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from automation.engine.terminal import safe

TIMES_A_SECOND = 5


class Bar:
    """A bar on stderr, drawn by a thread of its own; nothing is left of it when it is closed."""

    def __init__(self, about: str) -> None:
        self._progress = Progress(
            SpinnerColumn("line"),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[what]}", markup=False),
            console=Console(stderr=True),
            refresh_per_second=TIMES_A_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._progress.add_task(about, total=None, what="")
        self._progress.start()

    def show(self, done: int, total: int, what: str) -> None:
        """Show how far it is; without a total only that it goes on."""
        self._progress.update(self._task, completed=done, total=total or None, what=safe(what, 60))

    def close(self) -> None:
        """Take it off the screen."""
        self._progress.stop()
