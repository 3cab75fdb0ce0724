"""What is wrong with PM2's daemon. Pure: one look in, findings out."""

from __future__ import annotations

from collections.abc import Iterator

from automation.core.finding import Finding, Severity
from automation.systems.pm2.daemon.trouble import Trouble

SUBJECT = "PM2"
MOST_NAMES = 8


def daemon_dead(trouble: Trouble) -> Iterator[Finding]:
    """Report that the daemon is gone and did not end in order; while somebody may be at work, only that."""
    if trouble.settled:
        yield Finding(
            "daemon-dead",
            SUBJECT,
            Severity.CRITICAL,
            "PM2's daemon is dead: nobody listens on its socket, and it did not end in order",
            "`recovery` ends what is left over, starts a daemon and brings each app back as it was; "
            "`pm2 resurrect` alone would start second copies beside what lives on",
            sure=trouble.sure,
        )
        return
    said = "waiting for whoever may be at work on it"
    if trouble.commands:
        said = f"a pm2 command is under way (pid {', '.join(map(str, trouble.commands))})"
    yield Finding("daemon-missing", SUBJECT, Severity.CRITICAL, f"PM2's daemon is gone; {said}")


def daemon_ended() -> Iterator[Finding]:
    """Report that PM2 was ended in order: a person's act, which is not undone (safety S14)."""
    yield Finding(
        "daemon-ended",
        SUBJECT,
        Severity.WARNING,
        "PM2 was ended in order (`pm2 kill`, or its service was stopped)",
        "`pm2 resurrect` brings back what was saved",
    )


def daemon_stopped(trouble: Trouble) -> Iterator[Finding]:
    """Report a daemon that a signal has stopped: every pm2 command hangs, and no app is restarted."""
    yield Finding(
        "daemon-stopped",
        SUBJECT,
        Severity.CRITICAL,
        f"PM2's daemon (pid {trouble.pid}) was stopped by a signal: it restarts nothing and answers nobody",
        f"`kill -CONT {trouble.pid}` lets it go on",
    )


def daemon_hung(trouble: Trouble, *, listens: bool) -> Iterator[Finding]:
    """Report a daemon that lives and was of no use on three looks: it is silent, or has lost its socket."""
    said = "does not answer" if listens else "does not listen: its socket is gone"
    yield Finding(
        "daemon-hung" if listens else "daemon-deaf",
        SUBJECT,
        Severity.CRITICAL,
        f"PM2's daemon (pid {trouble.pid}) lives and {said}, on three looks in a row",
        "`recovery --level emergency` ends it and brings each app back as it was",
    )


def sockets_gone(trouble: Trouble) -> Iterator[Finding]:
    """Report that socket files were removed under a daemon that lives, and that we reached before."""
    if trouble.sockets_gone:
        yield Finding(
            "sockets-gone",
            SUBJECT,
            Severity.WARNING,
            f"removed under PM2's living daemon: {', '.join(trouble.sockets_gone)}; "
            "the next pm2 command would start a second daemon",
            "run no pm2 command now; `recovery` puts them back",
        )


def daemon_split(trouble: Trouble) -> Iterator[Finding]:
    """Report daemons of the same home that nobody reaches: with apps, or only in the way."""
    apps = any(one.children for one in trouble.ghosts)
    if trouble.ghosts:
        said = ", ".join(f"pid {one.pid} with {one.children} children" for one in trouble.ghosts)
        yield Finding(
            "daemon-split" if apps else "daemon-idle",
            SUBJECT,
            Severity.CRITICAL if apps else Severity.WARNING,
            f"a PM2 daemon lives in this home, out of reach: {said}"
            if trouble.pid is not None
            else f"a second PM2 daemon lives in this home, out of reach: {said}",
            "do not end it by SIGTERM, which would overwrite PM2's dump with its list; "
            f"`kill -9 {trouble.ghosts[0].pid}`, then `recovery`",
        )


def daemon_replaced(trouble: Trouble) -> Iterator[Finding]:
    """Report that another daemon took the place of one that died, and what is not undone of that."""
    if not trouble.missing and not trouble.leftover:
        return
    said = []
    if trouble.missing:
        said.append(f"{len(trouble.missing)} apps are not back: {_some(trouble.missing)}")
    if trouble.leftover:
        said.append(f"left over without a daemon: pid {_some(tuple(map(str, trouble.leftover)))}")
    waiting = "" if trouble.settled else "; waiting for whoever may be at work on it"
    yield Finding(
        "daemon-replaced" if trouble.settled else "daemon-returning",
        SUBJECT,
        Severity.CRITICAL,
        f"PM2's daemon died, and another took its place; {'; '.join(said)}{waiting}",
        "`recovery` brings each app back as it was",
        sure=trouble.sure,
    )


def app_lost(trouble: Trouble) -> Iterator[Finding]:
    """Report what could not be brought back after the daemon's death."""
    for one in trouble.lost:
        yield Finding(
            "app-lost",
            one.slot[0],
            Severity.CRITICAL,
            f"it ran before PM2's daemon died, and could not be brought back: {one.why}",
            "start it again as it was started first: `pm2 start …`",
        )


def _some(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:MOST_NAMES])
    return f"{shown} and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else shown
