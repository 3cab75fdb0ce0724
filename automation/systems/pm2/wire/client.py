"""The real PM2: its daemon's two sockets behind the protocol of `door`. It never starts a daemon."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from automation.core.errors import EffectFailed, LookFailed, StepRefused
from automation.ports.clock import Clock
from automation.ports.process import start_ticks
from automation.systems.pm2.wire.answers import list_of_entries, refuse_a_survivor
from automation.systems.pm2.wire.arguments import checked_entry, checked_id
from automation.systems.pm2.wire.at_once import call_all
from automation.systems.pm2.wire.bus import Bus
from automation.systems.pm2.wire.connection import connect, file_id, peer_pid, places
from automation.systems.pm2.wire.door import (
    ACT_TIMEOUT_S,
    LOOK_TIMEOUT_S,
    BusEvent,
    Closed,
    Daemon,
    Garbled,
)
from automation.systems.pm2.wire.rpc import Rpc

PREPARE = "prepare"

Fallback = Callable[[], list[dict[str, object]]]


class Pm2Client:
    """One PM2 daemon, over its own sockets (see door.Pm2).

    Args:
        pm2_home: PM2's home folder.
        clock: For time limits.
        environment: Where PM2's own variables may move its sockets and its pid file.
        fallback: How to get the list where a daemon lives that we do not understand; raises what it likes.
    """

    def __init__(
        self,
        pm2_home: Path,
        clock: Clock,
        environment: Mapping[str, str] | None = None,
        *,
        fallback: Fallback | None = None,
    ) -> None:
        self._places = places(pm2_home, environment or {})
        self._clock = clock
        self._fallback = fallback
        self._rpc: Rpc | None = None
        self._rpc_file: tuple[int, int] | None = None
        self._pid = 0
        self._bus: Bus | None = None
        self._bus_file: tuple[int, int] | None = None
        self._gap = True

    def daemon(self) -> Daemon:
        """Return who is there (see Pm2.daemon); a connection that was closed meanwhile is made once more."""
        try:
            version = self._call("getVersion", {}, timeout_s=LOOK_TIMEOUT_S)
        except Closed:
            version = self._call("getVersion", {}, timeout_s=LOOK_TIMEOUT_S)
        if not isinstance(version, str):
            raise Garbled("PM2's daemon did not say its version")
        ticks = start_ticks(self._pid) if self._pid else None
        if ticks is None:
            raise LookFailed(f"PM2's daemon (pid {self._pid}) is not among the processes that we can see")
        return Daemon(self._pid, ticks, version)

    def entries(self, *, timeout_s: float = LOOK_TIMEOUT_S) -> list[dict[str, object]]:
        """Return PM2's list (see Pm2.entries)."""
        try:
            answer = self._call("getMonitorData", {}, timeout_s=timeout_s)
            with self._dropped_after_trouble():
                return list_of_entries(answer, where="getMonitorData")
        except Garbled:
            if self._fallback is None:
                raise
            return self._fallback()

    def restart(self, pm_id: int | str, *, timeout_s: float = ACT_TIMEOUT_S) -> None:
        """Restart a process (see Pm2.restart)."""
        self._call("restartProcessId", {"id": checked_id(pm_id)}, timeout_s=timeout_s)

    def stop(self, pm_id: int | str, *, timeout_s: float = ACT_TIMEOUT_S) -> None:
        """Stop a process (see Pm2.stop)."""
        answer = self._call("stopProcessId", checked_id(pm_id), timeout_s=timeout_s)
        refuse_a_survivor(answer, what=f"stop process {pm_id}")

    def delete(self, pm_id: int | str, *, timeout_s: float = ACT_TIMEOUT_S) -> None:
        """Stop a process and take it from the list (see Pm2.delete)."""
        answer = self._call("deleteProcessId", checked_id(pm_id), timeout_s=timeout_s)
        refuse_a_survivor(answer, what=f"end process {pm_id}, which it took from its list")

    def prepare(
        self, entry: Mapping[str, object], *, timeout_s: float = ACT_TIMEOUT_S
    ) -> list[dict[str, object]]:
        """Add a process to PM2's list (see Pm2.prepare)."""
        answer = self._call(PREPARE, checked_entry(entry), timeout_s=timeout_s)
        with self._dropped_after_trouble():
            return list_of_entries(answer, where=PREPARE)

    def prepare_all(
        self, entries: Sequence[Mapping[str, object]], *, patience_s: float = LOOK_TIMEOUT_S
    ) -> list[list[dict[str, object]] | EffectFailed]:
        """Add many processes to PM2's list (see Pm2.prepare_all)."""
        fit = [_checked(one) for one in entries]
        with self._dropped_after_trouble():
            rpc = self._connected(LOOK_TIMEOUT_S)
            sent = [one for one in fit if not isinstance(one, EffectFailed)]
            came = iter(call_all(rpc, self._clock, PREPARE, sent, patience_s=patience_s))
            said = [one if isinstance(one, EffectFailed) else next(came) for one in fit]
            return [
                one if isinstance(one, EffectFailed) else list_of_entries(one, where=PREPARE) for one in said
            ]

    def drain(self) -> tuple[BusEvent, ...]:
        """Return all events since the last drain (see Pm2.drain)."""
        bus = self._bus_connected()
        if bus is None:
            self._gap = True
            return ()
        events = bus.drain()
        self._gap = self._gap or bus.overflowed
        if bus.ended or _another_listens(self._places.pub, self._bus_file):
            self._drop_bus()
        return tuple(events)

    def gap(self) -> bool:
        """Tell whether events may have been missed since this was last asked (see Pm2.gap)."""
        gap, self._gap = self._gap, False
        return gap

    def fds(self) -> tuple[int, ...]:
        """Return what a selector should watch (see Pm2.fds)."""
        return () if self._bus is None else (self._bus.fileno(),)

    def close(self) -> None:
        """Drop both connections (see Pm2.close)."""
        self._drop_rpc()
        self._drop_bus()

    def _call(self, method: str, argument: object, *, timeout_s: float) -> object:
        """Call a method within a time that includes connecting; drop the connection when it fails."""
        deadline_s = self._clock.elapsed_s() + timeout_s
        with self._dropped_after_trouble():
            rpc = self._connected(timeout_s)
            return rpc.call(method, argument, timeout_s=max(deadline_s - self._clock.elapsed_s(), 0.0))

    def _connected(self, timeout_s: float) -> Rpc:
        """Return a connection that is not known to be of no use, and whose daemon has what we need."""
        if self._rpc is not None and (
            self._rpc.ended() or _another_listens(self._places.rpc, self._rpc_file)
        ):
            self._drop_rpc()
        if self._rpc is None:
            rpc_file = file_id(self._places.rpc)
            peer = connect(self._places.rpc, self._places.pid_file)
            self._rpc = Rpc(peer, self._clock, meanwhile=self._take_in, meanwhile_fds=self._open_fds)
            self._rpc_file = rpc_file
            self._pid = peer_pid(peer)
            self._rpc.handshake(timeout_s=timeout_s)
        return self._rpc

    @contextmanager
    def _dropped_after_trouble(self) -> Iterator[None]:
        """Drop the connection when the daemon could not be asked; what PM2 answers is no such trouble."""
        try:
            yield
        except LookFailed:
            self._drop_rpc()
            raise

    def _bus_connected(self) -> Bus | None:
        if self._bus is None:
            bus_file = file_id(self._places.pub)
            try:
                self._bus = Bus(connect(self._places.pub, self._places.pid_file))
            except LookFailed:
                return None
            self._bus_file = bus_file
            self._gap = True
        return self._bus

    def _take_in(self) -> None:
        if self._bus is not None:
            self._bus.take_in()

    def _open_fds(self) -> tuple[int, ...]:
        """Return what to watch while a call waits: a bus that has ended would wake us without end."""
        return () if self._bus is None or self._bus.ended else (self._bus.fileno(),)

    def _drop_rpc(self) -> None:
        if self._rpc is not None:
            self._rpc.close()
        self._rpc = None

    def _drop_bus(self) -> None:
        if self._bus is not None:
            self._bus.close()
            self._gap = True
        self._bus = None


def _checked(entry: Mapping[str, object]) -> dict[str, object] | StepRefused:
    try:
        return checked_entry(entry)
    except StepRefused as error:
        return error


def _another_listens(address: Path, connected_file: tuple[int, int] | None) -> bool:
    """Tell whether a socket's path is by now another file than the one that we are connected to.

    Where it is gone and nothing came in its place, our daemon still lives, and is kept: to call it dead
    would bring up a second one beside it.
    """
    return file_id(address) not in {None, connected_file}
