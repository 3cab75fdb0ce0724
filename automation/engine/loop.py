"""The monitoring loop: cycle after cycle, asleep between them, until a signal ends it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from automation import __version__
from automation.core import storm
from automation.core.errors import EffectFailed, LockBusy, RecordDamaged
from automation.core.moments import to_text
from automation.core.report import MOST_RECENT, Outcome, outcome_from_record
from automation.engine import backup_findings, log_rotation
from automation.engine.acting import load_steps
from automation.engine.backup_schedule import BackupSchedule
from automation.engine.context import Context
from automation.engine.cycle import SOONEST_S, Guard, run_cycle
from automation.engine.loading import load
from automation.engine.seeing import is_enabled, observer_of
from automation.engine.system import Hurried, Timed
from automation.engine.telling import Teller
from automation.ports.locks import HeldLock
from automation.ports.supervisor import Supervisor
from automation.ports.waking import Waking
from automation.stores import histories, publishing, reports

BREATH_S = 0.05  # what is said meanwhile is heard together: a storm of events wakes us 20 times a second

_VERSION = re.compile(rb'__version__ = "([^"]+)"')
_VERSION_FILE = Path(__file__).resolve().parent.parent / "__init__.py"


@dataclass(slots=True)
class Loop:
    """One guard's loop, and why it ended."""

    guard: Guard
    lock: HeldLock
    supervisor: Supervisor
    waking: Waking
    looked_s: float = field(default=float("-inf"))

    def run(self) -> int:
        """Guard until a signal, an upgrade or the loss of the lock; return the exit code.

        Raises:
            RecordNewer: A newer version wrote our files; nothing more may be done.
        """
        reason = ""
        while not reason:
            due_s = self.guard.context.clock.elapsed_s() + run_cycle(self.guard)
            self.looked_s = self.guard.context.clock.elapsed_s()
            self._rotate_logs()
            reason = self._reason_to_end() or self._sleep_until(due_s)
        self._end(reason)
        return 1 if reason == "lock_lost" else 0

    def _sleep_until(self, due_s: float) -> str:
        """Sleep until the next look is due, or until something happens that deserves one, a second apart."""
        clock, guard = self.guard.context.clock, self.guard
        deaf_until_s = float("-inf")
        while True:
            own_s = guard.observer.next_s() if isinstance(guard.observer, Timed) else None
            others_s = (own_s, guard.teller.next_s(), guard.backups.next_s())
            beside = [one for one in others_s if one is not None]
            hears = clock.elapsed_s() >= deaf_until_s
            until_s = min((due_s, *beside) if hears else (due_s, deaf_until_s, *beside))
            heard = guard.observer.fds() if hears else ()
            descriptors = (*heard, *guard.teller.fds(), *guard.backups.fds())
            if self.waking.sleep(until_s - clock.elapsed_s(), descriptors):
                deaf_until_s = clock.elapsed_s() + BREATH_S
            if self.waking.stop_signal:
                return "signal"
            if guard.observer.pump():
                hurries = isinstance(guard.observer, Hurried) and guard.observer.hurries()
                due_s = min(due_s, self.looked_s + (0.0 if hurries else SOONEST_S))
            guard.teller.go_on()
            guard.backups.go_on()
            if clock.elapsed_s() >= due_s:
                return ""

    def _reason_to_end(self) -> str:
        if self.waking.stop_signal:
            return "signal"
        if not self.lock.still_ours():
            return "lock_lost"
        return "upgraded" if installed_version() not in {__version__, ""} else ""

    def _rotate_logs(self) -> None:
        log, clock = self.guard.context.log, self.guard.context.clock
        if self.supervisor.runs_us and not self.supervisor.rotates:
            if self.supervisor.out_file is not None:
                log_rotation.rotate_output(self.supervisor.out_file, log, clock)
            if self.supervisor.error_file is not None:
                log_rotation.rotate_errors(self.supervisor.error_file, log, clock)

    def _end(self, reason: str) -> None:
        """Say in log and report that nobody guards any more."""
        context = self.guard.context
        context.log.info("guard_stopped", extra={"reason": reason})
        self.guard.observer.close()
        self.guard.teller.close()
        self.guard.backups.close()
        now = to_text(context.clock.now_s())
        try:
            publishing.mark_stopped(context.layout, reason, context.environment, now)
        except (EffectFailed, LockBusy) as error:
            context.log.warning("report_not_written", extra={"reason": str(error)})


def installed_version() -> str:
    """Return the version of the code that lies on disk now; empty where it cannot be told."""
    try:
        match = _VERSION.search(_VERSION_FILE.read_bytes())
    except OSError:
        return ""
    return match[1].decode() if match else ""


def begin(context: Context, lock: HeldLock, supervisor: Supervisor, waking: Waking) -> Loop:
    """Load everything that acts (safety S32), and what was remembered.

    Raises:
        RecordNewer: A newer version wrote our files.
        EffectFailed: They cannot be read.
    """
    publishing.refuse_newer(context.layout)
    observer = observer_of(context)
    history, damage = histories.load_or_begin(context.layout.history)
    if damage:
        context.log.warning("history_damaged", extra={"reason": damage})
    guard = Guard(
        context=context,
        observer=observer,
        ladders=(storm.LADDER, *load(context.system.ladders)(context.settings), *backup_findings.LADDERS),
        steps=load_steps(context),
        teller=Teller(context),
        backups=BackupSchedule(context),
        period_s=context.settings.seconds("check_interval"),
        history=history,
        started_at_s=context.clock.now_s(),
        recent=_recent(context),
        saved=history,
    )
    if not is_enabled(context):
        context.log.info("guard_disabled", extra={"reason": f"{context.system.place}.enabled is false"})
    context.log.info("guard_started", extra={"version": __version__, "period_s": guard.period_s})
    return Loop(guard, lock, supervisor, waking)


def _recent(context: Context) -> tuple[Outcome, ...]:
    """Take the last outcomes from our own last report, so that a restart does not forget them."""
    reading = reports.find(context.layout.report).reading
    if reading is None:
        return ()
    recovery = reading.record.get("recovery")
    recent = recovery.get("recent") if isinstance(recovery, dict) else None
    taken = []
    for record in recent if isinstance(recent, list) else ():
        try:
            taken.append(outcome_from_record(record, "report"))
        except RecordDamaged:
            continue
    return tuple(taken[-MOST_RECENT:])
