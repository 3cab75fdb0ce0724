"""What the PM2 guard has beside PM2's sockets, as one value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from automation.engine.kept_files import KeptFiles
from automation.engine.own_gap import OwnGap
from automation.engine.whereabouts import INSTALLED_IN
from automation.ports.host import ReadHost
from automation.systems.pm2.app_rules import AppRules
from automation.systems.pm2.daemon.starting import Programs
from automation.systems.pm2.dump.putting_back import DumpFile
from automation.systems.pm2.dump.saving import DumpFiles
from automation.systems.pm2.dump.watching import DumpWatch
from automation.systems.pm2.ecosystem.watching import EcosystemWatch
from automation.systems.pm2.probes.eyes import Eyes
from automation.systems.pm2.wire.door import Daemon

Entry = dict[str, object]


@dataclass(frozen=True, slots=True)
class Around:
    """What the guard has beside PM2's sockets.

    Its guarded files, PM2's dump, the ecosystem files, the master's report, its own last gap, PM2's list by
    its command line, what a revival of the daemon acts through, and what it sees of the apps themselves.
    """

    files: KeptFiles
    dump_file: DumpFile
    logs: Path
    gap: OwnGap
    by_command_line: Callable[[], tuple[Daemon, list[Entry]]]
    environment: Mapping[str, str]
    programs: Callable[[], Programs]
    apps: Eyes
    dump: DumpWatch
    dump_files: DumpFiles
    ecosystem: EcosystemWatch
    suites: Sequence[str] = (str(INSTALLED_IN),)
    rules: AppRules = field(default_factory=AppRules)
    period_s: float = 30.0
    read_host: ReadHost | None = None
