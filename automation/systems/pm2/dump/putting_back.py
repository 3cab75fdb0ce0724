"""PM2's dump on disk: looked at when it changed, and put back when it is provably damaged."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from automation.core.errors import EffectFailed, LockBusy, StepImpossible, StepRefused
from automation.core.ladder import Ladder, Rung
from automation.core.moments import to_text
from automation.core.settings import Settings
from automation.engine.context import Context
from automation.engine.pacing import pace_of, tries
from automation.engine.snapshots import store_of
from automation.ports.files import cannot, read_whole, write_whole
from automation.ports.locks import locked
from automation.systems.pm2.dump.condition import Condition, Dump, condition_of
from automation.systems.pm2.dump.copies import DUMP_CAP_BYTES, DumpCopy, keep_copy, valid_copies
from automation.systems.pm2.dump.restoring import FromBefore, FromSnapshot, LeftAlone, decide_dump
from automation.systems.pm2.dump.where import BEFORE, DUMP, files_of_pm2
from automation.systems.pm2.home import daemon_lock

GRACE_S = 60.0
TRIES = 3
LOCK_WAIT_S = 0.5  # a loop blocks for less than a second

Stamp = tuple[int, int, int, int]


class KeepsDump(Protocol):
    """An observer that may guard the dump."""

    @property
    def dump(self) -> DumpFile | None:
        """What guards it; None where the observer was made for looking only."""
        ...


class DumpFile:
    """Watches the dump of one PM2, and puts it back."""

    def __init__(self, context: Context, home: Path) -> None:
        self._context = context
        self._home = home
        self._dump, self._before, _ = files_of_pm2(home, context.environment)
        self._seen: tuple[Stamp | None, Dump] | None = None

    def look(self) -> Dump:
        """Return how the dump is; it is read only when it has changed."""
        path = self._dump.path
        stamp: Stamp | None = None
        try:
            status = path.stat()
            stamp = (status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns)
        except FileNotFoundError:
            status = None
        except OSError as error:  # could not look is not gone (safety S2)
            return Dump(Condition.UNREADABLE, str(cannot("read", path, error)))
        if self._seen is None or self._seen[0] != stamp:
            try:
                self._seen = (stamp, self._read(path, status))
            except EffectFailed as error:
                return Dump(Condition.UNREADABLE, str(error))
        return self._seen[1]

    def _read(self, path: Path, status: os.stat_result | None) -> Dump:
        """Read the dump, and where nothing of it is left tell whether there is a copy."""
        data = None if status is None else read_whole(path, cap=DUMP_CAP_BYTES)
        if status is None or data is None:
            return Dump(Condition.MISSING, has_copy=self._copy() is not None)
        condition, detail = condition_of(data)
        nothing = condition is Condition.HOLDS_NOTHING
        return Dump(condition, detail, status.st_mtime, has_copy=nothing and self._copy() is not None)

    def _copy(self) -> DumpCopy | None:
        return next(valid_copies(self._context.layout.snapshots, self._dump.entry), None)

    def restore(self) -> str:
        """Put the dump back, if the rules allow it, and say what was done.

        Raises:
            StepRefused: A rule leaves it to a person.
            EffectFailed: The disk said no, or somebody else works with PM2's daemon or the snapshots.
        """
        with self._daemon_locked():
            self._seen = None
            copy = self._copy()
            before = _whole(self._before.path)
            decision = decide_dump(
                self.look(),
                None if copy is None else copy.snapshot_id,
                before_is_whole=before is not None,
                now_s=self._context.clock.now_s(),
                grace_s=GRACE_S,
            )
            if isinstance(decision, LeftAlone):
                refusal = StepImpossible if decision.for_good else StepRefused
                raise refusal(f"{DUMP} is left alone: {decision.why}")
            kept = keep_copy(self._dump.path, self._home, self._context.clock)
            if isinstance(decision, FromBefore):
                return self._from_before(before or b"", kept)
            return self._from_snapshot(decision)

    def _from_snapshot(self, decision: FromSnapshot) -> str:
        store = store_of(self._context, lock_wait_s=LOCK_WAIT_S)
        restored = store.restore(store.plan_restore(decision.snapshot_id, [self._dump.entry]))
        if restored.failed:
            raise EffectFailed(f"{DUMP}: {restored.failed[0].reason}")
        undo = f"; what was there is in {restored.saved_as}" if restored.saved_as else ""
        return f"put back {DUMP} from snapshot {decision.snapshot_id}{undo}"

    def _from_before(self, data: bytes, kept: Path | None) -> str:
        path = self._dump.path
        try:
            mode = path.stat().st_mode & 0o777
        except OSError as error:
            raise cannot("read", path, error) from error
        write_whole(path, data, mode=mode)
        return f"put back {DUMP} as {BEFORE} has it; what was there is in {kept}"

    @contextmanager
    def _daemon_locked(self) -> Iterator[None]:
        since = to_text(self._context.clock.now_s())
        purpose = f"putting back {DUMP}"
        try:
            with locked(daemon_lock(self._home), purpose=purpose, since=since, timeout_s=LOCK_WAIT_S):
                yield
        except LockBusy as error:
            raise EffectFailed(str(error)) from error


def _whole(path: Path) -> bytes | None:
    try:
        data = read_whole(path, cap=DUMP_CAP_BYTES)
    except EffectFailed:
        return None
    return data if data is not None and condition_of(data)[0] is Condition.WHOLE else None


def dump_ladder(settings: Settings) -> Ladder:
    """Return what is done about a damaged dump; a try within the grace is refused, the next is after it."""
    return Ladder(
        "dump-damaged", (Rung("restore-dump", tries(settings, TRIES)),), pace_of(settings, first_s=GRACE_S)
    )


def restore_dump(observer: KeepsDump, _subject: str) -> str:
    """Put the dump back (see DumpFile.restore).

    Raises:
        StepRefused: A rule leaves it to a person, or no dump is guarded.
        EffectFailed: It could not be done.
    """
    if observer.dump is None:
        raise StepRefused("no dump is guarded here")
    return observer.dump.restore()
