"""The guards as programs: started by their entry scripts, one after the other, with a time limit each."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from automation.core.errors import CommandTimedOut
from automation.engine.context import Context
from automation.engine.whereabouts import INSTALLED_IN
from automation.ports.commands import Commands, Ran, SystemCommands
from automation.systems.master.peers import PEERS, Peer

LIMIT_S = 300.0
TIMED_OUT = 124
# Settings and tokens: a guard started by the master must see what one started by PM2 sees.
PASSED_ON_PREFIXES = ("REDUNDANCY_", "PM2_", "GITHUB_", "NETLIFY_")


@dataclass(frozen=True, slots=True)
class Programs:
    """Runs the guards' commands."""

    context: Context
    commands: Commands

    def there(self) -> tuple[Peer, ...]:
        """Return the guards whose script is installed."""
        return tuple(peer for peer in PEERS if _script(peer).exists())

    def run(self, peer: Peer, *words: str, extra: dict[str, str] | None = None) -> Ran:
        """Run one command of a guard to its end; one that takes too long is ended, and says so."""
        passed_on = {
            name: value
            for name, value in self.context.environment.items()
            if name.startswith(PASSED_ON_PREFIXES)
        }
        workspace = str(self.context.layout.workspace)
        argv = (sys.executable, str(_script(peer)), "--workspace", workspace, *words)
        try:
            return self.commands.run(*argv, timeout_s=LIMIT_S, env=passed_on | (extra or {}))
        except CommandTimedOut as error:
            return Ran(TIMED_OUT, "", str(error))


def _script(peer: Peer) -> Path:
    return INSTALLED_IN / "automation" / peer.script


def programs(context: Context) -> Programs:
    """Return the guards as programs."""
    return Programs(context, SystemCommands())
