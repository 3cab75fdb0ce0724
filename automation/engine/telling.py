"""Telling a human: messages wait in the outbox until a short-lived child has sent them."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from automation.core.errors import EffectFailed
from automation.core.finding import Finding
from automation.core.moments import to_text
from automation.engine.context import Context
from automation.engine.whereabouts import INSTALLED_IN
from automation.ports.children import Child, spawn
from automation.stores import outbox

FIRST_WAIT_S = 15.0
LONGEST_WAIT_S = 900.0
CHILD_LIMIT_S = 60.0

# How this machine reaches others: its proxies and its certificates.
_WAY_OUT = (
    *("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
    *("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"),
)


def message(context: Context, finding: Finding, at_s: float, host: str) -> outbox.Message:
    """Return what a human is told about one finding."""
    return {
        "id": f"{context.system.name}-{finding.problem}-{finding.subject}-{int(at_s)}",
        "at": to_text(at_s),
        "system": context.system.name,
        "host": host,
        "problem": finding.problem,
        "subject": finding.subject,
        "severity": finding.severity.value,
        "message": finding.message,
        "advice": finding.advice,
        "text": f"[{host}] {context.system.title} needs a human: "
        f"{finding.subject}: {finding.message}. {finding.advice}".rstrip(),
    }


class Teller:
    """Sends what waits in the outbox through a child, with growing waits between, and never blocks."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._child: Child | None = None
        self._started_s = 0.0
        self._failures = 0
        self._not_before_s = 0.0
        self._unsaved: list[outbox.Message] = []

    def add(self, findings: Sequence[Finding], at_s: float, host: str) -> None:
        """Put messages into the outbox; without an address to send to, the report alone says them.

        Those that could not be put there are kept, and tried again with the next call.

        Raises:
            EffectFailed: The disk said no.
            LockBusy: Somebody held the outbox's lock for ten seconds.
        """
        if self._address():
            self._unsaved += [message(self._context, one, at_s, host) for one in findings]
            del self._unsaved[: -outbox.MOST_MESSAGES]
        if self._unsaved:
            outbox.add(self._context.layout.outbox, to_text(at_s), self._unsaved)
            self._unsaved = []

    def go_on(self) -> None:
        """See how the child is doing; start one when something waits and its time has come."""
        elapsed_s = self._context.clock.elapsed_s()
        if self._child is not None:
            self._see_to(self._child, elapsed_s)
        elif elapsed_s >= self._not_before_s and self._something_waits():
            self._start(elapsed_s)

    def next_s(self) -> float | None:
        """Return when `go_on` should be called again at the latest, in seconds since boot."""
        if self._child is not None:
            return self._started_s + CHILD_LIMIT_S
        return self._not_before_s if self._something_waits() else None

    def fds(self) -> tuple[int, ...]:
        """Return what becomes readable when the child ends."""
        return (self._child.fd,) if self._child is not None else ()

    def close(self) -> None:
        """Leave the child to its own end; its messages stay in the outbox until they are sent."""
        if self._child is not None:
            self._child.forget()
            self._child = None

    def _address(self) -> str:
        """Return where messages go; nowhere where settings want none."""
        settings = self._context.settings
        return settings.text("webhook") if settings.flag("alerts") else ""

    def _something_waits(self) -> bool:
        if not self._address():
            return False
        try:
            return bool(outbox.read(self._context.layout.outbox))
        except EffectFailed:
            return False  # `add` says so

    def _start(self, elapsed_s: float) -> None:
        self._started_s = elapsed_s
        environment = self._context.environment
        self._child = spawn(
            # -P: another package of our name, in the current folder, is not ours.
            (sys.executable, "-P", "-m", "automation.engine.deliver", str(self._context.layout.outbox)),
            {name: environment[name] for name in _WAY_OUT if name in environment}
            | {
                "REDUNDANCY_WEBHOOK": self._address(),
                "PYTHONPATH": str(INSTALLED_IN),
            },
        )
        if self._child is None:
            self._failed(elapsed_s, "the child could not be started")

    def _see_to(self, child: Child, elapsed_s: float) -> None:
        status = child.status()
        if status is None and elapsed_s - self._started_s < CHILD_LIMIT_S:
            return
        if status is None:
            child.kill()
        child.forget()
        self._child = None
        if status == 0:
            self._failures, self._not_before_s = 0, 0.0
            self._context.log.info("human_told")
        else:
            self._failed(elapsed_s, "no answer that says yes")

    def _failed(self, elapsed_s: float, reason: str) -> None:
        self._failures += 1
        wait_s = min(FIRST_WAIT_S * 2.0 ** (self._failures - 1), LONGEST_WAIT_S)
        self._not_before_s = elapsed_s + wait_s
        self._context.log.warning("human_not_told", extra={"reason": reason, "again_in_s": wait_s})
