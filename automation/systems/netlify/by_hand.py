"""Acts that a person asks for: one actor at a time, each written down before and after (safety S5, S33)."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager

from automation.core import redact
from automation.core.errors import EffectFailed
from automation.core.moments import to_text
from automation.core.report import Outcome
from automation.engine.context import Context
from automation.ports.locks import locked
from automation.stores import audit, outcomes

MOST_DETAIL = 500


@contextmanager
def on_record(context: Context, step: str, subject: str) -> Iterator[list[str]]:
    """Hold the action lock, write the act down before and after, and leave it to the loop's report.

    What is put into the list that is given becomes the detail of the outcome.

    Raises:
        LockBusy: Somebody else is acting.
        EffectFailed: The disk said no, and nothing was done; or what the block raised.
    """
    clock = context.clock
    began_at_s, began_s = clock.now_s(), clock.elapsed_s()
    by = f"hand: {context.environment.get('SUDO_USER') or getpass.getuser()}"
    act: dict[str, object] = {"system": context.system.name, "by": by, "step": step, "subject": subject}
    said: list[str] = []
    since = to_text(began_at_s)
    with locked(context.layout.action_lock, purpose=f"{step} by hand", since=since, timeout_s=0.0):
        audit.append(context.layout.audit, {"at": since, "event": "act"} | act, since)
        failure: EffectFailed | None = None
        try:
            yield said
        except EffectFailed as error:
            failure = error
        detail = redact.text(str(failure or " ".join(said)))[:MOST_DETAIL]
        duration_ms = round((clock.elapsed_s() - began_s) * 1000)
        ended = {"at": to_text(clock.now_s()), "event": "acted"} | act
        ended |= {"ok": failure is None, "detail": detail, "durationMs": duration_ms}
        audit.append(context.layout.audit, ended, since)
        taken = Outcome(began_at_s, "asked-for", subject, step, failure is None, detail, duration_ms, by)
        outcomes.append(context.layout.outcomes, [taken])
    if failure is not None:
        raise failure
