"""What is done against the daemon's death and its kin; each step looks again first, under the daemon lock."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from automation.core.errors import LookFailed, StepImpossible, StepRefused
from automation.core.moments import to_text
from automation.ports.ending import Ending, Named, available, send
from automation.ports.locks import locked
from automation.ports.process import start_ticks
from automation.ports.socket_owner import socket_owner
from automation.systems.pm2.checks import is_app
from automation.systems.pm2.daemon.ending_all import AFTER_KILL_S, end_daemon
from automation.systems.pm2.daemon.fate import Identity
from automation.systems.pm2.daemon.kill_all import automatic, read_kill_all, write_kill_all
from automation.systems.pm2.daemon.revival import patience_s, revive
from automation.systems.pm2.daemon.runtime import refuse_in_foreground
from automation.systems.pm2.daemon.suspects import survey
from automation.systems.pm2.facts import DaemonState, Facts
from automation.systems.pm2.observer import Pm2Observer
from automation.systems.pm2.process import OWN_APPS

LOCK_WAIT_S = 5.0
NO_USE = frozenset({DaemonState.STOPPED, DaemonState.HUNG, DaemonState.DEAF})
NO_HANDLES = "this kernel has no process handles (pidfd): nothing is ended or started; see the advice"


def bring_back(observer: Pm2Observer, _subject: str) -> str:
    """Bring every app back as it was: orphans out, one daemon, what is missing prepared.

    Raises:
        StepRefused: This machine lacks what it takes to do it safely.
        EffectFailed: There is no daemon, or something is still missing.
    """
    with _daemon_lock(observer, "bringing PM2 back"):
        facts = observer.observe()
        if facts.state is DaemonState.ENDED or (facts.state is DaemonState.ALIVE and not _undone(facts)):
            return "not needed: nothing is missing"
        return return_all(observer)


def return_all(observer: Pm2Observer, *, of: Identity | None = None) -> str:
    """Do it, whatever the look says; the caller holds the daemon lock (errors: see bring_back)."""
    watch = observer.watch
    death = watch.begins_to_return(observer.intents(), daemon=of)
    try:
        revived = revive(observer.means(), watch.roster(), death)
    finally:
        watch.forget_scene()
    watch.returned(revived.death)
    return revived.said


def continue_daemon(observer: Pm2Observer, _subject: str) -> str:
    """Wake a daemon that was stopped by a signal.

    Raises:
        StepRefused: There is none that hangs.
    """
    daemon = _hung(observer.observe())
    if not send(daemon, signal.SIGCONT):
        raise StepRefused(f"pid {daemon.pid} cannot be sent a signal")
    return f"sent SIGCONT to PM2's daemon (pid {daemon.pid})"


def put_sockets_back(observer: Pm2Observer, _subject: str) -> str:
    """Give the socket files of a living daemon their names again: nothing is restarted.

    Raises:
        EffectFailed: There is no second name of them.
        StepRefused: No daemon lives.
    """
    with _daemon_lock(observer, "putting PM2's socket files back"):
        facts = observer.observe()
        pid = facts.daemon.pid if facts.daemon else _hung(facts).pid
        back = observer.watch.put_sockets_back(pid)
        return f"put back {', '.join(one.name for one in back)}" if back else "not needed: they are there"


def restart_daemon(observer: Pm2Observer, _subject: str) -> str:
    """End a daemon that hangs, and bring back what it had (safety S9).

    By SIGKILL: at SIGTERM it would overwrite PM2's dump with its list.

    Raises:
        StepRefused: There is none that hangs, or nobody knows what it had.
        EffectFailed: It cannot be ended, or not all came back.
    """
    with _daemon_lock(observer, "restarting PM2's daemon, which hangs"):
        daemon = _hung(observer.observe())
        _once_a_day(observer)
        _end(observer, daemon)
        return return_all(observer, of=(daemon.pid, daemon.start_ticks))


def end_second_daemon(observer: Pm2Observer, _subject: str) -> str:
    """Make one daemon of two, the gentler way that there is.

    Where the one that took the sockets has no apps, it is ended, the first one gets its sockets back, and
    nothing is restarted. Otherwise those out of reach are ended, and what they had is brought into the other.

    Raises:
        StepRefused: One of them has apps of which nothing is known.
        EffectFailed: One cannot be ended, or not all came back.
    """
    with _daemon_lock(observer, "ending a second PM2 daemon"):
        facts = observer.observe()
        ghosts = facts.trouble.ghosts if facts.trouble else ()
        if not ghosts:
            return "not needed: there is no second daemon"
        first = observer.watch.first_can_have_its_sockets_back()
        if first is not None and facts.daemon is not None and not any(map(is_app, facts.processes)):
            with Ending((Named(facts.daemon.pid, facts.daemon.start_ticks),)) as ending:
                ending.kill()
                ending.wait(observer.clock, AFTER_KILL_S)
            observer.watch.forget_scene()
            observer.pm2.close()
            observer.watch.give_back_to(first)
            return f"ended pid {facts.daemon.pid}, which had no apps; pid {first[0]} has its sockets back"
        known = observer.watch.roster().head.daemon
        strange = [one for one in ghosts if one.children and (one.pid, one.start_ticks) != known]
        if strange:
            raise StepRefused(
                f"pid {strange[0].pid} has {strange[0].children} children that nobody could bring back"
            )
        if any(one.children for one in ghosts):
            _once_a_day(observer)
        for one in ghosts:
            _end(observer, Named(one.pid, one.start_ticks))
        if facts.daemon is not None:
            observer.watch.claim_pid_file(facts.daemon.pid)
        ended = f"ended pid {', '.join(str(one.pid) for one in ghosts)}"
        if any(one.children for one in ghosts):
            return f"{ended}; {return_all(observer, of=known)}"
        return ended


def _once_a_day(observer: Pm2Observer) -> None:
    """Write down that a daemon with apps is ended without being told to.

    Raises:
        StepRefused: One was, less than 24 h ago (safety S9).
        EffectFailed: The disk said no; then none may be ended.
    """
    if observer.by_hand:
        return
    own = observer.daemon_lock.parent
    write_kill_all(own, automatic(read_kill_all(own), observer.clock.now_s()))


@contextmanager
def _daemon_lock(observer: Pm2Observer, purpose: str) -> Iterator[None]:
    if not available():
        raise StepImpossible(NO_HANDLES)
    refuse_in_foreground(observer.daemon_lock.parent, socket_owner(observer.watch.address))
    since = to_text(observer.clock.now_s())
    with locked(observer.daemon_lock, purpose=purpose, since=since, timeout_s=LOCK_WAIT_S):
        yield


def _undone(facts: Facts) -> bool:
    return facts.trouble is not None and bool(facts.trouble.missing or facts.trouble.leftover)


def _hung(facts: Facts) -> Named:
    """Return the daemon that hangs.

    Raises:
        StepRefused: None does.
    """
    pid = facts.trouble.pid if facts.trouble and facts.state in NO_USE else None
    ticks = None if pid is None else start_ticks(pid)
    if pid is None or ticks is None:
        raise StepRefused("PM2's daemon does not hang any more")
    return Named(pid, ticks)


def _end(observer: Pm2Observer, daemon: Named) -> None:
    """End a daemon and its apps, but for our own (errors: see end_daemon)."""
    scene = survey(observer.home)
    wait_s = patience_s(observer.watch.roster())
    end_daemon(daemon, scene, OWN_APPS, observer.clock, wait_s)
    observer.watch.forget_scene()


def start_over(observer: Pm2Observer) -> str:
    """End every daemon of this home with all that it runs, and bring back what was there (safety S9).

    Raises:
        StepRefused: This machine lacks what it takes to do it safely.
        EffectFailed: One cannot be ended, or not all came back.
    """
    with _daemon_lock(observer, "killing all and starting over"):
        with contextlib.suppress(LookFailed):
            observer.see_all()
        death = observer.watch.begins_to_return(observer.intents())
        daemons = survey(observer.home).daemons
        for one in daemons:
            _end(observer, Named(one.pid, one.start_ticks))
        done = return_all(observer, of=death.daemon)
        return f"ended pid {', '.join(str(one.pid) for one in daemons)}; {done}" if daemons else done
