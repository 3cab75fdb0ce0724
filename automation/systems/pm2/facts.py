"""What one look at PM2 brings: frozen, so that the checks are pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from automation.engine.kept_files import KeptFile
from automation.systems.pm2.app_rules import AppRules
from automation.systems.pm2.daemon.trouble import Trouble
from automation.systems.pm2.dump import Dump
from automation.systems.pm2.intents import Intents
from automation.systems.pm2.master import Master
from automation.systems.pm2.process import Process
from automation.systems.pm2.recreation import Recreation
from automation.systems.pm2.tracked import Tracked
from automation.systems.pm2.wire.door import Daemon


class DaemonState(StrEnum):
    """Whether there is a daemon."""

    ALIVE = "alive"
    DEAD = "dead"  # its pid file was left behind: it did not end in order
    ENDED = "ended"  # an orderly end: a person's act (safety S14)
    ABSENT = "absent"  # no PM2 was ever here
    STOPPED = "stopped"  # a signal has stopped it; it could go on
    HUNG = "hung"  # it lives, and did not answer on three looks
    DEAF = "deaf"  # it lives, and on three looks nobody listened: its socket is gone


@dataclass(frozen=True, slots=True)
class Facts:
    """One look; `at_s` is in seconds since 1970.

    `reloading` says that a `pm2 reload` is under way, `recreation` which one was begun and not ended; `files`
    are the guarded ones, `master` is our own master, where PM2 runs one, `dump` is what `pm2 save` wrote;
    `trouble` says what is wrong with PM2's daemon, `rules` what settings say of apps, `tracked` what several
    looks say together.
    """

    at_s: float
    state: DaemonState
    daemon: Daemon | None = None
    processes: tuple[Process, ...] = ()
    intents: Intents | None = None
    reloading: bool = False
    recreation: Recreation | None = None
    files: tuple[KeptFile, ...] = ()
    master: Master | None = None
    dump: Dump | None = None
    trouble: Trouble | None = None
    rules: AppRules = field(default_factory=AppRules)
    tracked: Tracked = field(default_factory=Tracked)
