"""Backups by the clock: a child takes them beside the loop, which reads what came of it."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from automation.core.moments import from_text
from automation.core.settings import Setting
from automation.engine.context import Context
from automation.engine.loading import load
from automation.engine.seeing import is_enabled
from automation.engine.whereabouts import INSTALLED_IN
from automation.ports.children import Child, spawn
from automation.stores.backup_outcomes import read_outcome

CHILD_LIMIT_S = 1800.0  # it goes gently, and once a day it reads every byte of all snapshots
BUSY, BUSY_AGAIN_S = 75, 30.0
IN_PART = 1
OF_ALL = "REDUNDANCY_"


class BackupSchedule:
    """Starts a backup when one is due, and never more than one at a time."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._child: Child | None = None
        self._started_s = 0.0
        self._before: object = None
        self.trouble = ""  # why the child came to nothing, where it could not say so itself
        wanted = context.system.backup and is_enabled(context)
        self._interval_s = context.settings.seconds("backup_interval") if wanted else 0.0
        self._due_s = self._first_due_s()

    def _first_due_s(self) -> float:
        """Return when the first one is due, in seconds since boot: an interval after the last one's end."""
        clock = self._context.clock
        try:
            last_s = from_text(str(read_outcome(self._context.layout.backup_outcome)["lastAt"]))
        except ValueError:
            return clock.elapsed_s()
        left_s = min(max(last_s + self._interval_s - clock.now_s(), 0.0), self._interval_s)
        return clock.elapsed_s() + left_s

    def go_on(self) -> None:
        """See how the child is doing; start one when it is due."""
        if not self._interval_s:
            return
        elapsed_s = self._context.clock.elapsed_s()
        if self._child is not None:
            self._see_to(self._child, elapsed_s)
        elif elapsed_s >= self._due_s:
            self._start(elapsed_s)

    def _start(self, elapsed_s: float) -> None:
        layout = self._context.layout
        self._started_s, self._due_s = elapsed_s, elapsed_s + self._interval_s
        script = INSTALLED_IN / "automation" / self._context.system.script
        argv = (sys.executable, str(script), "--workspace", str(layout.workspace))
        self._before = _noted(read_outcome(layout.backup_outcome))
        self._child = spawn((*argv, "backup", "--scheduled"), passed_on(self._context))
        if self._child is None:
            self._failed("its program could not be started")

    def _see_to(self, child: Child, elapsed_s: float) -> None:
        status = child.status()
        if status is None and elapsed_s - self._started_s < CHILD_LIMIT_S:
            return
        if status is None:
            child.kill()
        child.forget()
        self._child = None
        self._judge(status, read_outcome(self._context.layout.backup_outcome), elapsed_s)

    def _judge(self, status: int | None, outcome: Mapping[str, object], elapsed_s: float) -> None:
        """Log what came of a child, and remember what it could not say of itself."""
        if status == BUSY:
            self._due_s = min(self._due_s, elapsed_s + BUSY_AGAIN_S)
            self._context.log.info(
                "backup_put_off", extra={"reason": "another process works on the snapshots"}
            )
        elif status is None:
            self._failed(f"its program did not end within {CHILD_LIMIT_S:.0f} s and was killed")
        elif _noted(outcome) == self._before or status not in {0, IN_PART}:
            self._failed(f"its program ended with exit status {status}")
        elif outcome["failure"]:
            self.trouble = ""  # it said so itself
            self._context.log.warning("backup_failed", extra={"reason": str(outcome["failure"])})
        else:
            self.trouble = ""
            self._context.log.info("backup_ended", extra={"id": outcome["lastId"]})

    def _failed(self, trouble: str) -> None:
        self.trouble = trouble
        self._context.log.warning("backup_failed", extra={"reason": trouble})

    def next_s(self) -> float | None:
        """Return when `go_on` should be called again at the latest, in seconds since boot."""
        if not self._interval_s:
            return None
        return self._due_s if self._child is None else self._started_s + CHILD_LIMIT_S

    def fds(self) -> tuple[int, ...]:
        """Return what becomes readable when the child ends."""
        return (self._child.fd,) if self._child is not None else ()

    def close(self) -> None:
        """Leave the child to its own end."""
        if self._child is not None:
            self._child.forget()
            self._child = None


def _noted(outcome: Mapping[str, object]) -> tuple[object, object]:
    """Return what every backup moves that could say how it ended."""
    return outcome["lastAt"], outcome["failedAt"]


def passed_on(context: Context) -> dict[str, str]:
    """Return the variables that a backup needs (safety S19): those of settings, without any secret."""
    settings: tuple[Setting, ...] = load(context.system.settings)
    names = {one.env for one in settings if not one.secret}
    names |= {context.system.own_variable, *context.system.also_reads}
    return {
        name: value for name, value in context.environment.items() if name in names or name.startswith(OF_ALL)
    }
