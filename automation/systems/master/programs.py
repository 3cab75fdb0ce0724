"""The guards as programs: started by their entry scripts, one after the other, with a time limit each."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from automation.core.errors import CommandFailed, CommandTimedOut
from automation.engine.context import Context
from automation.ports.commands import Commands, Ran, SystemCommands
from automation.systems.master import scripts
from automation.systems.master.peers import PEERS, Peer

LIMIT_S = 300.0
BUSY = 75
TIMED_OUT, NOT_RUN = 124, 126  # as shells and `timeout` have them
LONGEST_SAID = 300
BUSY_TRIES, BUSY_WAIT_S = 5, 1.0
# Settings and tokens: a guard started by the master must see what one started by PM2 sees.
PASSED_ON_PREFIXES = ("REDUNDANCY_", "PM2_", "GITHUB_", "NETLIFY_")
WAY_OUT = (
    *("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
    *("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"),
)


def passed_on(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what the programs of the suite get of our environment, beside the short list (safety S19)."""
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(PASSED_ON_PREFIXES) or name in WAY_OUT
    }


@dataclass(frozen=True, slots=True)
class Programs:
    """Runs the guards' commands; `folder` holds their scripts, `limit_s` ends each that takes longer."""

    context: Context
    commands: Commands
    folder: Path
    limit_s: float

    def there(self) -> tuple[Peer, ...]:
        """Return the guards whose script is installed."""
        return tuple(peer for peer in PEERS if (self.folder / peer.script).exists())

    def run(self, peer: Peer, *words: str, extra: Mapping[str, str] | None = None) -> Ran:
        """Run one command of a guard to its end; what is wrong with it is its status, and never raised."""
        workspace = str(self.context.layout.workspace)
        argv = (sys.executable, str(self.folder / peer.script), "--workspace", workspace, *words)
        environment = passed_on(self.context.environment) | dict(extra or {})
        try:
            return self.commands.run(*argv, timeout_s=self.limit_s, env=environment)
        except CommandTimedOut:
            said = f"{peer.app} {words[0]} did not end within {self.limit_s:g} s and was killed"
            return Ran(TIMED_OUT, "", said)
        except CommandFailed as error:
            return Ran(NOT_RUN, "", str(error))

    def run_patiently(self, peer: Peer, *words: str) -> Ran:
        """Run one command, again where somebody else is busy with the same: it never waits by itself."""
        ran = self.run(peer, *words)
        for _ in range(BUSY_TRIES - 1):
            if ran.status != BUSY:
                break
            self.context.clock.wait(BUSY_WAIT_S)
            ran = self.run(peer, *words)
        return ran


def programs(context: Context) -> Programs:
    """Return the guards as programs."""
    return Programs(context, SystemCommands(), scripts.FOLDER, LIMIT_S)


def last_line(ran: Ran) -> str:
    """Return what a program said last: its complaint where it failed, else its result."""
    first, second = (ran.stderr, ran.stdout) if ran.status else (ran.stdout, ran.stderr)
    lines = (first.strip() or second.strip() or "nothing said").splitlines()
    return lines[-1][:LONGEST_SAID]


def how_it_ended(ran: Ran) -> str:
    """Say in one line what came of a program."""
    if ran.status == 0:
        return last_line(ran)
    how = f"killed by signal {-ran.status}" if ran.status < 0 else f"exit status {ran.status}"
    return f"{how}: {last_line(ran)}"
