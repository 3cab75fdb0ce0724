"""Acts that a person asks for: one actor at a time, each written down before and after (safety S5, S33)."""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from automation.core.errors import EffectFailed
from automation.core.moments import to_text
from automation.core.report import Outcome
from automation.engine.audited import audited
from automation.engine.context import Context
from automation.ports.locks import locked
from automation.stores import outcomes


def person(environment: Mapping[str, str]) -> str:
    """Return the name of who asks: the one who called `sudo`, else our own user's."""
    return environment.get("SUDO_USER") or getpass.getuser()


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
    by = f"hand: {person(context.environment)}"
    said: list[str] = []
    failure: EffectFailed | None = None
    since = to_text(began_at_s)
    with locked(context.layout.action_lock, purpose=f"{step} by hand", since=since, timeout_s=0.0):
        with audited(context, {"by": by, "step": step, "subject": subject}) as act:
            try:
                yield said
            except EffectFailed as error:
                failure = error
            act.ok, act.detail = failure is None, str(failure or " ".join(said))
        duration_ms = round((clock.elapsed_s() - began_s) * 1000)
        taken = Outcome(began_at_s, "asked-for", subject, step, act.ok, act.detail, duration_ms, by)
        outcomes.append(context.layout.outcomes, [taken])
    if failure is not None:
        raise failure
