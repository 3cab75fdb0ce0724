"""What the guard may ask of PM2's daemon: the protocol, its values and its errors.

* LookFailed
  * NoDaemon             nobody listens on rpc.sock
  * NoAnswer             somebody listens, and no whole answer came in time
    * Closed             the connection was closed before the answer: the daemon ended, or dropped us
  * Garbled              what came is not PM2's protocol, or not the PM2 that we know
    * FrameInvalid       (frames.py) bytes that are no frame

An error that PM2 itself answered is an EffectFailed that is none of these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from automation.core.errors import EffectFailed, LookFailed

LOOK_TIMEOUT_S = 5.0
ACT_TIMEOUT_S = 30.0


class NoDaemon(LookFailed):
    """Nobody listens on rpc.sock: the file is absent, or left over from a daemon that is gone.

    `pid_file_left` says whether pm2.pid is still there: an orderly end removes it, a crash does not (S14).
    """

    def __init__(self, message: str, *, pid_file_left: bool) -> None:
        super().__init__(message)
        self.pid_file_left = pid_file_left


class NoAnswer(LookFailed):
    """The daemon took the connection, and no whole answer came in time."""


class Closed(NoAnswer):
    """The connection was closed before the answer came; a new one tells whether the daemon has ended."""


class Garbled(LookFailed):
    """What came is not PM2's protocol, or PM2 lacks a method that we need."""


@dataclass(frozen=True, slots=True)
class Daemon:
    """The daemon behind rpc.sock.

    `pid` is the kernel's word about who listens (SO_PEERCRED), never that of pm2.pid, which may name another;
    with `start_ticks` (clock ticks since boot) it names the process for good.
    """

    pid: int
    start_ticks: int
    version: str


@dataclass(frozen=True, slots=True)
class BusEvent:
    """Something that PM2 announced.

    `kind` is start, online, exit, restart, reload, stop, delete, `restart overlimit`, …, or `pm2:kill`, which
    has no process: its other fields are empty and 0. `manually` marks what PM2's command line did, with one
    exception: PM2 marks the `start` event of every `prepare` so, our own included.
    `at_ms` is PM2's wall clock; `pm_id` may be text (`_old_3`) while a reload is under way.
    """

    kind: str
    manually: bool
    at_ms: int
    pm_id: int | str
    name: str
    unique_id: str
    status: str


class Pm2(Protocol):
    """One PM2 daemon, which it never starts.

    Each call connects when needed. After a transport error the connection is dropped, and the next call
    makes a new one. A `timeout_s` is for the whole call, connecting included.
    """

    def daemon(self) -> Daemon:
        """Return who is there; it was asked just now, and answered.

        Raises:
            NoDaemon: Nobody listens.
            NoAnswer: Somebody listens, and did not answer within 5 s.
            Garbled: It does not speak PM2's protocol, or lacks a method that we need.
            LookFailed: The socket is not ours to use; the message says whose it is.
        """
        ...

    def entries(self, *, timeout_s: float = LOOK_TIMEOUT_S) -> list[dict[str, object]]:
        """Return PM2's list as it is: dicts `{pid, name, pm_id, monit, pm2_env}`; `pm2_env` is always there.

        Raises:
            NoDaemon, NoAnswer, Garbled, LookFailed: See daemon.
        """
        ...

    def restart(self, pm_id: int | str, *, timeout_s: float = ACT_TIMEOUT_S) -> None:
        """Restart a process, or start a stopped one; PM2 counts neither as done by hand.

        PM2 refuses it in the state `waiting restart` (its list still holds the dead pid): stop it first.

        Raises:
            EffectFailed: PM2 refused.
            StepRefused: That is no id of PM2's; nothing was sent.
            NoDaemon, NoAnswer, Garbled, LookFailed: See daemon.
        """
        ...

    def stop(self, pm_id: int | str, *, timeout_s: float = ACT_TIMEOUT_S) -> None:
        """Stop a process; nothing happens to one that is stopped (errors: see restart).

        Raises:
            EffectFailed: PM2 refused, or the process outlived SIGKILL and runs on.
        """
        ...

    def delete(self, pm_id: int | str, *, timeout_s: float = ACT_TIMEOUT_S) -> None:
        """Stop a process and take it from PM2's list (errors: see restart).

        Raises:
            EffectFailed: PM2 refused, or took it from the list while the process runs on.
        """
        ...

    def prepare(
        self, entry: Mapping[str, object], *, timeout_s: float = ACT_TIMEOUT_S
    ) -> list[dict[str, object]]:
        """Add a process to PM2's list as an entry describes it, and start it; return what PM2 answered.

        The entry is a `pm2_env`, from the list or from the dump, which the caller has made fit (safety S12):
        without `pm_id`, `instances`, `created_at` and `prev_restart_delay`, and with `status` set: `stopped`
        only lists it, anything else starts it (unless `autostart` is false). PM2 gives it a new `pm_id` and
        a new `unique_id`, both in the answer's `pm2_env`, and announces its start as done by hand: an event
        `start` with that `unique_id` is our own.

        An answer does not mean that it runs. A missing script is answered like a start, and fails until it is
        `errored`. A missing folder or interpreter (fork mode) leaves an entry that is `online` for ever with
        no pid, and no `exit` event ever comes. Node arguments that node refuses (cluster mode) are never
        answered by PM2 5 and 6, hence NoAnswer, while the entry is there. So look again, whatever came of it.

        Raises:
            StepRefused: The entry would bring the daemon down, and all apps with it, or must not come back as
                it is (see arguments.py); nothing was sent.
            EffectFailed: PM2 refused.
            NoDaemon, NoAnswer, Garbled, LookFailed: See daemon.
        """
        ...

    def prepare_all(
        self, entries: Sequence[Mapping[str, object]], *, patience_s: float = LOOK_TIMEOUT_S
    ) -> list[list[dict[str, object]] | EffectFailed]:
        """Prepare many entries, several at once; return of each what `prepare` would have returned or raised.

        PM2 gives them their ids in this order. A call that was not answered within `patience_s` is given up
        (NoAnswer) when the daemon answers a question that was asked after it.

        Raises:
            NoAnswer: The daemon hangs, or (Closed) the connection ended: of some it is not known whether
                they are there. Look at the list.
            NoDaemon, Garbled, LookFailed: See daemon.
        """
        ...

    def drain(self) -> tuple[BusEvent, ...]:
        """Return all events since the last drain, in order; never blocks, never raises.

        Connects the bus when it is not connected; where that fails there are no events, and a gap. PM2 sends
        nothing of what happened before it took the connection: look at the list after, not before.
        """
        ...

    def gap(self) -> bool:
        """Tell whether events may have been missed since this was last asked.

        At first, after a reconnection, when the bus ended or was too full, and while it is not connected.
        """
        ...

    def fds(self) -> tuple[int, ...]:
        """Return what a selector should watch for reading: the bus, or nothing when it is not connected.

        What arrived while another call waited was taken in then, and wakes no selector: so drain, then wait.
        """
        ...

    def close(self) -> None:
        """Drop both connections; a later call makes new ones."""
        ...
