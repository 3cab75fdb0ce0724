"""Asking many apps at once whether they still work, without ever waiting.

The sockets do not block, and one epoll watches them all. Its own descriptor becomes readable when an ask can
go on: so the loop sleeps on it as on any other.
"""

from __future__ import annotations

import contextlib
import select
import selectors
import socket
from collections.abc import Callable
from dataclasses import dataclass

from automation.ports.aside import Aside
from automation.ports.clock import Clock
from automation.ports.talking import (
    Address,
    Question,
    Said,
    Secure,
    Talk,
    Verdict,
    talk,
    trouble,
)

MOST_AT_ONCE = 128
LATE_S = 2.0  # who comes so much later than the time limit was away himself
POLITE_S = 1.0
MOST_ADDRESSES = 4

Work = Callable[[], Said]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an ask: of which one, when it was asked (seconds since boot), and what was said."""

    key: str
    asked_s: float
    said: Said


@dataclass(slots=True)
class _Ask:
    """One ask under way. Without a talk it waits for work done aside; told, it hears the answer out."""

    key: str
    token: int
    asked_s: float
    deadline_s: float
    limit_s: float
    question: Question | None = None
    talk: Talk | None = None
    waits_on: tuple[int, int] | None = None
    told: bool = False


class Asking:
    """Asks under way: MOST_AT_ONCE of them, if the caller heeds `places`.

    Args:
        clock: For time limits.
        secure: Gives what puts TLS around a connection; called when first needed.
    """

    def __init__(self, clock: Clock, secure: Callable[[], Secure]) -> None:
        self._clock = clock
        self._secure = secure
        self._epoll = selectors.EpollSelector()
        self._aside: Aside | None = None
        self._asks: dict[int, _Ask] = {}
        self._answers: list[Answer] = []
        self._token = 0

    def under_way(self) -> frozenset[str]:
        """Return the keys of which the answer is not there yet."""
        return frozenset(one.key for one in self._asks.values() if not one.told)

    def places(self) -> int:
        """Return how many more asks may begin now."""
        return MOST_AT_ONCE - len(self._asks)

    def ask(self, key: str, question: Question, limit_s: float) -> None:
        """Begin to ask over a connection; the answer comes with `pump`."""
        ask = self._begin(key, limit_s)
        ask.question = question
        addresses = known_addresses(question.host)
        if addresses:
            self._talk(ask, addresses)
        else:
            self._run_aside(ask, lambda: _resolved(question.host))

    def work(self, key: str, work: Work, limit_s: float) -> None:
        """Begin to find an answer by work that may block."""
        self._run_aside(self._begin(key, limit_s), work)

    def fds(self) -> tuple[int, ...]:
        """Return what becomes readable when an ask can go on."""
        return (self._epoll.fileno(),) if self._asks else ()

    def next_s(self) -> float | None:
        """Return when the next time limit is over, in seconds since boot."""
        return min((one.deadline_s for one in self._asks.values()), default=None)

    def pump(self) -> list[Answer]:
        """Go on with what can go on, end what is over its time, and return the answers that came."""
        for selected, _ in self._epoll.select(0):
            if selected.data is None:
                self._take_aside()
            elif selected.data in self._asks:
                self._go_on(self._asks[selected.data])
        now_s = self._clock.elapsed_s()
        for ask in [one for one in self._asks.values() if now_s >= one.deadline_s]:
            self._tell(ask, _overdue(ask, now_s))
            self._end(ask)
        answers, self._answers = self._answers, []
        return answers

    def wait(self, seconds: float) -> None:
        """Wait until something can go on, at most so long."""
        poll = select.poll()
        poll.register(self._epoll.fileno(), select.POLLIN)
        poll.poll(max(int(seconds * 1000), 1))

    def close(self) -> None:
        """Break off what is under way."""
        for ask in list(self._asks.values()):
            self._end(ask)
        if self._aside is not None:
            self._aside.close()
        self._epoll.close()

    def _begin(self, key: str, limit_s: float) -> _Ask:
        self._token += 1
        now_s = self._clock.elapsed_s()
        ask = _Ask(key, self._token, now_s, now_s + limit_s, limit_s)
        self._asks[ask.token] = ask
        return ask

    def _talk(self, ask: _Ask, addresses: list[Address]) -> None:
        assert ask.question is not None  # noqa: S101  # only such asks talk
        try:
            secure = self._secure() if ask.question.tls else None
        except ImportError as error:  # a Python without ssl
            self._tell(ask, Said(Verdict.UNKNOWN, f"no TLS here: {error}"))
            self._end(ask)
            return
        ask.talk = talk(ask.question, addresses, secure, lambda said: self._tell(ask, said))
        self._go_on(ask)

    def _go_on(self, ask: _Ask) -> None:
        """Go on with a talk until it must wait again."""
        assert ask.talk is not None  # noqa: S101  # only such asks are waited for
        try:
            wanted = next(ask.talk)
        except StopIteration:
            self._end(ask)
            return
        self._unregister(ask)  # anew each time: the number may be that of another socket by now
        self._epoll.register(*wanted, ask.token)
        ask.waits_on = wanted

    def _run_aside(self, ask: _Ask, work: Callable[[], object]) -> None:
        if self._aside is None:
            self._aside = Aside()
            self._epoll.register(self._aside.fd, selectors.EVENT_READ)
        if not self._aside.run(ask.token, work):
            self._tell(ask, Said(Verdict.UNKNOWN, "too much else is waited for"))
            self._end(ask)

    def _take_aside(self) -> None:
        assert self._aside is not None  # noqa: S101  # its descriptor was ready
        for done in self._aside.take():
            ask = self._asks.get(done.token)
            if ask is None:  # it came too late
                continue
            if isinstance(done.result, Said):
                self._tell(ask, done.result)
                self._end(ask)
            else:
                assert isinstance(done.result, list)  # noqa: S101  # what _resolved returns
                self._talk(ask, done.result)

    def _tell(self, ask: _Ask, said: Said) -> None:
        if not ask.told:
            ask.told = True
            ask.deadline_s = min(ask.deadline_s, self._clock.elapsed_s() + POLITE_S)
            self._answers.append(Answer(ask.key, ask.asked_s, said))

    def _end(self, ask: _Ask) -> None:
        self._unregister(ask)
        if ask.talk is not None:
            ask.talk.close()
        self._asks.pop(ask.token, None)

    def _unregister(self, ask: _Ask) -> None:
        if ask.waits_on is not None:
            with contextlib.suppress(KeyError, ValueError, OSError):  # closed already
                self._epoll.unregister(ask.waits_on[0])
        ask.waits_on = None


def _overdue(ask: _Ask, now_s: float) -> Said:
    if now_s - ask.deadline_s > LATE_S:
        return Said(Verdict.UNKNOWN, "the guard itself was away while it was asked")
    if ask.talk is None:
        return Said(Verdict.UNKNOWN, "its name or its file could not be looked up in time")
    return Said(Verdict.FAILED, f"no answer within {ask.limit_s:g} s")


def known_addresses(host: str) -> list[Address]:
    """Return the addresses that a host needs no look-up for; none where it does."""
    if host == "localhost":
        return [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
    for family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError, UnicodeError):
            socket.inet_pton(family, host)
            return [(family, host)]
    return []


def _resolved(host: str) -> list[Address] | Said:
    """Look a name up; may take long."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        why = trouble(error).why if isinstance(error, OSError) else "no name"
        return Said(Verdict.UNKNOWN, f"{host}: {why}")
    addresses: list[Address] = [(family, str(address[0])) for family, _, _, _, address in found]
    return addresses[:MOST_ADDRESSES]
