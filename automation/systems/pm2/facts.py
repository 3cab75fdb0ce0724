"""What one look at PM2 brings: frozen, so that the checks are pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from automation.engine.kept_files import KeptFile
from automation.systems.pm2.app_rules import AppRules
from automation.systems.pm2.daemon.trouble import Trouble
from automation.systems.pm2.dump.judging import SavedList
from automation.systems.pm2.ecosystem.watching import Ecosystem
from automation.systems.pm2.intents import Intents
from automation.systems.pm2.master import Master
from automation.systems.pm2.probes.checks import Probed, Taken
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
    are the guarded ones, `master` is our own master, where PM2 runs one; `saved` and `ecosystem` are what its
    dump and the ecosystem files hold; `trouble` says what is wrong with PM2's daemon, `rules` what settings
    say of apps, `tracked` what several looks say together; `probed` how those answer that are asked, `taken`
    whose port somebody else holds, by id.
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
    saved: SavedList | None = None
    ecosystem: Ecosystem | None = None
    trouble: Trouble | None = None
    rules: AppRules = field(default_factory=AppRules)
    tracked: Tracked = field(default_factory=Tracked)
    probed: Mapping[int | str, Probed] = field(default_factory=dict)
    taken: Mapping[int | str, Taken] = field(default_factory=dict)
