"""What one look at PM2 brings: frozen, so that the checks are pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from automation.systems.pm2.intents import Intents
from automation.systems.pm2.process import Process
from automation.systems.pm2.wire.door import Daemon


class DaemonState(StrEnum):
    """Whether there is a daemon."""

    ALIVE = "alive"
    DEAD = "dead"  # its pid file was left behind: it did not end in order
    ENDED = "ended"  # an orderly end: a person's act (safety S14)
    ABSENT = "absent"  # no PM2 was ever here


@dataclass(frozen=True, slots=True)
class Facts:
    """One look. `reloading` says that a `pm2 reload` is under way; `at_s` is in seconds since 1970."""

    at_s: float
    state: DaemonState
    daemon: Daemon | None = None
    processes: tuple[Process, ...] = ()
    intents: Intents | None = None
    reloading: bool = False
