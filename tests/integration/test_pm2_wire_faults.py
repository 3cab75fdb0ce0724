"""The wire client against peers that are no good PM2: nothing hangs, nothing grows, and each says why."""

from __future__ import annotations

import os
import select
import socket
import stat
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from automation.core.errors import EffectFailed, LookFailed, StepRefused
from automation.ports.clock import SystemClock
from automation.systems.pm2.wire.bus import Bus
from automation.systems.pm2.wire.client import Pm2Client
from automation.systems.pm2.wire.door import BusEvent, Garbled, NoAnswer, NoDaemon
from automation.systems.pm2.wire.frames import encode
from automation.systems.pm2.wire.rpc import NEEDED, Rpc
from tests.peers import (
    Talk,
    after_handshake,
    answer,
    event,
    methods,
    peer,
    process_event,
    requests,
    result,
    saying,
    silent,
)

ROOT = Path(__file__).parents[2]
SOON_S = 0.2
ENTRY = {"name": "a", "status": "online", "pm_exec_path": "/a", "pm_pid_path": "/b", "env": {}}
LIST = [{"pm_id": 0, "name": "a 'b' \"c\" é", "pm2_env": {}}]


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("h")
    yield folder
    for left in folder.iterdir():
        left.unlink()


@pytest.fixture
def client(home: Path) -> Iterator[Pm2Client]:
    made = Pm2Client(home, SystemClock())
    yield made
    made.close()


@contextmanager
def within(limit_s: float) -> Iterator[None]:
    began_s = time.monotonic()
    yield
    assert time.monotonic() - began_s < limit_s


@contextmanager
def idle() -> Iterator[None]:
    """Expect that waiting costs next to no processor time."""
    began_s = time.process_time()
    yield
    assert time.process_time() - began_s < 0.15


def after(moment: threading.Event) -> Callable[[socket.socket, str, dict[str, object]], None]:
    """Return what answers a call with the list, but not before that moment."""

    def answers(connection: socket.socket, number: str, _: dict[str, object]) -> None:
        assert moment.wait(10)
        connection.sendall(result(number, LIST))

    return answers


def listing(connection: socket.socket, number: str, said: dict[str, object]) -> None:
    assert said["method"] == "getMonitorData"
    connection.sendall(result(number, LIST))


def test_a_peer_that_never_answers_is_no_answer_in_time(home: Path, client: Pm2Client) -> None:
    with (
        peer(home / "rpc.sock", silent),
        within(5),
        idle(),
        pytest.raises(NoAnswer, match=r"did not answer methods within 0\.4 s"),
    ):
        client.entries(timeout_s=0.4)


def test_a_peer_that_neither_reads_nor_answers_a_large_request_is_no_answer_in_time(
    home: Path, client: Pm2Client
) -> None:
    released = threading.Event()

    def shakes_hands_only(connection: socket.socket) -> None:
        number, _ = next(requests(connection))
        connection.sendall(methods(number))
        released.wait(10)

    with peer(home / "rpc.sock", shakes_hands_only), within(5):
        with pytest.raises(NoAnswer, match="prepare"):
            client.prepare(ENTRY | {"env": {"LARGE": "x" * 4_000_000}}, timeout_s=SOON_S)
        released.set()


def test_a_large_request_arrives_whole_at_a_slow_reader(home: Path, client: Pm2Client) -> None:
    sizes: list[int] = []

    def counts(connection: socket.socket, number: str, said: dict[str, object]) -> None:
        sizes.append(len(str(said)))
        connection.sendall(result(number, [{"pm2_env": {}}]))

    with peer(home / "rpc.sock", after_handshake(counts)):
        client.prepare(ENTRY | {"env": {"LARGE": "x" * 4_000_000}}, timeout_s=10)

    assert sizes[0] > 4_000_000


@pytest.mark.parametrize(
    "garbage",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x12\xff\xff\xff\xff", b"\x10", encode(b"j:{}"),
     encode(b"j:{}", b"j:1")],
    ids=["http", "four gigabytes", "no parts", "one part", "no text"],
)  # fmt: skip
def test_a_peer_that_is_not_pm2_is_garbled(home: Path, client: Pm2Client, garbage: bytes) -> None:
    tracemalloc.start()
    try:
        with peer(home / "rpc.sock", saying(garbage)), pytest.raises(Garbled):
            client.daemon()
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "said",
    [{}, {"methods": []}, {"args": [1]}],
)
def test_a_handshake_without_methods_is_garbled(
    home: Path, client: Pm2Client, said: dict[str, object]
) -> None:
    def talk(connection: socket.socket) -> None:
        for number, _ in requests(connection):
            connection.sendall(answer(number, **said))

    with peer(home / "rpc.sock", talk), pytest.raises(Garbled, match="which methods"):
        client.daemon()


def test_a_daemon_that_lacks_methods_is_named_with_what_it_lacks(home: Path, client: Pm2Client) -> None:
    def talk(connection: socket.socket) -> None:
        number, _ = next(requests(connection))
        connection.sendall(methods(number, tuple(name for name in NEEDED if name not in {"prepare", "ping"})))
        silent(connection)

    with peer(home / "rpc.sock", talk), pytest.raises(Garbled, match=r"lacks prepare, ping;"):
        client.daemon()


@pytest.mark.parametrize("payload", [b"j:[1]", b"j:{", b"s:text"])
def test_an_answer_that_is_no_json_object_is_garbled(home: Path, client: Pm2Client, payload: bytes) -> None:
    def talk(connection: socket.socket, number: str, _: dict[str, object]) -> None:
        connection.sendall(encode(payload, b"s:" + number.encode()))

    with peer(home / "rpc.sock", after_handshake(talk)), pytest.raises(Garbled):
        client.daemon()


def test_an_answer_with_neither_result_nor_error_is_garbled(home: Path, client: Pm2Client) -> None:
    def talk(connection: socket.socket, number: str, _: dict[str, object]) -> None:
        connection.sendall(answer(number, something=1))

    with peer(home / "rpc.sock", after_handshake(talk)), pytest.raises(Garbled, match="neither"):
        client.restart(0)


def test_a_version_that_is_no_text_is_garbled(home: Path, client: Pm2Client) -> None:
    def talk(connection: socket.socket, number: str, _: dict[str, object]) -> None:
        connection.sendall(result(number, 7))

    with peer(home / "rpc.sock", after_handshake(talk)), pytest.raises(Garbled, match="its version"):
        client.daemon()


@pytest.mark.parametrize("value", [{}, [{}], [{"pm2_env": 1}]])
def test_a_list_that_is_none_is_garbled_and_the_next_call_connects_anew(
    home: Path, client: Pm2Client, value: object
) -> None:
    def bad(connection: socket.socket, number: str, _: dict[str, object]) -> None:
        connection.sendall(result(number, value))

    with peer(home / "rpc.sock", after_handshake(bad), after_handshake(listing)):
        with pytest.raises(Garbled, match="getMonitorData"):
            client.entries()
        assert client.entries() == LIST


def test_a_garbled_daemon_is_read_by_the_fallback(home: Path) -> None:
    client = Pm2Client(home, SystemClock(), fallback=lambda: [{"pm2_env": {}}])

    with peer(home / "rpc.sock", saying(b"?")):
        assert client.entries() == [{"pm2_env": {}}]


@pytest.mark.parametrize("talk", [silent, None])
def test_the_fallback_is_not_asked_where_no_daemon_answers(home: Path, talk: Talk | None) -> None:
    def must_not_be_called() -> list[dict[str, object]]:
        raise AssertionError

    client = Pm2Client(home, SystemClock(), fallback=must_not_be_called)
    if talk is None:
        with pytest.raises(NoDaemon):
            client.entries()
    else:
        with peer(home / "rpc.sock", talk), pytest.raises(NoAnswer):
            client.entries(timeout_s=SOON_S)
    client.close()


def test_half_an_answer_and_then_nothing_is_no_answer_in_time(home: Path, client: Pm2Client) -> None:
    def talk(connection: socket.socket, number: str, _: dict[str, object]) -> None:
        connection.sendall(result(number, LIST)[:-3])

    with peer(home / "rpc.sock", after_handshake(talk)), within(5), pytest.raises(NoAnswer, match="within"):
        client.entries(timeout_s=SOON_S)


def test_half_an_answer_and_then_the_end_is_no_answer(home: Path, client: Pm2Client) -> None:
    def talk(connection: socket.socket, number: str, _: dict[str, object]) -> None:
        connection.sendall(result(number, LIST)[:-3])
        connection.shutdown(socket.SHUT_RDWR)

    with peer(home / "rpc.sock", after_handshake(talk)), pytest.raises(NoAnswer, match="closed"):
        client.entries()


def test_a_daemon_that_goes_away_without_reading_the_request_is_no_answer(
    home: Path, client: Pm2Client
) -> None:
    def goes_away(connection: socket.socket) -> None:
        number, _ = next(requests(connection))
        connection.sendall(methods(number))
        select.select([connection], [], [])

    for request in (ENTRY, ENTRY | {"env": {"LARGE": "x" * 4_000_000}}):
        with peer(home / "rpc.sock", goes_away), pytest.raises(NoAnswer, match="closed the connection"):
            client.prepare(request)
        (home / "rpc.sock").unlink()


def test_importing_the_protocol_imports_no_socket() -> None:
    program = (
        "import sys; before = set(sys.modules); import automation.systems.pm2.wire.door; "
        "raise SystemExit('socket' in set(sys.modules) - before)"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False, cwd=ROOT).returncode == 0


def test_a_slow_drip_does_not_stretch_the_time_limit(home: Path, client: Pm2Client) -> None:
    stop = threading.Event()

    def drips(connection: socket.socket, number: str, _: dict[str, object]) -> None:
        for byte in result(number, LIST * 10_000):
            if stop.wait(0.0002):
                return
            connection.sendall(bytes([byte]))

    with peer(home / "rpc.sock", after_handshake(drips)), within(5):
        with pytest.raises(NoAnswer, match="within"):
            client.entries(timeout_s=SOON_S)
        stop.set()


def test_answers_to_others_are_dropped_and_the_right_one_is_found(home: Path) -> None:
    def out_of_order(connection: socket.socket) -> None:
        for number, _ in requests(connection):
            connection.sendall(result("1:999", "wrong") + result(number, "right") + result("0", "late"))

    with peer(home / "rpc.sock", out_of_order), connected(home) as rpc:
        assert [rpc.call("ping", timeout_s=5), rpc.call("ping", timeout_s=5)] == ["right", "right"]


def test_an_answer_after_its_time_is_not_taken_for_the_next_one(home: Path) -> None:
    held: list[str] = []

    def late(connection: socket.socket) -> None:
        for number, _ in requests(connection):
            held.append(number)
            if len(held) == 2:
                connection.sendall(result(held[0], "late") + result(held[1], "in time"))

    with peer(home / "rpc.sock", late), connected(home) as rpc:
        with pytest.raises(NoAnswer):
            rpc.call("ping", timeout_s=SOON_S)
        assert rpc.call("ping", timeout_s=5) == "in time"


def test_a_call_without_a_result_returns_none(home: Path) -> None:
    def talk(connection: socket.socket) -> None:
        for number, _ in requests(connection):
            connection.sendall(answer(number, args=[]))

    with peer(home / "rpc.sock", talk), connected(home) as rpc:
        assert rpc.call("ping", timeout_s=5) is None


@pytest.mark.parametrize(
    ("error", "shown"),
    [("first line\nsecond", "first line"), ("x" * 1000, "x" * 300), ("", "does not say why"),
     ({"a": 1}, "{'a': 1}")],
)  # fmt: skip
def test_an_error_that_pm2_answers_is_said_in_one_line_and_keeps_the_connection(
    home: Path, client: Pm2Client, error: object, shown: str
) -> None:
    def refuses(connection: socket.socket, number: str, _: dict[str, object]) -> None:
        connection.sendall(answer(number, error=error, stack="secret"))

    with peer(home / "rpc.sock", after_handshake(refuses)):
        for _ in range(2):
            with pytest.raises(EffectFailed) as caught:
                client.restart(0)
            assert not isinstance(caught.value, LookFailed)
            assert shown in str(caught.value)
            assert len(str(caught.value).splitlines()) == 1
            assert len(str(caught.value)) < 350


def test_nothing_is_sent_for_an_argument_that_would_end_the_daemon(client: Pm2Client) -> None:
    for act in (client.restart, client.stop, client.delete):
        with pytest.raises(StepRefused):
            act("toString")
    with pytest.raises(StepRefused):
        client.prepare({})


def test_a_survivor_of_stop_and_delete_is_an_error(home: Path, client: Pm2Client) -> None:
    def survivor(connection: socket.socket, number: str, _: dict[str, object]) -> None:
        connection.sendall(result(number, {"pid": 7, "pm2_env": {"status": "errored"}}))

    with peer(home / "rpc.sock", after_handshake(survivor)):
        for act in (client.stop, client.delete):
            with pytest.raises(EffectFailed, match="outlived SIGKILL"):
                act(0)


def test_a_daemon_that_was_replaced_between_two_calls_is_asked_without_an_error(
    home: Path, client: Pm2Client
) -> None:
    ended = threading.Event()

    def answers_once(connection: socket.socket) -> None:
        asked = requests(connection)
        connection.sendall(methods(next(asked)[0]))
        connection.sendall(result(next(asked)[0], []))
        connection.shutdown(socket.SHUT_RDWR)
        ended.set()

    with peer(home / "rpc.sock", answers_once, after_handshake(listing)):
        assert client.entries() == []
        assert ended.wait(5)
        assert client.entries() == LIST


def test_another_daemon_at_the_same_path_is_the_one_that_is_asked(home: Path, client: Pm2Client) -> None:
    def empty(connection: socket.socket, number: str, _: dict[str, object]) -> None:
        connection.sendall(result(number, []))

    with peer(home / "rpc.sock", after_handshake(empty)), peer(home / "pub.sock", silent):
        assert client.entries() == []
        client.drain()
        client.gap()
        (home / "rpc.sock").rename(home / "old-rpc.sock")
        (home / "pub.sock").rename(home / "old-pub.sock")
        assert client.entries() == []  # the path leads nowhere, and the daemon that we know still lives
        with (
            peer(home / "rpc.sock", after_handshake(listing)),
            peer(home / "pub.sock", saying(process_event("exit"))),
        ):
            assert client.entries() == LIST
            client.drain()
            assert client.gap()
            assert [seen.kind for seen in awaited(client)] == ["exit"]


def test_nobody_there_is_no_daemon_and_says_whether_a_pid_file_is_left(home: Path, client: Pm2Client) -> None:
    with pytest.raises(NoDaemon, match="No such file") as caught:
        client.daemon()
    assert not caught.value.pid_file_left

    (home / "pm2.pid").write_text("1")
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(home / "rpc.sock"))
    with pytest.raises(NoDaemon, match="refused") as caught:
        client.daemon()
    assert caught.value.pid_file_left


def test_a_home_whose_path_is_too_long_for_a_socket_is_said_in_one_line(tmp_path: Path) -> None:
    client = Pm2Client(tmp_path / ("x" * 100), SystemClock())

    with pytest.raises(LookFailed, match="bytes, and a socket's path has 107 at most; set PM2_HOME"):
        client.daemon()
    assert client.drain() == ()
    assert client.gap()


def test_a_path_through_a_file_cannot_be_connected(home: Path) -> None:
    (home / "file").touch()

    with pytest.raises(LookFailed, match="cannot connect to PM2"):
        Pm2Client(home / "file", SystemClock()).daemon()


@pytest.fixture
def unprivileged() -> Iterator[None]:
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("where", ["socket", "folder"])
def test_a_socket_of_another_user_is_a_failed_look_that_says_whose_it_is(
    home: Path, client: Pm2Client, where: str, request: pytest.FixtureRequest
) -> None:
    owner = home.owner()
    with peer(home / "rpc.sock", silent):
        target = home / "rpc.sock" if where == "socket" else home
        kept = stat.S_IMODE(target.stat().st_mode)
        target.chmod(0)
        try:
            request.getfixturevalue("unprivileged")
            with pytest.raises(LookFailed, match=f"belongs to user {owner}; run as that user"):
                client.daemon()
        finally:
            if os.getuid() == 0:
                os.seteuid(0)
            target.chmod(kept)


def test_a_daemon_that_takes_no_more_connections_is_no_answer(home: Path, client: Pm2Client) -> None:
    with socket.socket(socket.AF_UNIX) as full:
        full.bind(str(home / "rpc.sock"))
        full.listen(0)
        with socket.socket(socket.AF_UNIX) as waiting:
            waiting.connect(str(home / "rpc.sock"))
            with pytest.raises(NoAnswer, match="no more connections"):
                client.daemon()


def test_environment_variables_move_the_sockets_as_they_do_for_pm2(home: Path) -> None:
    moved = {
        "PM2_DAEMON_RPC_PORT": str(home / "r"),
        "PM2_DAEMON_PUB_PORT": str(home / "p"),
        "PM2_PID_FILE_PATH": str(home / "i"),
    }
    client = Pm2Client(home / "elsewhere", SystemClock(), moved)
    (home / "i").touch()

    with pytest.raises(NoDaemon) as caught:
        client.entries()
    assert caught.value.pid_file_left
    with peer(home / "r", after_handshake(listing)), peer(home / "p", saying(process_event("exit"))):
        assert client.entries() == LIST
        assert [seen.kind for seen in awaited(client)] == ["exit"]
    client.close()


def awaited(client: Pm2Client, count: int = 1) -> list[BusEvent]:
    """Drain until so many events were there."""
    seen: list[BusEvent] = []
    deadline_s = time.monotonic() + 60
    while len(seen) < count:
        assert time.monotonic() < deadline_s, seen
        seen += client.drain()
    return seen


def test_the_bus_tells_a_gap_when_it_connects_and_when_it_ends(home: Path, client: Pm2Client) -> None:
    for _ in range(2):
        assert client.drain() == ()
        assert client.fds() == ()
        assert client.gap()
    release = threading.Event()

    def ends_on_demand(connection: socket.socket) -> None:
        connection.sendall(process_event("exit", 3) + event("pm2:kill", {"status": "killed"}))
        release.wait(10)

    with peer(home / "pub.sock", ends_on_demand):
        events = awaited(client, 2)
        assert client.gap()
        assert not client.gap()
        assert len(client.fds()) == 1
        release.set()
        while client.fds():
            client.drain()
        assert client.gap()

    assert [seen.kind for seen in events] == ["exit", "pm2:kill"]
    assert events[0] == BusEvent(
        "exit", manually=False, at_ms=1, pm_id=3, name="app 3", unique_id="u", status="online"
    )


@pytest.mark.parametrize(
    "garbage", [b"?", encode(b"j:1"), encode(b"s:process:event"), encode(b"s:process:event", b"j:1")]
)
def test_garbage_on_the_bus_ends_it_with_a_gap(home: Path, client: Pm2Client, garbage: bytes) -> None:
    release = threading.Event()

    def talk(connection: socket.socket) -> None:
        connection.sendall(process_event("exit"))
        release.wait(10)
        connection.sendall(garbage)
        silent(connection)

    with peer(home / "pub.sock", talk):
        assert len(awaited(client)) == 1
        client.gap()
        release.set()
        while client.fds():
            assert client.drain() == ()

        assert client.gap()


def test_more_events_than_are_kept_are_a_gap_to_the_client(home: Path, client: Pm2Client) -> None:
    ready = threading.Event()
    sent = threading.Event()

    def floods(connection: socket.socket) -> None:
        ready.wait(10)
        connection.sendall(process_event("exit") * 10_001)
        sent.set()
        silent(connection)

    with peer(home / "pub.sock", floods), peer(home / "rpc.sock", after_handshake(after(sent))):
        client.drain()
        client.gap()
        ready.set()
        client.entries()

        assert len(awaited(client, 10_000)) == 10_000
        assert client.gap()


@pytest.mark.timeout(90)
def test_a_flood_of_logs_costs_no_memory_and_no_event(home: Path, client: Pm2Client) -> None:
    line = event("log:out", {"data": "x" * 1000, "process": {"pm_id": 0}}) * 1000
    long_line = event("log:out", {"data": "x" * 20_000_000})

    def floods(connection: socket.socket) -> None:
        connection.sendall(long_line)
        for _ in range(30):
            connection.sendall(line)
        connection.sendall(process_event("exit"))
        silent(connection)

    tracemalloc.start()
    try:
        with peer(home / "pub.sock", floods):
            client.drain()
            client.gap()
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            assert len(awaited(client)) == 1
            assert tracemalloc.get_traced_memory()[1] - before < 3_000_000
            assert not client.gap()
    finally:
        tracemalloc.stop()


def test_more_events_than_are_kept_are_a_gap_and_the_first_ones_are_kept() -> None:
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    with theirs:
        bus = Bus(ours, events_cap=3)
        theirs.sendall(b"".join(process_event("exit", number) for number in range(5)))
        bus.take_in()
        kept = [seen.pm_id for seen in bus.drain()]
        overflowed = bus.overflowed
        theirs.sendall(process_event("exit", 9))
        later = [seen.pm_id for seen in bus.drain()]
        bus.close()

    assert (kept, overflowed) == ([0, 1, 2], True)
    assert (later, bus.overflowed) == ([9], False)


def test_the_bus_is_drained_while_a_call_waits(home: Path, client: Pm2Client) -> None:
    flood = event("log:out", {"data": "x" * 1000}) * 4000  # more than a socket holds
    taken = threading.Event()
    connected_bus = threading.Event()

    def floods(connection: socket.socket) -> None:
        connected_bus.set()
        connection.sendall(flood + process_event("exit"))
        taken.set()
        silent(connection)

    def answers_after_the_flood(connection: socket.socket, number: str, _: dict[str, object]) -> None:
        assert taken.wait(10)
        connection.sendall(result(number, LIST))

    with peer(home / "pub.sock", floods), peer(home / "rpc.sock", after_handshake(answers_after_the_flood)):
        client.drain()
        assert connected_bus.wait(5)
        assert client.entries(timeout_s=10) == LIST
        assert len(awaited(client)) == 1


def test_a_bus_that_ends_while_a_call_waits_is_no_hindrance(home: Path, client: Pm2Client) -> None:
    asked = threading.Event()
    ended = threading.Event()

    def ends_when_asked(connection: socket.socket) -> None:
        asked.wait(10)
        connection.shutdown(socket.SHUT_RDWR)
        ended.set()

    def answers_after_the_end(connection: socket.socket, number: str, _: dict[str, object]) -> None:
        asked.set()
        assert ended.wait(10)
        threading.Event().wait(0.3)
        connection.sendall(result(number, LIST))

    with (
        peer(home / "pub.sock", ends_when_asked),
        peer(home / "rpc.sock", after_handshake(answers_after_the_end)),
    ):
        client.drain()
        client.gap()
        with idle():
            assert client.entries() == LIST
        client.drain()

        assert client.fds() == ()
        assert client.gap()


def test_closing_twice_is_no_error(client: Pm2Client) -> None:
    client.close()
    client.close()


@contextmanager
def connected(home: Path) -> Iterator[Rpc]:
    ours = socket.socket(socket.AF_UNIX)
    ours.connect(str(home / "rpc.sock"))
    ours.settimeout(0)
    rpc = Rpc(ours, SystemClock())
    try:
        yield rpc
    finally:
        rpc.close()
