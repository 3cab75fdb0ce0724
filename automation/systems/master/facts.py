"""What one look of the master brings: each guard's report, as it lies there, and the emergency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from automation.core.finding import Mode, Status
from automation.systems.master.emergencies import Emergency
from automation.systems.master.peers import Peer


@dataclass(frozen=True, slots=True)
class Sight:
    """One guard. `score` is the last known one; `problem` says why the report cannot be read.

    `started_at_s` is when its loop began, `checked_at_s` when it looked itself (seconds since 1970),
    `period_s` how long it waits between looks.
    """

    peer: Peer
    there: bool
    status: Status = Status.UNKNOWN
    mode: Mode = Mode.ACTIVE
    score: float | None = None
    age_s: float = 0.0
    started_at_s: float = 0.0
    checked_at_s: float = 0.0
    period_s: float = 0.0
    stale: bool = False
    problem: str = ""

    @property
    def known(self) -> bool:
        """Tell whether its own look is known: only then may its score begin or end anything (safety S2)."""
        return self.there and not self.stale and not self.problem and self.status is not Status.UNKNOWN


@dataclass(frozen=True, slots=True)
class Facts:
    """One look.

    `awake_s` is for how long we have looked without a gap and could write our own report: only a guard that
    was silent for that long is silent (safety S7). `lease` is the one in force, as the report shows it;
    `leased` the systems that it has taken. `run_lives` says that a program takes the four steps now.
    `ended_shutdown_s` is when a shutdown was recorded that is over for us, and whose record is still there.
    """

    sights: tuple[Sight, ...]
    awake_s: float
    period_s: float
    threshold: float = 0.5
    shut_down: bool = False
    ended_shutdown_s: float | None = None
    emergency: Emergency = field(default_factory=Emergency)
    lease: Mapping[str, object] | None = None
    leased: tuple[str, ...] = ()
    run_lives: bool = False
