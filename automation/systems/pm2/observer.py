"""The eyes of the PM2 guard: one look is one question over PM2's socket, and what its bus said."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from automation.core.errors import EffectFailed, LookFailed, StepRefused
from automation.core.finding import Assessment
from automation.ports.clock import Clock
from automation.ports.commands import SystemCommands
from automation.ports.process_table import is_stopped
from automation.ports.socket_owner import socket_owner
from automation.ports.talking import Said
from automation.stores.layout import HOME_FOLDER
from automation.systems.pm2.app_rules import AppRules
from automation.systems.pm2.around import Around
from automation.systems.pm2.checks import assess
from automation.systems.pm2.daemon.fate import Fate
from automation.systems.pm2.daemon.records import DaemonRecords
from automation.systems.pm2.daemon.revival import Means
from automation.systems.pm2.daemon.saved import dumps, saved_roster
from automation.systems.pm2.daemon.trouble import Trouble
from automation.systems.pm2.daemon.watch import PATIENCE_S, DaemonWatch, Place
from automation.systems.pm2.dump.judging import SavedList, Seen
from automation.systems.pm2.dump.own import fingerprints, own_entries
from automation.systems.pm2.dump.watching import DumpWatch
from automation.systems.pm2.facts import DaemonState, Facts
from automation.systems.pm2.home import living_daemon, reload_under_way
from automation.systems.pm2.intents import Intents, forgotten, heard, learn, rested, stopped_by_us
from automation.systems.pm2.master import look_at_master
from automation.systems.pm2.memory import Memory
from automation.systems.pm2.process import OURS, OWN_APPS, Process, processes
from automation.systems.pm2.recreation import Recreation
from automation.systems.pm2.roster import Roster, RosterHead
from automation.systems.pm2.roster import listed as roster_entries
from automation.systems.pm2.tracked import Tracking
from automation.systems.pm2.wire.connection import places, refuse_elsewhere
from automation.systems.pm2.wire.door import BusEvent, Closed, Daemon, Garbled, NoAnswer, NoDaemon, Pm2

Entry = dict[str, object]
MOST_EVENTS = 10_000
SECOND_QUESTION_S = 0.02
REFUSED_LASTS_S = 1.0
HURRY_AGAIN_S = 10.0
AWAY = {
    Fate.NEVER: DaemonState.ABSENT,
    Fate.ENDED: DaemonState.ENDED,
    Fate.CRASHED: DaemonState.DEAD,
}
FATES = {state: fate for fate, state in AWAY.items()}


class Pm2Observer:
    """Looks at one PM2, and holds what the steps act through."""

    def __init__(
        self,
        pm2: Pm2,
        memory: Memory,
        home: Path,
        clock: Clock,
        around: Around | None = None,
        *,
        by_hand: bool = False,
    ) -> None:
        self.by_hand = by_hand
        self.pm2 = pm2
        self.clock = clock
        self.files = around.files if around else None
        self.dump = around.dump_file if around else None
        self.rest_notes = memory.rest_notes
        self.dump_files = around.dump_files if around else None
        self.ecosystem = around.ecosystem if around else None
        self.suites = around.suites if around else ()
        self._around = around
        self.rules = around.rules if around else AppRules()
        self._tracking = Tracking(
            clock,
            memory.rest_notes,
            around.period_s if around else 30.0,
            around.read_host if around else None,
        )
        self._memory = memory
        self.home = home
        said = around.environment if around else {}
        where = places(home, said)
        self.daemon_lock = home / HOME_FOLDER / "daemon.lock"
        self.watch = DaemonWatch(
            Place(
                home,
                home / HOME_FOLDER,
                (where.rpc, where.pub),
                where.pid_file,
                dumps(home, said),
                clock,
            ),
            memory,
            DaemonRecords(home / HOME_FOLDER),
            patience_s=0.0 if by_hand else PATIENCE_S,
        )
        self._dumps = dumps(home, said)
        self._pid_file = where.pid_file
        self._guards = False
        self._intents: Intents = memory.load_intents()
        self._events: list[BusEvent] = []
        self._gap = False
        self._refused_s = float("-inf")  # when nobody listened, asked twice
        self._hurried_s = float("-inf")
        self._hurries = False
        self._entries: list[Entry] | None = None

    def observe(self) -> Facts:
        """Look once: at PM2, and at what stands around it.

        Raises:
            LookFailed: PM2 is there and could not be understood, or did not answer.
        """
        facts = self._tracked(self._look_at_pm2())
        if self._around is None:
            return facts
        short = self._around.gap.was_short()
        master = look_at_master(facts.processes, self._around.logs, facts.at_s, trustworthy=short)
        around = self._around
        pairs = list(zip(facts.processes, self._entries or [], strict=False))
        probed, taken = around.apps.look(pairs, facts.daemon.pid if facts.daemon else 0)
        files = around.files.look()
        whole = [one.path for one in files if not one.wiped]  # a wiped one is a finding of its own
        return replace(
            facts,
            files=files,
            master=master,
            probed=probed,
            taken=taken,
            ecosystem=around.ecosystem.look(whole, self._entries or ()),
            saved=self._look_at_dump(around.dump, facts),
        )

    def _tracked(self, facts: Facts) -> Facts:
        """Add what this look and those before say together."""
        daemon = None if facts.daemon is None else (facts.daemon.pid, facts.daemon.start_ticks)
        tracked = self._tracking.look(daemon, facts.processes, facts.intents, self.rules, facts.at_s)
        return replace(facts, rules=self.rules, tracked=tracked)

    def _look_at_pm2(self) -> Facts:
        stopped = self.watch.stopped_daemon()
        if stopped is not None:
            return Facts(self.clock.now_s(), DaemonState.STOPPED, trouble=Trouble(pid=stopped))
        self._take_events()  # connects the bus first: what happens after the list was made is not missed
        try:
            daemon, entries = self._ask()
        except NoDaemon as error:
            return self._look_without_daemon(error)
        except NoAnswer as error:
            pid = socket_owner(self.watch.address) or living_daemon(self._pid_file)
            if is_stopped(pid):
                return Facts(self.clock.now_s(), DaemonState.STOPPED, trouble=Trouble(pid=pid))
            return Facts(
                self.clock.now_s(), DaemonState.HUNG, trouble=self.watch.is_silent(error, pid, listens=True)
            )
        self._refused_s = float("-inf")
        self._take_events()
        now_s = self.clock.now_s()
        identity = (daemon.pid, daemon.start_ticks)
        trouble = self.watch.answers(identity, lambda: roster_entries(_apps(entries)), self.intents)
        listed = processes(entries)
        self._intents = learn(
            self._intents, identity, listed, tuple(self._events), gap=self._gap, now_s=now_s
        )
        self._events.clear()
        self._gap = False
        self._entries = entries
        reloading = reload_under_way(self.home, now_s)
        noted = self._memory.load_recreation()
        return Facts(
            now_s, DaemonState.ALIVE, daemon, listed, self._intents, reloading, noted, trouble=trouble
        )

    def _look_without_daemon(self, error: NoDaemon) -> Facts:
        """Judge that nobody listens, after a second question (safety S14).

        A look that was refused twice is enough for those right after it: they ask once.
        """
        asked_s = self.clock.elapsed_s()
        sure_before = asked_s - self._refused_s <= REFUSED_LASTS_S
        pid = self.watch.unreachable()
        if pid is None and sure_before:
            return self._away(error)
        self.clock.wait(max(asked_s + SECOND_QUESTION_S - self.clock.elapsed_s(), 0.0))
        try:
            self.pm2.daemon()
        except NoDaemon as again:
            if pid is not None:  # one that was just killed is there for a moment
                self.watch.forget_scene()
                pid = self.watch.unreachable()
            if pid is None:
                return self._away(again)
            refuse_elsewhere(pid, self.watch.address)
            silent = LookFailed(
                f"PM2's daemon (pid {pid}) lives and does not listen: it starts, or its socket is gone"
            )
            trouble = self.watch.is_silent(silent, pid, listens=False)
            return Facts(self.clock.now_s(), DaemonState.DEAF, trouble=trouble)
        return self._look_at_pm2()

    def _away(self, error: NoDaemon) -> Facts:
        self._refused_s = self.clock.elapsed_s()
        fate, trouble = self.watch.is_away(self.intents, pid_file_left=error.pid_file_left, twice=True)
        return Facts(self.clock.now_s(), AWAY[fate], trouble=trouble)

    def intents(self) -> Intents:
        """Return who stopped what, with what the bus said since the last look."""
        return heard(self._intents, self._events, self.clock.now_s())

    def means(self) -> Means:
        """Return what a revival of the daemon acts through.

        Raises:
            StepRefused: This observer was made for looking only.
        """
        if self._around is None:
            raise StepRefused("this observer was made for looking only")
        around = self._around
        return Means(
            self.pm2,
            self.clock,
            self.home,
            around.environment,
            SystemCommands(),
            around.programs,
            self.watch.scene,
        )

    def _look_at_dump(self, dump: DumpWatch, facts: Facts) -> SavedList:
        own = fingerprints(own_entries(self._entries or (), self.suites))
        listed = facts.processes if facts.state is DaemonState.ALIVE else None
        return dump.look(Seen(listed, self._intents, own), facts.at_s)

    def _ask(self) -> tuple[Daemon, list[Entry]]:
        """Return who is there, and the list: by PM2's sockets, else by its command line."""
        try:
            return self._who_and_what()
        except Garbled:
            if self._around is None:
                raise
            return self._around.by_command_line()

    def _who_and_what(self) -> tuple[Daemon, list[Entry]]:
        """Ask once more where the connection was closed: a daemon that was just killed still lets one in."""
        try:
            return self.pm2.daemon(), self.pm2.entries()
        except Closed:
            self.clock.wait(SECOND_QUESTION_S)
            return self.pm2.daemon(), self.pm2.entries()

    def saved(self) -> Roster:
        """Return what PM2 saved: its dump, or the one before."""
        return saved_roster(self._dumps, OWN_APPS)

    def seen_entries(self) -> list[Entry]:
        """Hand over the raw entries of the last look, in the order of its processes; once."""
        entries, self._entries = self._entries, None
        return entries or []

    def assess(self, facts: Facts) -> Assessment:
        """Judge a look."""
        return assess(facts)

    def remember(self, facts: Facts) -> None:
        """Keep roster, intents, and the notes about resting apps.

        Raises:
            EffectFailed: The disk said no.
        """
        entries, self._entries = self._entries, None  # a large list: not held while asleep
        self._guards = True
        self.watch.remember(FATES.get(facts.state), facts.trouble)
        if self._around is not None:
            self._around.apps.remember()
            self._around.dump.remember()
        if facts.daemon is None or entries is None:
            return
        self._save_roster(facts, facts.daemon, entries)
        self._memory.save_intents(self._intents)
        self._tracking.remember(facts.tracked)

    def see_all(self) -> None:
        """Look, and keep as the roster what is there now: before all of it is ended.

        Raises:
            LookFailed: There is no list to be had; the roster is left as it was last seen.
            EffectFailed: The disk said no.
        """
        facts = self.observe()
        if facts.daemon is not None:
            self._save_roster(facts, facts.daemon, self.seen_entries())

    def _save_roster(self, facts: Facts, daemon: Daemon, entries: Sequence[Entry]) -> None:
        if self.watch.frozen():
            return
        head = RosterHead(self.clock.boot_id(), (daemon.pid, daemon.start_ticks))
        own = [entry for entry in entries if entry.get("name") in OWN_APPS]
        seen = Roster(head, roster_entries(_apps(entries)), roster_entries(own))
        self._memory.save_roster(seen, (head, _signature(facts.processes)), facts.at_s)

    def forget(self, pm_id: int | str) -> None:
        """Note that we ourselves are about to delete an entry, so that it is not taken for a person's act.

        Raises:
            EffectFailed: The disk said no; then it must not be deleted.
        """
        self._intents = forgotten(self._intents, pm_id)
        self._memory.save_intents(self._intents)

    def rested(self, process: Process) -> None:
        """Note that we ourselves have stopped a process: it stays stopped when its daemon dies.

        Raises:
            EffectFailed: The disk said no.
        """
        self._intents = rested(self._intents, process, self.clock.now_s())
        self._memory.save_intents(self._intents)

    def note_our_stop(self, process: Process) -> None:
        """Note that we ourselves are about to stop a process, so that it is not taken for a person's act.

        Raises:
            EffectFailed: The disk said no; then it must not be stopped.
        """
        self._intents = stopped_by_us(self._intents, process, self.clock.now_s())
        self._memory.save_intents(self._intents)

    def ask_again(self, process: Process, wait_s: float) -> Said | None:
        """Ask a process that hangs once more; None where no answer came within that time."""
        return None if self._around is None else self._around.apps.ask_again(process, wait_s)

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
        """Return what becomes readable when PM2 or an app says something."""
        around = self._around
        return (*self.pm2.fds(), *((*around.apps.fds(), *around.ecosystem.fds()) if around else ()))

    def next_s(self) -> float | None:
        """Return when `pump` is due although PM2 says nothing: when an app is to be asked."""
        return self._around.apps.next_s() if self._around else None

    def hurries(self) -> bool:
        """Tell, once, that the bus has ended: a daemon's death is looked at right away (safety S14)."""
        hurries, self._hurries = self._hurries, False
        return hurries

    def pump(self) -> bool:
        """Read what PM2 and the apps said; tell whether it deserves a look."""
        before = len(self._events)
        connected = bool(self.pm2.fds())
        self._take_events()
        around = self._around
        answered = around is not None and around.apps.pump()
        evaluated = around is not None and around.ecosystem.pump()
        return answered or evaluated or len(self._events) > before or (connected and not self.pm2.fds())

    def close(self) -> None:
        """Drop the connections; a guard that ends in order says so, for the one after it."""
        if self.ecosystem is not None:
            self.ecosystem.close()
        if self._guards:
            with contextlib.suppress(EffectFailed):
                self.watch.guard_ends()
        self.pm2.close()
        if self._around is not None:
            self._around.apps.close()

    def _take_events(self) -> None:
        connected = bool(self.pm2.fds())
        self._events += self.pm2.drain()
        if connected and not self.pm2.fds():
            self.watch.end_was_seen()
            now_s = self.clock.elapsed_s()
            self._hurries = now_s - self._hurried_s >= HURRY_AGAIN_S
            self._hurried_s = now_s if self._hurries else self._hurried_s
        self._gap = self.pm2.gap() or self._gap or len(self._events) > MOST_EVENTS
        del self._events[:-MOST_EVENTS]


def _apps(entries: Sequence[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.get("name") not in OURS]


def _signature(listed: Sequence[Process]) -> tuple[object, ...]:
    """Return what the roster is written anew for: an entry or its state changed, not its counters."""
    return tuple(
        (one.pm_id, one.name, one.status, one.unique_id, one.created_at_ms, one.mode) for one in listed
    )
