"""The eyes of the PM2 guard: one look is one question over PM2's socket, and what its bus said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from automation.core.errors import LookFailed, NotAllowed
from automation.core.finding import Assessment
from automation.engine.context import Context
from automation.engine.kept_files import KeptFiles, matching_files
from automation.engine.own_gap import OwnGap
from automation.ports.clock import Clock
from automation.ports.commands import SystemCommands
from automation.systems.pm2.app_rules import AppRules, app_rules
from automation.systems.pm2.backed_up import guarded_files, wiped
from automation.systems.pm2.checks import assess
from automation.systems.pm2.command_line import list_by_command_line
from automation.systems.pm2.facts import DaemonState, Facts
from automation.systems.pm2.home import exists, living_daemon, own_folder, pm2_home, reload_under_way
from automation.systems.pm2.intents import Intents, forgotten, learn
from automation.systems.pm2.master import look_at_master
from automation.systems.pm2.memory import Memory, RosterHead
from automation.systems.pm2.process import OURS, Process, processes
from automation.systems.pm2.recreation import Recreation
from automation.systems.pm2.wire.client import Pm2Client
from automation.systems.pm2.wire.door import BusEvent, Daemon, Garbled, NoDaemon, Pm2

Entry = dict[str, object]
MOST_EVENTS = 10_000


@dataclass(frozen=True, slots=True)
class Around:
    """What the guard sees beside PM2's sockets: its guarded files, the master's report, its own last gap.

    `rules` are what settings say of each app.
    """

    files: KeptFiles
    logs: Path
    gap: OwnGap
    by_command_line: Callable[[], tuple[Daemon, list[Entry]]]
    rules: AppRules = field(default_factory=AppRules)


class Pm2Observer:
    """Looks at one PM2, and holds what the steps act through."""

    def __init__(
        self, pm2: Pm2, memory: Memory, home: Path, clock: Clock, around: Around | None = None
    ) -> None:
        self.pm2 = pm2
        self.clock = clock
        self.files = around.files if around else None
        self._around = around
        self._memory = memory
        self._home = home
        self._intents: Intents = memory.load_intents()
        self._events: list[BusEvent] = []
        self._gap = False
        self._entries: list[Entry] | None = None

    def observe(self) -> Facts:
        """Look once: at PM2, and at what stands around it.

        Raises:
            LookFailed: PM2 is there and could not be understood, or did not answer.
        """
        facts = self._look_at_pm2()
        if self._around is None:
            return facts
        short = self._around.gap.was_short()
        master = look_at_master(facts.processes, self._around.logs, facts.at_s, trustworthy=short)
        files = self._around.files.look()
        return replace(facts, files=files, master=master, rules=self._around.rules)

    def _look_at_pm2(self) -> Facts:
        self._take_events()  # connects the bus first: what happens after the list was made is not missed
        try:
            daemon, entries = self._ask()
        except NoDaemon as error:
            pid = living_daemon(self._home)
            if pid is not None:
                raise LookFailed(
                    f"PM2's daemon (pid {pid}) lives and does not listen: it starts, or its socket is gone"
                ) from error
            return Facts(self.clock.now_s(), self._without_daemon(pid_file_left=error.pid_file_left))
        self._take_events()
        now_s = self.clock.now_s()
        listed = processes(entries)
        self._intents = learn(
            self._intents,
            (daemon.pid, daemon.start_ticks),
            listed,
            tuple(self._events),
            gap=self._gap,
            now_s=now_s,
        )
        self._events.clear()
        self._gap = False
        self._entries = entries
        reloading = reload_under_way(self._home, now_s)
        noted = self._memory.load_recreation()
        return Facts(now_s, DaemonState.ALIVE, daemon, listed, self._intents, reloading, noted)

    def _ask(self) -> tuple[Daemon, list[Entry]]:
        """Return who is there, and the list: by PM2's sockets, else by its command line."""
        try:
            return self.pm2.daemon(), self.pm2.entries()
        except Garbled:
            if self._around is None:
                raise
            return self._around.by_command_line()

    def seen_entries(self) -> list[Entry]:
        """Hand over the raw entries of the last look, in the order of its processes; once."""
        entries, self._entries = self._entries, None
        return entries or []

    def assess(self, facts: Facts) -> Assessment:
        """Judge a look."""
        return assess(facts)

    def remember(self, facts: Facts) -> None:
        """Keep roster and intents.

        Raises:
            EffectFailed: The disk said no.
        """
        entries, self._entries = self._entries, None  # a large list: not held while asleep
        if facts.daemon is None or entries is None:
            return
        head = RosterHead(self.clock.boot_id(), (facts.daemon.pid, facts.daemon.start_ticks))
        kept = [entry for entry in entries if entry.get("name") not in OURS]
        self._memory.save_roster(head, kept, (head, _signature(facts.processes)), facts.at_s)
        self._memory.save_intents(self._intents)

    def forget(self, pm_id: int | str) -> None:
        """Note that we ourselves are about to delete an entry, so that it is not taken for a person's act.

        Raises:
            EffectFailed: The disk said no; then it must not be deleted.
        """
        self._intents = forgotten(self._intents, pm_id)
        self._memory.save_intents(self._intents)

    def note(self, recreation: Recreation | None) -> None:
        """Note that a recreation begins, or that it is over.

        Raises:
            EffectFailed: The disk said no; then nothing may be recreated.
        """
        self._memory.save_recreation(recreation)

    def noted(self) -> Recreation | None:
        """Return the recreation that was begun and not ended."""
        return self._memory.load_recreation()

    def fds(self) -> Sequence[int]:
        """Return what becomes readable when PM2 says something."""
        return self.pm2.fds()

    def pump(self) -> bool:
        """Read what PM2 said; tell whether it deserves a look."""
        before = len(self._events)
        connected = bool(self.pm2.fds())
        self._take_events()
        return len(self._events) > before or (connected and not self.pm2.fds())

    def close(self) -> None:
        """Drop the connections."""
        self.pm2.close()

    def _take_events(self) -> None:
        self._events += self.pm2.drain()
        self._gap = self.pm2.gap() or self._gap or len(self._events) > MOST_EVENTS
        del self._events[:-MOST_EVENTS]

    def _without_daemon(self, *, pid_file_left: bool) -> DaemonState:
        """Tell a crash from an orderly end (safety S14): the latter removes the pid file."""
        if pid_file_left:
            return DaemonState.DEAD
        head = self._memory.roster_head()
        if head is None:
            return DaemonState.ABSENT
        return DaemonState.ENDED if head.boot_id == self.clock.boot_id() else DaemonState.DEAD


def _signature(listed: Sequence[Process]) -> tuple[object, ...]:
    """Return what the roster is written anew for: an entry or its state changed, not its counters."""
    return tuple(
        (one.pm_id, one.name, one.status, one.unique_id, one.created_at_ms, one.mode) for one in listed
    )


def connect(context: Context) -> Pm2Observer:
    """Return the observer of the PM2 that the environment names; connects when it looks.

    Raises:
        NotAllowed: There is no such home.
    """
    environment: Mapping[str, str] = context.environment
    home = pm2_home(environment)
    if not exists(home):
        raise NotAllowed(
            f"PM2_HOME {home}: no such folder, or not ours to enter; start PM2 once, or set PM2_HOME"
        )
    client = Pm2Client(home, context.clock, environment)
    globs = guarded_files(context.settings)
    around = Around(
        KeptFiles(
            context,
            lambda: matching_files(context.layout.workspace, globs),
            wiped,
            auto_restore=context.settings.flag("auto_restore"),
        ),
        context.layout.logs,
        OwnGap(context.clock, context.settings.seconds("check_interval")),
        lambda: list_by_command_line(context, SystemCommands()),
        app_rules(context.settings),
    )
    return Pm2Observer(client, Memory(own_folder(environment)), home, context.clock, around)
