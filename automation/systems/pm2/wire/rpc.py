"""One kept-open connection to rpc.sock: a call, and its answer, or the reason why there is none."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable, Sequence

from automation.core.errors import EffectFailed
from automation.ports.clock import Clock
from automation.systems.pm2.wire.door import Closed, Garbled, NoAnswer
from automation.systems.pm2.wire.frames import FrameReader, as_json, as_text, encode, json_part, text_part

NEEDED = (
    "getMonitorData",
    "prepare",
    "restartProcessId",
    "deleteProcessId",
    "stopProcessId",
    "getVersion",
    "ping",
)
READ_BYTES = 64 * 1024
ERROR_CHARACTERS = 300
READABLE = select.POLLIN | select.POLLHUP | select.POLLERR


def nothing() -> None:
    """Do nothing meanwhile."""


def no_fds() -> Sequence[int]:
    """Watch nothing meanwhile."""
    return ()


class Rpc:
    """Calls PM2's methods: one at a time (`call`), or several that are under way at once (`send`, `receive`).

    Args:
        peer: A connection that does not block; it is ours from now on.
        clock: For time limits.
        meanwhile: Called while an answer is awaited, whenever one of `meanwhile_fds` can be read.
        meanwhile_fds: What else to watch; asked anew before each wait.
    """

    def __init__(
        self,
        peer: socket.socket,
        clock: Clock,
        *,
        meanwhile: Callable[[], None] = nothing,
        meanwhile_fds: Callable[[], Sequence[int]] = no_fds,
    ) -> None:
        self._peer = peer
        self._clock = clock
        self._meanwhile = meanwhile
        self._meanwhile_fds = meanwhile_fds
        self._reader = FrameReader()
        self._number = 0
        self._outgoing = b""

    def handshake(self, *, timeout_s: float) -> None:
        """Check that all methods are there that we need.

        Raises:
            Garbled: Some are not, and which; or that is not PM2.
            NoAnswer: No answer came in time.
        """
        methods = self._exchange({"type": "methods"}, "methods", timeout_s).get("methods")
        if not isinstance(methods, dict):
            raise Garbled("PM2's daemon did not say which methods it has")
        missing = [name for name in NEEDED if name not in methods]
        if missing:
            raise Garbled(f"PM2's daemon lacks {', '.join(missing)}; this version of PM2 is not known here")

    def call(self, method: str, *args: object, timeout_s: float) -> object:
        """Call a method and return its result; None when it has none.

        An answer that comes after its time is dropped when the next call is made.

        Raises:
            EffectFailed: PM2 answered with an error.
            NoAnswer: No whole answer came in time, or the connection ended.
            Garbled: What came is not PM2's protocol.
            StepRefused: An argument cannot be said in JSON; nothing was sent.
        """
        return result_of(method, self._exchange(_call(method, args), method, timeout_s))

    def send(self, method: str, *args: object) -> str:
        """Take a call in for sending, and return its number; `receive` sends it and brings the answer.

        Raises:
            StepRefused: An argument cannot be said in JSON; nothing was taken in.
        """
        return self._send(_call(method, args))

    def receive(self, timeout_s: float) -> list[tuple[str, dict[str, object]]]:
        """Send what is to be sent, and return the answers that came, each with the number of its call.

        Not more is waited for than something: there may be none.

        Raises:
            Closed: The connection ended.
            Garbled: What came is not PM2's protocol.
        """
        self._wait(timeout_s)
        return [_numbered(frame) for frame in self._read()]

    def ended(self) -> bool:
        """Tell whether the connection is of no more use; drops late answers, and never blocks."""
        try:
            self._read()
        except (NoAnswer, Garbled):
            return True
        return False

    def close(self) -> None:
        """Close the connection."""
        self._peer.close()

    def _exchange(self, request: dict[str, object], what: str, timeout_s: float) -> dict[str, object]:
        """Send a request and return the answer that carries its number."""
        number = self._send(request)
        deadline_s = self._clock.elapsed_s() + timeout_s
        while True:
            left_s = deadline_s - self._clock.elapsed_s()
            if left_s <= 0 or not self._wait(left_s):
                raise NoAnswer(f"PM2's daemon did not answer {what} within {round(timeout_s, 1):g} s")
            for frame in self._read():
                answer = _answer(frame, number)
                if answer is not None:
                    return answer

    def _send(self, request: dict[str, object]) -> str:
        number = f"{os.getpid()}:{self._number + 1}"
        self._outgoing += encode(json_part(request), text_part(number))
        self._number += 1
        return number

    def _wait(self, timeout_s: float) -> bool:
        """Write what can be written and serve the others, until something can be read; False in vain."""
        poll = select.poll()
        poll.register(self._peer, READABLE | (select.POLLOUT if self._outgoing else 0))
        others = tuple(self._meanwhile_fds())
        for fd in others:
            poll.register(fd, READABLE)
        ready = dict(poll.poll(max(1, int(timeout_s * 1000))))
        if any(fd in ready for fd in others):
            self._meanwhile()
        if ready.get(self._peer.fileno(), 0) & select.POLLOUT:
            self._write()
        return bool(ready)

    def _write(self) -> None:
        try:
            sent = self._peer.send(self._outgoing)
        except BlockingIOError:
            return
        except OSError as error:
            raise Closed(f"PM2's daemon closed the connection ({error.strerror})") from error
        self._outgoing = self._outgoing[sent:]

    def _read(self) -> list[tuple[bytes, ...]]:
        """Return the frames that are complete by now."""
        try:
            data = self._peer.recv(READ_BYTES)
        except BlockingIOError:
            return []
        except OSError as error:
            raise Closed(f"PM2's daemon closed the connection ({error.strerror})") from error
        if not data:
            raise Closed("PM2's daemon closed the connection")
        return self._reader.feed(data)


def result_of(method: str, answer: dict[str, object]) -> object:
    """Return what an answer to a call says; None when it has no result.

    Raises:
        EffectFailed: PM2 answered with an error.
        Garbled: It is no answer to a call.
    """
    if "error" in answer:
        raise EffectFailed(f"PM2 refused {method}: {_first_line(answer['error'])}")
    results = answer.get("args")
    if not isinstance(results, list):
        raise Garbled(f"PM2's answer to {method} has neither a result nor an error")
    return results[0] if results else None


def _call(method: str, args: Sequence[object]) -> dict[str, object]:
    return {"type": "call", "method": method, "args": list(args)}


def _answer(frame: tuple[bytes, ...], number: str) -> dict[str, object] | None:
    """Return what a frame answers to the request of that number; None if it answers another."""
    return _what_it_says(frame) if _whom_it_answers(frame) == number else None


def _numbered(frame: tuple[bytes, ...]) -> tuple[str, dict[str, object]]:
    return _whom_it_answers(frame), _what_it_says(frame)


def _whom_it_answers(frame: tuple[bytes, ...]) -> str:
    if len(frame) < 2:  # noqa: PLR2004  # what it says, and whom it answers
        raise Garbled("PM2's answer does not say what it answers")
    return as_text(frame[-1])


def _what_it_says(frame: tuple[bytes, ...]) -> dict[str, object]:
    answer = as_json(frame[0])
    if not isinstance(answer, dict):
        raise Garbled("PM2's answer is no JSON object")
    return answer


def _first_line(error: object) -> str:
    """Return what PM2 says of an error, in one line."""
    lines = str(error).strip().splitlines()
    return lines[0][:ERROR_CHARACTERS] if lines else "it does not say why"
