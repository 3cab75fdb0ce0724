"""What one look of the master brings: each guard's report, as it lies there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from automation.core.finding import Mode, Status
from automation.systems.master.peers import Peer


@dataclass(frozen=True, slots=True)
class Sight:
    """One guard. `score` is the last known one; `problem` says why the report cannot be read."""

    peer: Peer
    there: bool
    status: Status
    mode: Mode
    score: float | None
    age_s: float
    stale: bool
    problem: str = ""
    pid: int | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """One look; `trustworthy` says that our own last gap was short, so that age tells (safety S7)."""

    at_s: float
    sights: tuple[Sight, ...]
    trustworthy: bool
    threshold: float = 0.5
    emergency: Mapping[str, object] = field(default_factory=dict)
