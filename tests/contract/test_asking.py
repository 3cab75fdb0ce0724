"""Asking an app over the network, held against servers of every kind of health."""

from __future__ import annotations

import os
import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from automation.engine.loading import load
from automation.ports import aside
from automation.ports.asking import LATE_S, MOST_AT_ONCE, Answer, Asking, known_addresses
from automation.ports.clock import SystemClock
from automation.ports.talking import MOST_BYTES, Question, Said, Verdict
from automation.systems.pm2.app_rules import Probe
from automation.systems.pm2.probes.files import changed
from automation.systems.pm2.probes.targets import target
from automation.systems.pm2.probes.watch import SECURE
from tests.answering import (
    LIMIT_S,
    Behaviour,
    closed_port,
    never,
    own_certificate,
    says,
    server,
    status,
    trickles,
)
from tests.guarding import SkippingClock

LONG_S = 15.0  # what never is waited for to the end
SHORT_S = 0.4


@pytest.fixture
def clock() -> SkippingClock:
    return SkippingClock()


@pytest.fixture
def asking(clock: SkippingClock) -> Iterator[Asking]:
    made = Asking(clock, lambda: load(SECURE))
    yield made
    made.close()


def answers(asking: Asking, count: int = 1) -> list[Answer]:
    """Go on until so many answers are there, waiting as the loop does."""
    came: list[Answer] = []
    until_s = time.monotonic() + LIMIT_S
    while len(came) < count:
        assert time.monotonic() < until_s, f"{len(came)} of {count} answers came"
        next_s = asking.next_s()
        assert next_s is not None
        asking.wait(max(next_s - SystemClock().elapsed_s(), 0.0))
        came += asking.pump()
    return came


def question(kind: str, where: str) -> Question:
    found = target(Probe(kind, where))
    assert found is not None
    assert found.question is not None
    return found.question


def said(asking: Asking, kind: str, where: str, limit_s: float = LONG_S) -> Said:
    asking.ask("web", question(kind, where), limit_s)
    (answer,) = answers(asking)
    assert answer.key == "web"
    return answer.said


# --- what is well ---


@pytest.mark.parametrize("number", [200, 204, 301, 302, 404, 499])
def test_every_answer_below_500_is_well_and_no_redirect_is_followed(asking: Asking, number: int) -> None:
    with server(status(number, "Location: http://127.0.0.1:1/")) as port:
        found = said(asking, "http", f"{port}/health")

    assert found == Said(Verdict.WELL, f"it answers {number}")


@pytest.mark.parametrize("number", [500, 503, 599])
def test_every_answer_from_500_on_is_a_failure(asking: Asking, number: int) -> None:
    with server(status(number)) as port:
        found = said(asking, "http", str(port))

    assert found == Said(Verdict.FAILED, f"it answers {number}")


def test_the_request_is_plain_http_for_that_path(asking: Asking) -> None:
    heard: list[bytes] = []

    def behave(peer: socket.socket) -> None:
        heard.append(peer.recv(65536))
        peer.sendall(b"HTTP/1.0 200 OK\r\n\r\n")

    with server(behave) as port:
        assert said(asking, "http", f"http://127.0.0.1:{port}/a b?c=d").verdict is Verdict.WELL

    lines = heard[0].decode().split("\r\n")
    assert lines[:2] == ["GET /a%20b?c=d HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    assert "Connection: close" in lines
    assert lines[-2:] == ["", ""]


def test_a_port_that_takes_a_connection_is_well_to_tcp(asking: Asking) -> None:
    with server(never) as port:
        assert said(asking, "tcp", str(port)) == Said(Verdict.WELL, "it takes connections")


def test_localhost_is_either_of_its_addresses(asking: Asking) -> None:
    with server(status(200), host="::1") as port:
        assert said(asking, "http", f"http://localhost:{port}/").verdict is Verdict.WELL
        assert said(asking, "tcp", f"[::1]:{port}").verdict is Verdict.WELL
        assert said(asking, "tcp", f"127.0.0.1:{port}").verdict is Verdict.FAILED


def test_https_is_spoken_whoever_signed_the_certificate(asking: Asking, tmp_path: Path) -> None:
    with server(status(200), tls=own_certificate(tmp_path)) as port:
        assert said(asking, "http", f"https://127.0.0.1:{port}/").why == "it answers 200"


def test_an_app_that_hangs_behind_tls_has_failed_when_its_time_is_over(
    asking: Asking, tmp_path: Path
) -> None:
    with server(never, tls=own_certificate(tmp_path)) as port:
        found = said(asking, "http", f"https://127.0.0.1:{port}/", SHORT_S)

    assert found == Said(Verdict.FAILED, "no answer within 0.4 s")


def test_a_first_line_may_come_in_pieces(asking: Asking) -> None:
    def behave(peer: socket.socket) -> None:
        peer.recv(65536)
        for piece in (b"HTTP/1.", b"1 20", b"0 OK\r", b"\n\r\n"):
            peer.sendall(piece)
            time.sleep(0.02)  # so that they come apart; together they say the same

    with server(behave) as port:
        assert said(asking, "http", str(port)).why == "it answers 200"


def test_a_long_answer_is_heard_out_so_that_the_server_sees_no_broken_connection(asking: Asking) -> None:
    ended: list[object] = []

    def behave(peer: socket.socket) -> None:
        says(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (MOST_BYTES // 2))(peer)
        peer.shutdown(socket.SHUT_WR)
        try:
            ended.append(peer.recv(1))
        except OSError as error:
            ended.append(error)

    with server(behave) as port:
        assert said(asking, "http", str(port)).verdict is Verdict.WELL
        until_s = time.monotonic() + LIMIT_S
        while not ended and time.monotonic() < until_s:
            asking.wait(0.05)
            asking.pump()

    assert ended == [b""]
    assert asking.fds() == ()


def test_an_answer_without_end_is_heard_for_a_moment_and_no_longer(
    asking: Asking, clock: SkippingClock
) -> None:
    def behave(peer: socket.socket) -> None:
        peer.recv(65536)
        peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        never(peer)

    with server(behave) as port:
        assert said(asking, "http", str(port)).verdict is Verdict.WELL
        assert asking.under_way() == frozenset()
        assert asking.fds() != ()
        clock.skip(1.0)
        assert asking.pump() == []
        assert asking.fds() == ()


def test_more_than_a_small_answer_is_not_taken_in(asking: Asking) -> None:
    def behave(peer: socket.socket) -> None:
        peer.recv(65536)
        peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(10_000):
            peer.sendall(b"x" * 65536)

    with server(behave) as port:
        assert said(asking, "http", str(port)).verdict is Verdict.WELL
        until_s = time.monotonic() + LIMIT_S
        while asking.fds() and time.monotonic() < until_s:
            asking.wait(0.05)
            asking.pump()
        assert asking.fds() == ()


# --- what is a failure ---


@pytest.mark.parametrize("behave", [never, trickles], ids=["says nothing", "trickles"])
def test_an_app_that_hangs_has_failed_when_its_time_is_over(asking: Asking, behave: Behaviour) -> None:
    with server(behave) as port:
        began_s = time.monotonic()
        found = said(asking, "http", str(port), SHORT_S)

        assert found == Said(Verdict.FAILED, "no answer within 0.4 s")
        assert time.monotonic() - began_s >= SHORT_S


def test_a_first_line_without_end_is_no_answer(asking: Asking) -> None:
    with server(says(b"H" * 10_000)) as port:
        assert said(asking, "http", str(port)) == Said(Verdict.FAILED, "what it answers is no HTTP")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it closed the connection without an answer"),
        (b"220 mail.example ESMTP\r\n", "what it answers is no HTTP"),
        (b"HTTP/1.1 2x0 OK\r\n", "what it answers is no HTTP"),
        (b"HTTP/1.1 200", "what it answers is no HTTP"),
    ],
)
def test_what_is_no_answer_of_http_is_a_failure(asking: Asking, data: bytes, why: str) -> None:
    with server(says(data)) as port:
        assert said(asking, "http", str(port)) == Said(Verdict.FAILED, why)


@pytest.mark.parametrize("kind", ["http", "tcp"])
def test_a_port_on_which_nobody_listens_is_a_failure(asking: Asking, kind: str) -> None:
    assert said(asking, kind, str(closed_port())) == Said(Verdict.FAILED, "Connection refused")


def test_a_server_that_speaks_no_tls_has_failed_an_https_probe(asking: Asking) -> None:
    with server(says(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        assert said(asking, "http", f"https://127.0.0.1:{port}/") == Said(
            Verdict.FAILED, "no TLS that we know (WRONG_VERSION_NUMBER)"
        )


# --- what is no word about the app (safety S2) ---


def test_s2_a_name_that_cannot_be_looked_up_is_no_word_about_the_app(asking: Asking) -> None:
    found = said(asking, "http", "http://no-such-app.invalid/")

    assert found.verdict is Verdict.UNKNOWN
    assert found.why.startswith("no-such-app.invalid: ")


@contextmanager
def no_descriptors() -> Iterator[None]:
    """Take all descriptors that this process may still have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = [os.open(os.devnull, os.O_RDONLY)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (taken[0] + 1, hard))
    try:
        with suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for fd in taken:
            os.close(fd)


def test_s2_without_a_descriptor_left_no_app_is_called_hung(asking: Asking) -> None:
    with server(status(200)) as port:
        wanted = question("http", str(port))
        with no_descriptors():
            asking.ask("web", wanted, LONG_S)
            (answer,) = asking.pump()

    assert answer.said == Said(Verdict.UNKNOWN, "Too many open files")


def test_s2_who_was_away_himself_calls_nobody_late(asking: Asking, clock: SkippingClock) -> None:
    with server(never) as port:
        wanted = question("http", str(port))
        asking.ask("web", wanted, LONG_S)
        clock.skip(LONG_S + LATE_S + 0.5)
        (answer,) = asking.pump()

    assert answer.said == Said(Verdict.UNKNOWN, "the guard itself was away while it was asked")


def test_an_answer_that_came_in_time_counts_however_late_it_is_heard(
    asking: Asking, clock: SkippingClock
) -> None:
    with server(status(200)) as port:
        asking.ask("web", question("http", str(port)), LONG_S)
        asking.wait(LIMIT_S)
        while not (came := asking.pump()):  # connected, then answered
            asking.wait(LIMIT_S)
        assert came[0].said.verdict is Verdict.WELL
        asking.ask("web", question("tcp", str(port)), LONG_S)
        clock.skip(LONG_S + 100)
        assert asking.pump()[0].said.verdict is Verdict.WELL


def test_s2_where_python_has_no_tls_https_is_no_word_about_the_app(clock: SkippingClock) -> None:
    asking = Asking(clock, lambda: load("automation.ports.no_such_module:secured"))
    try:
        with server(never) as port:
            asking.ask("web", question("http", f"https://127.0.0.1:{port}/"), LONG_S)
            assert asking.pump()[0].said.verdict is Verdict.UNKNOWN
    finally:
        asking.close()


# --- many at once, and work that blocks ---


def test_a_crowd_of_apps_that_hang_is_asked_at_once_and_blocks_nobody(asking: Asking) -> None:
    with ExitStack() as stack:
        ports = [stack.enter_context(server(never)) for _ in range(4)]
        wanted = [question("http", str(port)) for port in ports]
        longest_s = 0.0
        began_s = time.monotonic()
        for number in range(MOST_AT_ONCE):
            asking.ask(f"app{number}", wanted[number % 4], 1.0)
        longest_s = time.monotonic() - began_s
        came: list[Answer] = []
        while len(came) < MOST_AT_ONCE:
            asking.wait(0.2)
            at_s = time.monotonic()
            came += asking.pump()
            longest_s = max(longest_s, time.monotonic() - at_s)

        assert asking.places() == MOST_AT_ONCE
        assert {one.said.verdict for one in came} == {Verdict.FAILED}
        assert longest_s < 0.9  # a tenth of it on an idle machine


def test_no_more_than_a_few_look_ups_block_at_once_and_the_rest_is_no_word_about_the_app(
    asking: Asking,
) -> None:
    let_go = threading.Event()

    def blocks() -> Said:
        let_go.wait(LIMIT_S)
        return Said(Verdict.WELL, "at last")

    for number in range(aside.MOST_AT_ONCE + 1):
        asking.work(f"app{number}", blocks, LONG_S)
    (refused,) = asking.pump()
    let_go.set()
    came = answers(asking, aside.MOST_AT_ONCE)

    assert refused == Answer("app4", refused.asked_s, Said(Verdict.UNKNOWN, "too much else is waited for"))
    assert {one.said.why for one in came} == {"at last"}
    asking.work("again", blocks, LONG_S)  # the places are free again
    assert answers(asking)[0].said.verdict is Verdict.WELL


def test_work_that_hangs_is_left_behind_and_what_it_brings_later_is_dropped(asking: Asking) -> None:
    let_go = threading.Event()

    def blocks() -> Said:
        let_go.wait(LIMIT_S)
        return Said(Verdict.WELL, "too late")

    asking.work("web", blocks, 0.1)
    (late,) = answers(asking)
    let_go.set()
    asking.work("other", lambda: Said(Verdict.WELL, "in time"), LONG_S)
    (other,) = answers(asking)

    assert late.said == Said(Verdict.UNKNOWN, "its name or its file could not be looked up in time")
    assert other.said.why == "in time"


def test_a_fault_in_such_work_is_not_swallowed(asking: Asking) -> None:
    def breaks() -> Said:
        raise RuntimeError("a bug")

    asking.work("web", breaks, LONG_S)
    with pytest.raises(RuntimeError, match="a bug"):
        answers(asking)


def test_work_that_ends_after_all_was_closed_harms_nobody(clock: SkippingClock) -> None:
    asking, let_go = Asking(clock, lambda: load(SECURE)), threading.Event()

    def blocks() -> Said:
        let_go.wait(LIMIT_S)
        return Said(Verdict.WELL, "")

    before = set(threading.enumerate())
    asking.work("web", blocks, LONG_S)
    threads = set(threading.enumerate()) - before
    asking.close()
    let_go.set()
    for thread in threads:
        thread.join(LIMIT_S)

    assert len(threads) == 1
    assert not any(thread.is_alive() for thread in threads)


def test_what_is_closed_in_the_middle_leaves_no_connection_open(clock: SkippingClock) -> None:
    before = set(Path("/proc/self/fd").iterdir())
    asking = Asking(clock, lambda: load(SECURE))
    with server(never) as port:
        for number in range(5):
            asking.ask(f"app{number}", question("http", str(port)), LONG_S)
        asking.close()

    assert len(set(Path("/proc/self/fd").iterdir()) - before) == 0


def test_nothing_is_watched_and_nothing_due_while_nobody_is_asked(asking: Asking) -> None:
    assert (asking.fds(), asking.next_s(), asking.pump()) == ((), None, [])


def test_numbers_need_no_look_up() -> None:
    assert known_addresses("127.0.0.1") == [(socket.AF_INET, "127.0.0.1")]
    assert known_addresses("::1") == [(socket.AF_INET6, "::1")]
    assert known_addresses("example.invalid") == []
    assert known_addresses("\udcff") == []


# --- files ---


def test_a_file_that_changed_lately_is_well_and_one_that_did_not_has_failed(tmp_path: Path) -> None:
    file = tmp_path / "beat"
    file.touch()
    os.utime(file, (1000, 1000))

    assert changed(file, 60, 0, 1060) == Said(Verdict.WELL, "it was last written 60 s ago")
    assert changed(file, 60, 0, 1061) == Said(Verdict.FAILED, "it was last written 61 s ago")
    assert changed(file, 60, 0, 930).verdict is Verdict.FAILED  # a clock that was set back


def test_an_app_that_has_just_started_is_given_as_long_for_its_first_change(tmp_path: Path) -> None:
    assert changed(tmp_path / "beat", 60, 1000, 1060).verdict is Verdict.WELL
    assert changed(tmp_path / "beat", 60, 1000, 1061) == Said(Verdict.FAILED, "it was never written")


def test_s2_a_file_that_we_cannot_look_at_is_no_word_about_the_app(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()

    assert changed(tmp_path / "plain" / "beat", 60, 0, 1000).verdict is Verdict.UNKNOWN
    assert changed(Path("\0"), 60, 0, 1000).verdict is Verdict.UNKNOWN
