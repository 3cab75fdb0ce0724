"""One talk with an app over a socket that does not block: connect, ask, hear the first line.

A talk is a generator: it yields a descriptor and what to wait for (EVENT_READ or EVENT_WRITE), and is gone on
with when that has come. Closing it closes its connection.
"""

from __future__ import annotations

import errno
import os
import re
import selectors
import socket
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

LONGEST_LINE_BYTES = 4096
MOST_BYTES = 64 * 1024
FIRST_SERVER_ERROR = 500
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE

_STATUS_LINE = re.compile(rb"HTTP/\d(?:\.\d)? (\d{3})(?: |\r?\n)")

# What keeps us from asking is no word about the app (safety S2).
_OUR_OWN = frozenset(
    {
        *(errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL),
        *(errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EACCES, errno.EPERM),
        *(errno.EAFNOSUPPORT, errno.EINVAL),
    }
)


class Verdict(StrEnum):
    """What an ask says of an app."""

    WELL = "well"
    FAILED = "failed"
    UNKNOWN = "unknown"  # it could not be asked, for reasons of our own


@dataclass(frozen=True, slots=True)
class Said:
    """A verdict, and what it rests on."""

    verdict: Verdict
    why: str


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask: a connection to host and port, and with a `request` a line of HTTP in answer to it."""

    host: str
    port: int
    request: bytes = b""
    tls: bool = False


class Peer(Protocol):
    """The other side."""

    def fileno(self) -> int:
        """Return the descriptor."""
        ...

    def send(self, data: bytes, /) -> int:
        """Send what can be sent."""
        ...

    def recv(self, most_bytes: int, /) -> bytes:
        """Return what has come."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class SecuredPeer(Peer, Protocol):
    """The other side behind TLS."""

    def handshake(self) -> Generator[tuple[int, int], None, None]:
        """Agree with the other side."""
        ...


Address = tuple[socket.AddressFamily, str]
Secure = Callable[[socket.socket, str], SecuredPeer]
Talk = Generator[tuple[int, int], None, None]


def trouble(error: OSError) -> Said:
    """Return what an error says of the app: that it failed, or that we could not ask it."""
    verdict = Verdict.UNKNOWN if error.errno in _OUR_OWN else Verdict.FAILED
    return Said(verdict, error.strerror or type(error).__name__)


def talk(
    question: Question, addresses: Sequence[Address], secure: Secure | None, tell: Callable[[Said], None]
) -> Talk:
    """Talk once; `tell` is called as soon as there is a verdict, and the rest is heard out of politeness.

    Who hangs up in the middle of an answer makes some servers write a trace into their log.
    """
    try:
        connected = yield from _connected(addresses, question.port)
    except OSError as error:
        return tell(trouble(error))
    peer: Peer = connected
    try:
        if secure is not None:
            secured = secure(connected, question.host)
            peer = secured
            yield from secured.handshake()
        if not question.request:
            return tell(Said(Verdict.WELL, "it takes connections"))
        yield from _sent(peer, question.request)
        tell(judged((yield from _first_line(peer))))
        yield from _heard_out(peer)
    except OSError as error:
        tell(trouble(error))
    finally:
        peer.close()


def judged(line: bytes) -> Said:
    """Judge the first line of an answer: well is what is below 500, a redirect (not followed) included."""
    if not line:
        return Said(Verdict.FAILED, "it closed the connection without an answer")
    match = _STATUS_LINE.match(line)
    if match is None:
        return Said(Verdict.FAILED, "what it answers is no HTTP")
    verdict = Verdict.FAILED if int(match[1]) >= FIRST_SERVER_ERROR else Verdict.WELL
    return Said(verdict, f"it answers {match[1].decode()}")


def _connected(addresses: Sequence[Address], port: int) -> Generator[tuple[int, int], None, socket.socket]:
    """Connect to the first address that takes it; raises what the first of them said."""
    first: OSError | None = None
    for family, host in addresses:
        peer = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            yield from _joined(peer, (host, port))
        except OSError as error:
            peer.close()
            first = first or error
        except BaseException:
            peer.close()
            raise
        else:
            return peer
    raise first or OSError(errno.EADDRNOTAVAIL, "no address")


def _joined(peer: socket.socket, address: tuple[str, int]) -> Talk:
    code = peer.connect_ex(address)
    if code == errno.EINPROGRESS:
        yield peer.fileno(), WRITE
        code = peer.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if not code and peer.getsockname() == peer.getpeername():
        code = errno.ECONNREFUSED  # where nobody listens, a connection may by chance reach itself
    if code:
        raise OSError(code, os.strerror(code))


def _sent(peer: Peer, data: bytes) -> Talk:
    while data:
        try:
            data = data[peer.send(data) :]
        except BlockingIOError:
            yield peer.fileno(), WRITE


def _first_line(peer: Peer) -> Generator[tuple[int, int], None, bytes]:
    """Return the answer up to its first line's end, or as much of it as came."""
    head = b""
    while b"\n" not in head and len(head) < LONGEST_LINE_BYTES:
        try:
            data = peer.recv(LONGEST_LINE_BYTES)
        except BlockingIOError:
            yield peer.fileno(), READ
            continue
        if not data:
            break
        head += data
    return head


def _heard_out(peer: Peer) -> Talk:
    heard = 0
    while heard < MOST_BYTES:
        try:
            data = peer.recv(MOST_BYTES)
        except BlockingIOError:
            yield peer.fileno(), READ
            continue
        if not data:
            return
        heard += len(data)
