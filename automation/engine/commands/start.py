"""`start`: the monitoring loop, in the foreground."""

from __future__ import annotations

import contextlib
import gc
import signal
from collections.abc import Callable
from pathlib import Path

from automation.core import redact
from automation.core.errors import EffectFailed, LockBusy
from automation.core.moments import to_text
from automation.engine import (
    lean,  # noqa: F401  # before what imports hashlib
    logs,
)
from automation.engine.calling import Call
from automation.engine.context import Context, build, prepare_folders
from automation.engine.loop import begin
from automation.ports import supervisor
from automation.ports.ending import Named, send
from automation.ports.locks import HeldLock, describe_holder, holder, take_lock
from automation.ports.process import start_ticks
from automation.ports.waking import Waking
from automation.stores import publishing, shutdowns

WAIT_STEP_S = 0.25


def start(call: Call) -> int:
    """Guard until a signal comes; a second one by hand is refused, one that our supervisor starts waits.

    Raises:
        LockBusy: Another guard runs, and nothing but a person started this one.
    """
    _clear_what_loading_left()
    context = build(call.system, call.workspace, call.environment, call.clock)
    prepare_folders(context.layout)
    _set_up_log(context)
    for warning in context.settings.warnings:
        context.log.warning("setting_ignored", extra={"detail": warning})
    runner = supervisor.detect(call.environment)
    waking = Waking()
    waking.listen()
    lock = _lock_for_life(context, lambda: runner.runs_us, waking)
    if lock is None:
        return 0
    try:
        if not runner.runs_us:
            shutdowns.clear(context.layout.shutdown)  # a person starts it: the shutdown is over (safety S31)
        return begin(context, lock, runner, waking).run()
    except Exception as error:
        # A bug, or files of a newer version: the traceback is the last thing that this process says.
        context.log.exception("guard_failed")
        _mark_failed(context, error)
        raise
    finally:
        lock.release()
        waking.close()
        logs.flush()


def _clear_what_loading_left() -> None:
    """Free what the loading left behind while the collector rested, so that what is loaded next fills it."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def _mark_failed(context: Context, error: Exception) -> None:
    """Let the report say that nobody guards, and why."""
    reason = f"failed: {type(error).__name__}: {redact.text(str(error))[:200]}"
    now = to_text(context.clock.now_s())
    with contextlib.suppress(EffectFailed, LockBusy):
        publishing.mark_stopped(context.layout, reason, context.environment, now)


def _set_up_log(context: Context) -> None:
    logs.configure(
        context.system.name,
        context.layout.orphan_log,
        level=context.settings.text("log_level"),
        form=context.settings.text("log_format"),
        secrets=logs.secrets_of(context.environment) | _addresses(context),
    )


def _addresses(context: Context) -> frozenset[str]:
    webhook = context.settings.text("webhook")
    return frozenset({webhook} if webhook else ())


def _lock_for_life(context: Context, may_wait: Callable[[], bool], waking: Waking) -> HeldLock | None:
    """Take the lifetime lock; None when a signal ended the waiting for it."""
    path = context.layout.guard_lock
    waited = relieved = False
    while not waking.stop_signal:
        since = to_text(context.clock.now_s())
        try:
            return take_lock(path, purpose=f"guarding {context.system.name}", since=since)
        except LockBusy:
            if not may_wait():
                raise
        if not waited:
            context.log.info("waiting_for_first_guard", extra={"holder": describe_holder(path)})
            waited = True
        relieved = relieved or _relieve(context, path)
        waking.sleep(WAIT_STEP_S, ())
    return None


def _relieve(context: Context, path: Path) -> bool:
    """Ask a guard whose daemon is gone to end after its cycle: we run in its place now; True when asked.

    One whose daemon lives, or that a person started, is waited for without end.
    """
    said = holder(path) or {}
    pid = said.get("pid")
    if not isinstance(pid, int) or not supervisor.left_behind(pid, context.environment):
        return False
    ticks = start_ticks(pid)
    if ticks is None or not send(Named(pid, ticks), signal.SIGTERM):
        return False
    context.log.info("relieving_guard", extra={"pid": pid})
    return True
