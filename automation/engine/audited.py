"""An act by a program of its own: one line in the audit log before it is done, and one after (safety S33)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from automation.core import redact
from automation.core.errors import AutomationError
from automation.core.moments import to_text
from automation.engine.context import Context
from automation.stores import audit

LONGEST_DETAIL = 500


@dataclass(slots=True)
class Act:
    """What came of an act, for its second line: whoever does it fills it in."""

    ok: bool = True
    detail: str = ""


@contextmanager
def audited(context: Context, what: Mapping[str, object]) -> Iterator[Act]:
    """Do something between its two lines in the audit log.

    Args:
        context: Of the system that acts.
        what: Who does what, why, and by which rule: fields of both lines.

    Raises:
        EffectFailed: The audit log could not be written; before the act, it was not done.
        LockBusy: Somebody held the audit log for too long.
    """
    clock, path = context.clock, context.layout.audit
    line = {"system": context.system.name} | dict(what)
    started_s, now = clock.elapsed_s(), to_text(clock.now_s())
    audit.append(path, {"at": now, "event": "act"} | line, now)
    act = Act()
    try:
        yield act
    except AutomationError as error:
        act.ok, act.detail = False, str(error)
        raise
    finally:
        act.detail = redact.text(act.detail)[:LONGEST_DETAIL]
        now, took_ms = to_text(clock.now_s()), round((clock.elapsed_s() - started_s) * 1000)
        ended = {"ok": act.ok, "detail": act.detail, "durationMs": took_ms}
        audit.append(path, {"at": now, "event": "acted"} | line | ended, now)
