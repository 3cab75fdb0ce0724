"""What the launch needs of the outside world: a clock, programs, and PM2's list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from automation.core.errors import CommandFailed
from automation.core.moments import to_text
from automation.launch.holders import Entry, entries_from
from automation.launch.places import Places, environment_for_pm2
from automation.ports.clock import Clock
from automation.ports.commands import Commands
from automation.ports.files import make_folder, refuse_remote
from automation.ports.locks import HeldLock, locked
from automation.systems.pm2.wire.door import NoDaemon

START_TIMEOUT_S = 90.0
LOCK_TIMEOUT_S = 30.0
ONE_AT_A_TIME_S = 240.0


class Supervisor(Protocol):
    """PM2's list, over its own socket; never starts a daemon."""

    def entries(self) -> Sequence[Mapping[str, object]]:
        """Return the elements of its list; raises NoDaemon, or LookFailed."""
        ...

    def stop(self, pm_id: int | str, /) -> object:
        """End an app and keep it in the list."""
        ...

    def delete(self, pm_id: int | str, /) -> object:
        """End an app and take it out of the list."""
        ...


@dataclass(frozen=True, slots=True)
class Doors:
    """The outside world of one run, and the environment that it was started with."""

    clock: Clock
    commands: Commands
    supervisor: Supervisor
    environment: Mapping[str, str]

    def entries(self) -> tuple[Entry, ...]:
        """Return PM2's list; empty where no daemon lives.

        Raises:
            LookFailed: A daemon lives and does not say.
        """
        try:
            return entries_from(self.supervisor.entries())
        except NoDaemon:
            return ()

    def one_at_a_time(self, places: Places) -> AbstractContextManager[HeldLock]:
        """Hold the lock that makes two starts, or a start and a stop, wait for each other.

        Raises:
            LockBusy: Another one has been at it for longer than a start takes.
        """
        folder = places.logs / "state"
        make_folder(folder, mode=0o700)
        since = to_text(self.clock.now_s())
        return locked(
            folder / "start.lock", purpose="the start script", since=since, timeout_s=ONE_AT_A_TIME_S
        )


def start_with_pm2(
    places: Places, doors: Doors, names: Sequence[str], *, keep_shutdown: bool = False
) -> None:
    """Start these apps from the ecosystem file, or restart those that run.

    A daemon that has to be spawned gets an environment without settings: what a daemon has, it keeps.

    Raises:
        CommandFailed: PM2 said no.
        CommandTimedOut: It did not end in time.
        LockBusy: Another process is starting or ending the daemon.
    """
    environment = environment_for_pm2(places, doors.environment, keep_shutdown=keep_shutdown)
    bare = {name: environment[name] for name in ("PATH", "PM2_HOME")}
    make_folder(places.daemon_lock.parent, mode=0o700)
    refuse_remote(places.daemon_lock.parent, "PM2_HOME")
    with locked(
        places.daemon_lock,
        purpose="starting the suite's apps",
        since=to_text(doors.clock.now_s()),
        timeout_s=LOCK_TIMEOUT_S,
    ):
        _run(places, doors, bare, "ping")
        _run(places, doors, environment, "start", str(places.config), "--only", ",".join(names))


def _run(places: Places, doors: Doors, environment: Mapping[str, str], *words: str) -> None:
    argv = (places.pm2, *words)
    ran = doors.commands.run(*argv, timeout_s=START_TIMEOUT_S, env=environment, cwd=places.suite)
    if ran.status != 0:
        said = [line for line in (ran.stderr + "\n" + ran.stdout).splitlines() if "error" in line.lower()]
        raise CommandFailed((f"pm2 {words[0]}",), ran.status, said[0] if said else ran.stderr)


def folders(places: Places) -> None:
    """Make what the apps write into, and keep it out of git and deploys (safety S23).

    Raises:
        EffectFailed: The disk says no, or is a remote one.
    """
    make_folder(places.logs)
    make_folder(places.logs / "state", mode=0o700)
    refuse_remote(places.logs)
    ignore = Path(places.logs / ".gitignore")
    if not ignore.exists():
        ignore.write_text("*\n", "utf-8")
