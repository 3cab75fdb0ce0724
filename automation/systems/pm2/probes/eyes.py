"""What the guard sees of the apps themselves, beside PM2's list: whether they answer, who holds their port.

Neither the probes nor the look at ports is loaded before it is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automation.engine.loading import load
from automation.ports.clock import Clock
from automation.systems.pm2.app_rules import AppRules
from automation.systems.pm2.probes.checks import Probed, Taken
from automation.systems.pm2.probes.suspicion import Count, counted, suspects
from automation.systems.pm2.process import Process

if TYPE_CHECKING:
    from automation.ports.talking import Said
    from automation.systems.pm2.probes.theft import Thefts
    from automation.systems.pm2.probes.watch import Probes

_HERE = "automation.systems.pm2.probes"

Id = int | str
Pairs = Sequence[tuple[Process, Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Asking:
    """How apps are asked: by which rules, how often where a rule does not say, and where paths begin.

    `folder` is the guard's own in PM2's home.
    """

    rules: AppRules
    check_interval_s: float
    workspace: Path
    folder: Path


class Eyes:
    """Asks the apps that have a probe, and looks at the ports of those that seem ill."""

    def __init__(self, clock: Clock, asking: Asking) -> None:
        self._clock = clock
        self._how = asking
        self._probes: Probes | None = None
        self._thefts: Thefts | None = None
        self._counts: dict[Id, Count] = {}

    def look(self, pairs: Pairs, daemon_pid: int) -> tuple[dict[Id, Probed], dict[Id, Taken]]:
        """Return how the processes of a look answer, and whose port somebody else holds."""
        probed = self._probed(pairs)
        elapsed_s = self._clock.elapsed_s()
        listed = [process for process, _ in pairs]
        self._counts = counted(self._counts, listed, elapsed_s)
        found = suspects(pairs, probed, self._counts, elapsed_s)
        if found and self._thefts is None:
            self._thefts = load(f"{_HERE}.theft:Thefts")()
        taken = {} if self._thefts is None else self._thefts.look(found, listed, daemon_pid, elapsed_s)
        return probed, taken

    def _probed(self, pairs: Pairs) -> dict[Id, Probed]:
        rules = self._how.rules
        if self._probes is None and any(rules.of(process.name).probe for process, _ in pairs):
            kept = load(f"{_HERE}.kept:Kept")(self._how.folder)
            how = self._how
            made = load(f"{_HERE}.watch:Probes")
            self._probes = made(self._clock, how.check_interval_s, how.workspace, kept)
        return {} if self._probes is None else self._probes.look(pairs, rules)

    def ask_again(self, process: Process, wait_s: float) -> Said | None:
        """Ask a process once more; None where no answer came within that time."""
        return None if self._probes is None else self._probes.ask_again(process, wait_s)

    def remember(self) -> None:
        """Write down which processes hang.

        Raises:
            EffectFailed: The disk said no.
        """
        if self._probes is not None:
            self._probes.remember()

    def fds(self) -> tuple[int, ...]:
        """Return what becomes readable when an app answers."""
        return () if self._probes is None else self._probes.fds()

    def next_s(self) -> float | None:
        """Return when `pump` should be called at the latest, in seconds since boot."""
        return None if self._probes is None else self._probes.next_s()

    def pump(self) -> bool:
        """Ask who is due and take in answers; tell whether that deserves a look."""
        return self._probes is not None and self._probes.pump()

    def close(self) -> None:
        """Break off what is under way."""
        if self._probes is not None:
            self._probes.close()
