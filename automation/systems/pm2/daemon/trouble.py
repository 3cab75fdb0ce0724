"""What is wrong with PM2's daemon, as one look saw it. Frozen values."""

from __future__ import annotations

from dataclasses import dataclass

from automation.systems.pm2.daemon.death import Lost


@dataclass(frozen=True, slots=True)
class Ghost:
    """A second daemon of the same home: its process, and how many children it has."""

    pid: int
    start_ticks: int
    children: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a look saw of the daemon's death or its kin.

    * `settled`: nobody else is at work on it, and there was time for somebody to be;
    * `sure`: it was looked at twice within this look, after its end had been seen;
    * `commands`: pids of pm2 commands under way; `pid` is the daemon that hangs or does not listen;
    * `missing`: apps of the daemon that died which the new one has not; `leftover`: their pids that live on;
    * `lost`: what could not be brought back; `ghosts`: daemons out of reach, seen on three looks: beside
      the one that answers, or, where none does, with no app among them;
    * `sockets_gone`: socket files that were removed under a daemon which we still reach.
    """

    settled: bool = True
    sure: bool = False
    commands: tuple[int, ...] = ()
    pid: int | None = None
    missing: tuple[str, ...] = ()
    leftover: tuple[int, ...] = ()
    lost: tuple[Lost, ...] = ()
    ghosts: tuple[Ghost, ...] = ()
    sockets_gone: tuple[str, ...] = ()
