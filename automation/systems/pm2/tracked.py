"""What is told by several looks together: restarts, what apps use, how the host is. And whom we let rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from automation.ports.clock import Clock
from automation.ports.host import ReadHost
from automation.systems.pm2 import flapping, host_checks, resting, usage
from automation.systems.pm2.app_rules import AppRules
from automation.systems.pm2.host_checks import HostState
from automation.systems.pm2.intents import Intents
from automation.systems.pm2.leaks import Leak, leaks
from automation.systems.pm2.process import Process
from automation.systems.pm2.rest_notes import RestNotes
from automation.systems.pm2.resting import Pair, Rest

BETWEEN_READINGS_S = 5.0

Id = int | str


@dataclass(frozen=True, slots=True)
class Tracked:
    """What the last looks say together.

    `flapping` are the entries that PM2 restarts again and again, and how often it did within the window;
    `rests` the notes about apps that we stopped which still stand, of those that were `noted`; `usages` and
    `leaks` what apps use; `host` how the host is.
    """

    flapping: Mapping[Id, int] = field(default_factory=dict)
    rests: tuple[Rest, ...] = ()
    noted: tuple[Rest, ...] = ()
    usages: usage.Usages = field(default_factory=usage.Usages)
    leaks: Mapping[Id, Leak] = field(default_factory=dict)
    host: HostState = host_checks.UNKNOWN


class Tracking:
    """Carries these from look to look.

    Args:
        clock: For time that no one sets.
        notes: About resting apps.
        period_s: What apps use is looked at once a period.
        read_host: Reads the host; None: it is not looked at.
    """

    def __init__(
        self, clock: Clock, notes: RestNotes, period_s: float, read_host: ReadHost | None = None
    ) -> None:
        self._clock = clock
        self._notes = notes
        self._period_s = period_s
        self._read_host = read_host
        self._courses: flapping.Courses = {}
        self._usages = usage.Usages()
        self._leaks: Mapping[Id, Leak] = {}
        self._host = host_checks.UNKNOWN
        self._read_at_s = float("-inf")

    def look(
        self,
        daemon: Pair | None,
        processes: Sequence[Process],
        intents: Intents | None,
        rules: AppRules,
        now_s: float,
    ) -> Tracked:
        """Take a look into account; `now_s` is in seconds since 1970, `daemon` None where there is none.

        Raises:
            RecordNewer: A newer version wrote the notes (safety S32).
        """
        elapsed_s = self._clock.elapsed_s()
        self._look_at_host(elapsed_s)
        notes = self._notes.load()
        if daemon is None:
            return Tracked(rests=notes, noted=notes, host=self._host)
        self._courses = flapping.learn(self._courses, processes, elapsed_s, rules.flap)
        self._look_at_usage(processes, rules, elapsed_s)
        return Tracked(
            flapping.flapping(self._courses, elapsed_s, rules.flap),
            resting.standing(notes, daemon, processes, intents, now_s),
            notes,
            self._usages,
            self._leaks,
            self._host,
        )

    def _look_at_usage(self, processes: Sequence[Process], rules: AppRules, elapsed_s: float) -> None:
        before = self._usages
        self._usages = usage.learn(before, processes, rules, elapsed_s, self._period_s)
        if self._usages.times_s != before.times_s:
            reading = self._host.reading
            available = None if reading is None else reading.memory_available_bytes
            self._leaks = leaks(self._usages, processes, rules, available)

    def _look_at_host(self, elapsed_s: float) -> None:
        if self._read_host is not None and elapsed_s - self._read_at_s >= BETWEEN_READINGS_S:
            self._read_at_s = elapsed_s
            self._host = host_checks.learn(self._host, self._read_host())

    def remember(self, tracked: Tracked) -> None:
        """Keep the notes that still stand.

        Raises:
            EffectFailed: The disk said no.
        """
        if tracked.rests != tracked.noted:
            new = [one for one in self._notes.load() if one not in tracked.noted]  # by a recovery by hand
            self._notes.save((*tracked.rests, *new))
