"""Watching the daemon from look to look: who it is, what became of the last one, and what is still undone."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from automation.core.errors import LookFailed
from automation.ports.clock import Clock
from automation.ports.files import write_whole
from automation.ports.process import alive, start_ticks
from automation.ports.process_table import Running, is_stopped
from automation.systems.pm2.daemon.death import Death, Lost
from automation.systems.pm2.daemon.fate import Ends, Fate, Identity, Seen, fate
from automation.systems.pm2.daemon.in_a_row import InARow
from automation.systems.pm2.daemon.leftover import left_over
from automation.systems.pm2.daemon.records import DaemonRecords
from automation.systems.pm2.daemon.returning import returning, slot_of
from automation.systems.pm2.daemon.runtime import in_foreground, note
from automation.systems.pm2.daemon.saved import saved_roster
from automation.systems.pm2.daemon.sockets import gone, keep, lead_to, put_back
from automation.systems.pm2.daemon.suspects import Scene, pid_in, survey
from automation.systems.pm2.daemon.trouble import Ghost, Trouble
from automation.systems.pm2.daemon.waiting import Waiting
from automation.systems.pm2.home import living_daemon
from automation.systems.pm2.intents import Intents
from automation.systems.pm2.memory import Memory
from automation.systems.pm2.process import OWN_APPS
from automation.systems.pm2.roster import Listed, Roster

PATIENCE_S = 15.0  # a cold start waits that long for whoever may be at work (safety S14)
COMMAND_LASTS_S = 60.0  # a pm2 command that lives longer is not about to start or end anything
LOOK_AGAIN_S = 5.0
SCENE_LASTS_S = 0.25
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Place:
    """Which home is watched: its folder, where its sockets, pid file and dumps are, and by which clock.

    `own` is our folder in it.
    """

    home: Path
    own: Path
    sockets: tuple[Path, ...]
    pid_file: Path
    dumps: tuple[Path, ...]
    clock: Clock


class DaemonWatch:
    """What one guard knows of its daemon beyond the present look.

    Args:
        place: What is watched.
        memory: Roster and intents.
        records: The death note and the marks of orderly ends.
        patience_s: How long somebody else gets to set right what this process did not see break.
    """

    def __init__(
        self, place: Place, memory: Memory, records: DaemonRecords, *, patience_s: float = PATIENCE_S
    ) -> None:
        self.records = records
        self._place = place
        self._memory = memory
        self._patience_s = patience_s
        self._began_s = place.clock.elapsed_s()
        self._death = records.load_death()
        self._saved_death = self._death
        self._now: Identity | None = None
        self._watched: Identity | None = None
        self._left: bool | None = None
        self._foreground = False
        self._waiting = Waiting()
        self._silent = InARow()
        self._split = InARow()
        self._rival: Identity | None = None
        self._rival_intents: Intents | None = None
        self._scene: tuple[float, Scene] | None = None
        # This process had seen the daemon alive that is gone now, or goes on with what another one began.
        self._saw_it = self._death is not None and self._death.begun

    @property
    def death(self) -> Death | None:
        """The death whose apps are not all back."""
        return self._death

    @property
    def address(self) -> Path:
        """Where PM2's daemon listens for calls."""
        return self._place.sockets[0]

    def frozen(self) -> bool:
        """Tell whether the roster must stay as it is: what it holds is not all back."""
        return self._rival is not None or (self._death is not None and not self._death.over)

    def scene(self) -> Scene:
        """Return what lives of this home; for a moment what was seen just now: a look costs milliseconds."""
        now_s = self._place.clock.elapsed_s()
        if self._scene is None or not 0 <= now_s - self._scene[0] <= SCENE_LASTS_S:
            self._scene = (now_s, survey(self._place.home))
        return self._scene[1]

    def commands(self) -> tuple[int, ...]:
        """Return the pids of pm2 commands under way in this home."""
        return self._commands(self.scene())

    def stopped_daemon(self) -> int | None:
        """Return the pid of the daemon that we know, where a signal has stopped it: it need not be asked."""
        if self._now is None:
            return None
        return self._now[0] if is_stopped(self._now[0]) and _lives(self._now) else None

    def end_was_seen(self) -> None:
        """Note, when the bus ends, whether the daemon left its pid file behind; another's says nothing."""
        named = pid_in(self._place.pid_file)
        self._left = False if named is None else True if self._now and named == self._now[0] else None

    def answers(
        self, daemon: Identity, present: Callable[[], Sequence[Listed]], intents: Callable[[], Intents]
    ) -> Trouble | None:
        """Judge a daemon that answers; None where nothing is wrong with it.

        Args:
            daemon: Who it is.
            present: What it lists.
            intents: Who stopped what, as far as is known of the last daemon.
        """
        self._silent.ends()
        if daemon != self._now:
            self._judge(daemon, intents)
            self._now = daemon
        elif self._rival is not None and not _lives(self._rival):
            rival_intents, self._rival = self._rival_intents, None
            self._judge(daemon, intents if rival_intents is None else lambda: rival_intents)
        self._left = None
        self._foreground = in_foreground(daemon[0])
        if self._foreground:  # it starts what its container says: what ran in the last one is not missing
            self._death = None
        ghosts = self._ghosts(daemon)
        missing_sockets = tuple(map(str, gone(self._place.sockets)))
        death = self._death
        if death is None:
            found = Trouble(ghosts=ghosts, sockets_gone=missing_sockets)
            return found if ghosts or missing_sockets else None
        missing, lost = self._not_back(death, present())
        scene = Scene({}) if death.over else self.scene()
        commands = self._commands(scene)
        return Trouble(
            settled=self._settled(commands),
            commands=commands,
            missing=missing,
            leftover=tuple(one.root.pid for one in left_over(scene, self.roster())) if scene.table else (),
            lost=lost,
            ghosts=ghosts,
            sockets_gone=missing_sockets,
        )

    def is_away(
        self, intents: Callable[[], Intents], *, pid_file_left: bool, twice: bool
    ) -> tuple[Fate, Trouble]:
        """Judge that nobody listens."""
        self._silent.ends()
        self._left = pid_file_left
        found = self._judge(None, intents)
        if found is not Fate.CRASHED:
            return found, Trouble()
        commands = self._commands(self.scene())
        settled = self._settled(commands)
        return found, Trouble(settled=settled, sure=settled and twice and self._saw_it, commands=commands)

    def unreachable(self) -> int | None:
        """Return the pid of a daemon of this home that lives although nobody listens; None where none does.

        Best the one whose apps we know: pm2.pid may name another one, that came and went.
        """
        head = self._memory.roster_head()
        if head is not None and head.boot_id == self._place.clock.boot_id() and _lives(head.daemon):
            return head.daemon[0]
        named = living_daemon(self._place.pid_file)
        if named is not None:
            return named
        return next((one.pid for one in self.scene().daemons), None)

    def is_silent(self, error: LookFailed, pid: int | None, *, listens: bool) -> Trouble:
        """Judge a daemon that lives and does not answer; three looks over some seconds make it hung.

        One that does not listen may be ending, or beginning, by a pm2 command that is under way.

        Raises:
            LookFailed: It is not sure yet.
        """
        lasts = self._silent.again(self._place.clock.elapsed_s())
        if not lasts or (not listens and self._commands(self.scene())):
            error.look_again_s = LOOK_AGAIN_S
            raise error
        return Trouble(pid=pid, ghosts=() if listens else self._in_the_way())

    def forget_scene(self) -> None:
        """Look anew at the next question: it was changed by us."""
        self._scene = None

    def remember(self, found: Fate | None, trouble: Trouble | None) -> None:
        """Write down what must outlive this process; called by the loop alone. `found` is None: one lives.

        Raises:
            EffectFailed: The disk said no.
        """
        head = self._memory.roster_head() if found is Fate.ENDED else None
        if head is not None:
            self.records.save_ends(Ends(head.daemon, daemon_in_order=True))
        self._death = self._still_undone(found, trouble)
        if self._death != self._saved_death:
            self.records.save_death(self._death)
            self._saved_death = self._death
        if found is None and self._rival is None:
            note(self._place.own, foreground=self._foreground)
            self._forget_guard_before()
            keep(self._place.sockets, self._place.own)

    def put_sockets_back(self, daemon: int) -> tuple[Path, ...]:
        """Give the socket files that are gone their names again (errors: see sockets.put_back)."""
        return put_back(self._place.sockets, self._place.own, daemon)

    def first_can_have_its_sockets_back(self) -> Identity | None:
        """Return the first of two daemons, which has all the apps, where it can be made reachable again."""
        rival = self._rival
        if rival is None or not lead_to(self._place.sockets, self._place.own, rival[0]):
            return None
        return rival

    def give_back_to(self, first: Identity) -> None:
        """Put a daemon's sockets and its pid back in the place of those of one that was ended.

        Raises:
            EffectFailed: The disk said no.
        """
        for address in self._place.sockets:
            address.unlink(missing_ok=True)
        self.put_sockets_back(first[0])
        self.claim_pid_file(first[0])
        self._rival = None
        self._now = first

    def guard_ends(self) -> None:
        """Write down that this guard ended in order, after it had seen a daemon alive.

        Raises:
            EffectFailed: The disk said no.
        """
        ends = self.records.load_ends()
        if self._now is None or self.frozen() or (ends and ends.daemon_in_order and ends.daemon == self._now):
            return
        self.records.save_ends(Ends(self._now, guard_in_order=True))

    def _forget_guard_before(self) -> None:
        """Take back that a guard before us had ended in order: this one sees again what happens."""
        ends = self.records.load_ends() if self._now != self._watched else None
        if ends is not None and self._now == ends.daemon and ends.guard_in_order:
            self.records.save_ends(replace(ends, guard_in_order=False))
        self._watched = self._now

    def begins_to_return(self, intents: Intents, *, daemon: Identity | None = None) -> Death:
        """Return the note of the death that is being undone, written before anything is done.

        Raises:
            EffectFailed: The disk said no; then nothing may be done.
        """
        if self._death is None or self._death.over:
            head = self._memory.roster_head()
            identity = daemon or (head.daemon if head is not None else (0, 0))
            self._death = Death(identity, self._place.clock.now_s(), intents)
        self._death = replace(self._death, begun=True)
        self.records.save_death(self._death)
        self._saved_death = self._death
        return self._death

    def returned(self, death: Death) -> None:
        """Write down what could not be brought back.

        Raises:
            EffectFailed: The disk said no.
        """
        self._death = death
        self._rival = None
        self.records.save_death(death)
        self._saved_death = death

    def roster(self) -> Roster:
        """Return what the last daemon had; where there is no roster, what PM2 saved (safety S11)."""
        return self._memory.load_roster() or saved_roster(self._place.dumps, OWN_APPS)

    def _judge(self, now: Identity | None, intents: Callable[[], Intents]) -> Fate:
        head = self._memory.roster_head()
        last = None if head is None else head.daemon
        lives = last is not None and _lives(last)
        found = fate(
            Seen(
                boot_id=self._place.clock.boot_id(),
                last=last,
                last_boot_id="" if head is None else head.boot_id,
                now=now,
                pid_file_left=self._left,
                same_guard=self._now is not None and self._now == last,
                last_lives=lives,
                ends=self.records.load_ends(),
            )
        )
        if found is Fate.CRASHED and (self._death is None or self._death.over):
            self._death = Death(last or (0, 0), self._place.clock.now_s(), intents())
        self._saw_it = self._saw_it or (found is Fate.CRASHED and self._now is not None)
        if found is Fate.SPLIT:
            self._rival, self._rival_intents = last, intents()
        return found

    def _settled(self, commands: tuple[int, ...]) -> bool:
        if commands:
            return False
        waited_s = self._place.clock.elapsed_s() - self._began_s
        return self._saw_it or waited_s >= self._patience_s

    def _commands(self, scene: Scene) -> tuple[int, ...]:
        """Return the pm2 commands under way that may be about to set things right themselves."""
        now_ticks = self._place.clock.elapsed_s() * TICKS_A_SECOND
        oldest = now_ticks - COMMAND_LASTS_S * TICKS_A_SECOND
        found = tuple(one.pid for one in scene.commands if one.start_ticks >= oldest)
        over = self._waiting.is_over(self._place.clock.elapsed_s(), at_work=bool(found))
        return () if over else found

    def _not_back(self, death: Death, present: Sequence[Listed]) -> tuple[tuple[str, ...], tuple[Lost, ...]]:
        roster = () if death.over else self.roster().apps
        missing = returning(roster, present, death.intents, given_up=death.given_up)
        there = {slot_of(one) for one in present}
        lost = tuple(one for one in death.lost if one.slot not in there)
        return tuple(one.process.label for one in missing), lost

    def _ghosts(self, daemon: Identity) -> tuple[Ghost, ...]:
        """Return the other daemons of this home, once they were seen on three looks."""
        named = living_daemon(self._place.pid_file)
        rival = self._rival is not None and _lives(self._rival)
        if not rival and named in {None, daemon[0]}:
            self._split.ends()
            self._rival = None
            return ()
        scene = self.scene()
        others = [one for one in scene.daemons if one.pid != daemon[0]]
        if not others or self._commands(scene):
            self._split.ends()
            return ()
        if not self._split.again(self._place.clock.elapsed_s()):
            return ()
        return _as_ghosts(others, scene)

    def _in_the_way(self) -> tuple[Ghost, ...]:
        """Return the daemons that nobody reaches, where none of them has an app or is the one we know."""
        head = self._memory.roster_head()
        if head is not None and _lives(head.daemon):
            return ()
        ghosts = _as_ghosts(self.scene().daemons, self.scene())
        return () if any(one.children for one in ghosts) else ghosts

    def claim_pid_file(self, daemon: int) -> None:
        """Let pm2.pid name the daemon that there is, where it names one that was ended.

        Raises:
            EffectFailed: The disk said no.
        """
        write_whole(self._place.pid_file, str(daemon).encode(), mode=0o644)

    def _still_undone(self, found: Fate | None, trouble: Trouble | None) -> Death | None:
        """Return the note as a look leaves it; while no daemon answers, nothing shows that all is back."""
        death = self._death
        if found in {Fate.ENDED, Fate.NEVER}:
            return None
        if death is None or found is not None or trouble is None or trouble.pid is not None:
            return death
        if trouble.settled and not trouble.missing and not trouble.leftover:
            death = replace(death, over=True)
        return None if death.over and not trouble.lost else death


def _as_ghosts(daemons: Sequence[Running], scene: Scene) -> tuple[Ghost, ...]:
    children = Counter(one.parent for one in scene.table.values())
    return tuple(Ghost(one.pid, one.start_ticks, children[one.pid]) for one in daemons)


def _lives(daemon: Identity) -> bool:
    return start_ticks(daemon[0]) == daemon[1] and alive(daemon[0])
