"""Taking steps: one actor at a time, after a last look, each written into the audit log before and after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from automation.core import redact
from automation.core.decide import StepCall
from automation.core.errors import EffectFailed, LookFailed, StepImpossible
from automation.core.finding import Finding
from automation.core.moments import to_text
from automation.core.report import Outcome
from automation.engine.context import Context
from automation.engine.loading import load
from automation.engine.system import Observer
from automation.stores import audit

LOOK_AGAIN_AFTER_S = 0.25
MOST_DETAIL = 500

Step = Callable[[Observer, str], str]


def load_steps(context: Context) -> dict[str, Step]:
    """Import everything that the steps need, before the first act (safety S32)."""
    return {name: load(where) for name, where in context.system.steps.items()}


@dataclass(slots=True)
class Actor:
    """Takes steps for one system; the caller holds the action lock and has read pause and mode after that."""

    context: Context
    observer: Observer
    steps: dict[str, Step]
    by: str
    findings: tuple[Finding, ...] = ()
    looked_at_s: float = field(default=float("-inf"))
    taken: list[Outcome] = field(default_factory=list)
    reached: list[StepCall] = field(default_factory=list)
    impossible: list[StepCall] = field(default_factory=list)

    def take(self, calls: Sequence[StepCall]) -> tuple[Outcome, ...]:
        """Take the steps in turn and return what came of them; one whose problem has gone is not taken.

        `taken` holds what came of all steps so far, also of those before a failure; `reached` the calls whose
        turn came, so that they count as tries: the others were not made; `impossible` those among them that
        lack what only a person can bring.

        Raises:
            EffectFailed: The audit log could not be written: then nothing is done.
            LookFailed: The last look before a step failed: then nothing more is done.
            LockBusy: Somebody held the audit log for too long.
        """
        before = len(self.taken)
        for call in calls:
            if self._still_there(call):
                self._take_one(call)
            else:
                self.reached.append(call)
                self._log("step_not_needed", call)
        return tuple(self.taken[before:])

    def _still_there(self, call: StepCall) -> bool:
        """Look again before acting (safety S1)."""
        clock = self.context.clock
        if clock.elapsed_s() - self.looked_at_s > LOOK_AGAIN_AFTER_S:
            self.findings = self.observer.assess(self.observer.observe()).findings
            self.looked_at_s = clock.elapsed_s()
        return any(finding.key == call.key for finding in self.findings)

    def _take_one(self, call: StepCall) -> None:
        clock = self.context.clock
        act: dict[str, object] = {
            "system": self.context.system.name,
            "by": self.by,
            "step": call.step,
            "problem": call.problem,
            "subject": call.subject,
            "attempt": call.attempt,
        }
        started_at_s, started_s = clock.now_s(), clock.elapsed_s()
        self._audit({"at": to_text(started_at_s), "event": "act"} | act)
        self.reached.append(call)
        ok, detail = self._step(call)
        duration_ms = round((clock.elapsed_s() - started_s) * 1000)
        self.taken.append(
            Outcome(started_at_s, call.problem, call.subject, call.step, ok, detail, duration_ms, self.by)
        )
        ended = {"at": to_text(clock.now_s()), "event": "acted"} | act
        self._audit(ended | {"ok": ok, "detail": detail, "durationMs": duration_ms})
        self._log("step_taken", call, succeeded=ok, detail=detail, duration_ms=duration_ms)

    def _step(self, call: StepCall) -> tuple[bool, str]:
        step = self.steps.get(call.step)
        if step is None:
            return False, f"this version has no step {call.step}"
        try:
            return True, redact.text(step(self.observer, call.subject))[:MOST_DETAIL]
        except LookFailed as error:
            return False, redact.text(f"could not look: {error}")[:MOST_DETAIL]
        except EffectFailed as error:
            if isinstance(error, StepImpossible):
                self.impossible.append(call)
            return False, redact.text(str(error))[:MOST_DETAIL]

    def _audit(self, line: dict[str, object]) -> None:
        audit.append(self.context.layout.audit, line, to_text(self.context.clock.now_s()))

    def _log(self, event: str, call: StepCall, **fields: object) -> None:
        self.context.log.info(
            event,
            extra={
                "problem": call.problem,
                "subject": call.subject,
                "step": call.step,
                "attempt": call.attempt,
                **fields,
            },
        )
