"""What is done against the daemon's death and its kin; each step looks again first, under the daemon lock."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from automation.core.errors import EffectFailed, StepRefused
from automation.core.moments import to_text
from automation.ports.ending import Ending, Named, available, send
from automation.ports.locks import locked
from automation.ports.process import start_ticks
from automation.systems.pm2.daemon.fate import Identity
from automation.systems.pm2.daemon.revival import AFTER_KILL_S, revive
from automation.systems.pm2.facts import DaemonState, Facts
from automation.systems.pm2.observer import Pm2Observer

LOCK_WAIT_S = 5.0
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
    revived = revive(observer.means(), watch.roster(), death)
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


def restart_daemon(observer: Pm2Observer, _subject: str) -> str:
    """End a daemon that hangs, and bring back what it had (safety S9).

    By SIGKILL: at SIGTERM it would overwrite PM2's dump with its list.

    Raises:
        StepRefused: There is none that hangs, or nobody knows what it had.
        EffectFailed: It cannot be ended, or not all came back.
    """
    with _daemon_lock(observer, "restarting PM2's daemon, which hangs"):
        daemon = _hung(observer.observe())
        _end(observer, daemon)
        return return_all(observer, of=(daemon.pid, daemon.start_ticks))


def end_second_daemon(observer: Pm2Observer, _subject: str) -> str:
    """End the daemons of this home that are out of reach, and bring into the reachable one what they had.

    Raises:
        StepRefused: One of them has apps of which nothing is known.
        EffectFailed: One cannot be ended, or not all came back.
    """
    with _daemon_lock(observer, "ending a second PM2 daemon"):
        facts = observer.observe()
        ghosts = facts.trouble.ghosts if facts.trouble else ()
        if not ghosts:
            return "not needed: there is no second daemon"
        known = observer.watch.roster().head.daemon
        strange = [one for one in ghosts if one.children and (one.pid, one.start_ticks) != known]
        if strange:
            raise StepRefused(
                f"pid {strange[0].pid} has {strange[0].children} children that nobody could bring back"
            )
        for one in ghosts:
            _end(observer, Named(one.pid, one.start_ticks))
        ended = f"ended pid {', '.join(str(one.pid) for one in ghosts)}"
        if any(one.children for one in ghosts):
            return f"{ended}; {return_all(observer, of=known)}"
        return ended


@contextmanager
def _daemon_lock(observer: Pm2Observer, purpose: str) -> Iterator[None]:
    if not available():
        raise StepRefused(NO_HANDLES)
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
    pid = facts.trouble.pid if facts.trouble and facts.state in {DaemonState.HUNG, DaemonState.DEAF} else None
    ticks = None if pid is None else start_ticks(pid)
    if pid is None or ticks is None:
        raise StepRefused("PM2's daemon does not hang any more")
    return Named(pid, ticks)


def _end(observer: Pm2Observer, daemon: Named) -> None:
    with Ending((daemon,)) as ending:
        ending.kill()
        if ending.wait(observer.clock, AFTER_KILL_S):
            raise EffectFailed(
                f"pid {daemon.pid} outlived SIGKILL: it is not ours to end, or waits for a disk"
            )
