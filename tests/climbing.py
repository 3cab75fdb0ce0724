"""Looking and acting as a guard does, without a guard: for the tests of the decisions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from automation.core.decide import Decision, decide, remember, tried
from automation.core.finding import Finding, Severity
from automation.core.history import Climb, History, Key, from_record, to_record
from automation.core.ladder import Ladder, Pace, Rung

START_S = 1_700_000_000.0

# Waits of 10, 20, 40, 40 … seconds; 100 s without the problem end a climb, and after 1000 s of rest a new one
# may begin.
PACE = Pace(first_s=10.0, longest_s=40.0, jitter=0.0, calm_s=100.0, rest_s=1000.0)
LADDER = Ladder("down", (Rung("restart", 2), Rung("recreate", 1)), PACE)
NO_RUNGS = Ladder("down", (), PACE)


def found(subject: str = "web", problem: str = "down", *, message: str = "it is down") -> Finding:
    """Return a finding."""
    return Finding(problem, subject, Severity.CRITICAL, message)


@dataclass(slots=True)
class Climber:
    """A guard reduced to its decisions: what it remembers goes from one look to the next."""

    ladders: Sequence[Ladder] = (LADDER,)
    history: History = field(default_factory=History)
    now_s: float = START_S

    def look(self, after_s: float, *findings: Finding) -> Decision:
        """Look so many seconds later, and make the tries that are decided."""
        self.now_s += after_s
        history = remember(self.history, findings, self.ladders, self.now_s)
        decision = decide(history, findings, self.ladders, self.now_s)
        self.history = tried(decision.history, decision.calls, self.now_s)
        return decision

    def steps(self, after_s: float, *findings: Finding) -> list[tuple[str, int]]:
        """Return the steps of such a look, each with the number of its try."""
        return [(call.step, call.attempt) for call in self.look(after_s, *findings).calls]

    def climb(self, subject: str = "web", problem: str = "down") -> Climb:
        """Return the climb of a problem and subject."""
        return self.history.climbs[problem, subject]

    def restart(self) -> None:
        """Forget everything but what was saved."""
        self.history = from_record(json.loads(json.dumps(to_record(self.history))), "history.json")


def tried_once(climber: Climber, *findings: Finding) -> None:
    """Bring a fresh climber to just after its first try."""
    climber.look(0.0, *findings)
    climber.look(1.0, *findings)


def out_of_rungs(climber: Climber, *findings: Finding) -> Decision:
    """Bring a fresh climber to the look on which its ladder has run out, and return that decision."""
    tried_once(climber, *findings)
    climber.look(10.0, *findings)
    climber.look(20.0, *findings)
    return climber.look(40.0, *findings)


def keys(findings: Sequence[Finding]) -> list[Key]:
    """Return what makes each finding the same as one of an earlier look."""
    return [finding.key for finding in findings]
