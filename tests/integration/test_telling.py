"""Telling a human: a webhook that refuses, fails, is slow and at last accepts gets each message once."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from automation.core.errors import EffectFailed
from automation.core.finding import Finding, Severity
from automation.engine import deliver, telling
from automation.engine.cycle import run_cycle
from automation.engine.telling import Teller
from automation.ports import web as web_door
from automation.ports.clock import SteppedClock
from automation.ports.web import HttpFailed, RequestsHttp
from automation.ports.web_deadline import Deadline
from automation.stores import outbox
from tests.toy_ground import ROOT, Ground, eventually, guard, line_with

SECRET_PATH = "/services/T0/very-hidden-part"  # noqa: S105  # what must appear nowhere


@dataclass
class Hook:
    """A webhook that answers as it is told: `answers` in turn, the last one for ever."""

    answers: list[int]
    bodies: list[dict[str, Any]] = field(default_factory=list)
    asked: int = 0
    arrived: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def accepted(self) -> list[str]:
        """Return the subjects of the messages that were taken."""
        return [str(one["subject"]) for one in self.bodies]


@contextmanager
def hook(*answers: int) -> Iterator[Hook]:
    """Serve a webhook; the answer 0 is none, until `go_on` is set."""
    made = Hook(list(answers))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = made.answers[min(made.asked, len(made.answers) - 1)]
            made.asked += 1
            made.arrived.set()
            if answer == 0:
                made.go_on.wait(10)
                answer = 503
            if answer < 300:
                made.bodies.append(body)
            self.send_response(answer)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_address[1]}{SECRET_PATH}?token=abc"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield made
        finally:
            made.go_on.set()
            server.shutdown()
            thread.join()


def finding(subject: str = "hall") -> Finding:
    """Return what a human is to be told."""
    return Finding("lamp-off", subject, Severity.CRITICAL, "it gives no light", f"light {subject} by hand")


def settle(teller: Teller) -> None:
    """Let the child that runs come to its end, and see to it."""
    (descriptor,) = teller.fds()

    def has_ended() -> bool:
        teller.go_on()
        return descriptor not in teller.fds()

    eventually("the end of the child", has_ended)


def everything_below(folder: Path) -> bytes:
    """Return the bytes of all files below a folder, the private outbox and settings excepted."""
    files = [one for one in folder.rglob("*") if one.is_file() and one.name != "redundancy-config.json"]
    return b"".join(one.read_bytes() for one in files)


@pytest.mark.timeout(60)
def test_a_message_waits_until_it_is_accepted_and_is_sent_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "redundancy")
    clock = SteppedClock()
    with hook(404, 500, 302, 204) as web:
        ground = Ground(tmp_path, {"REDUNDANCY_WEBHOOK": web.url})
        teller = Teller(ground.context(clock))
        teller.add((finding(),), clock.now_s(), "host")
        waits: list[float] = []
        too_early: tuple[int, ...] = ()
        for _ in range(4):
            teller.go_on()
            settle(teller)
            waits.append((teller.next_s() or 0.0) - clock.elapsed_s())
            teller.go_on()
            too_early = teller.fds()
            clock.wait(max(waits[-1], 0.0))
        teller.go_on()

    assert waits[:3] == [15.0, 30.0, 60.0]
    assert too_early == ()
    assert web.accepted() == ["hall"]
    assert web.asked == 4
    assert outbox.read(ground.state / "outbox.json") == []
    assert teller.next_s() is None
    assert teller.fds() == ()
    assert caplog.messages.count("human_not_told") == 3
    assert caplog.messages.count("human_told") == 1


def test_what_is_sent_says_who_where_what_and_what_to_do(tmp_path: Path) -> None:
    with hook(200) as web:
        ground = Ground(tmp_path, {"REDUNDANCY_WEBHOOK": web.url})
        teller = Teller(ground.context(SteppedClock()))
        teller.add((finding(),), 1_800_000_000.0, "box")
        teller.go_on()
        settle(teller)

    (body,) = web.bodies
    text = "[box] The lamp guard needs a human: hall: it gives no light. light hall by hand"
    assert body == {
        "id": "lamp-lamp-off-hall-1800000000",
        "at": "2027-01-15T08:00:00.000Z",
        "system": "lamp",
        "host": "box",
        "problem": "lamp-off",
        "subject": "hall",
        "severity": "critical",
        "message": "it gives no light",
        "advice": "light hall by hand",
        "text": text,
        "content": text,
    }


@pytest.mark.timeout(60)
def test_a_slow_webhook_blocks_no_look_and_the_child_is_ended_after_its_limit(tmp_path: Path) -> None:
    clock = SteppedClock()
    with hook(0) as web:
        ground = Ground(tmp_path, {"REDUNDANCY_WEBHOOK": web.url})
        ground.lamps({"hall": "on"})
        with guard(ground, clock) as guarded:
            guarded.teller.add((finding(),), clock.now_s(), "host")
            run_cycle(guarded)
            assert web.arrived.wait(10)
            clock.wait(1.0)
            run_cycle(guarded)
            cycle, watched = ground.report()["cycle"], guarded.teller.fds()
            limit_s = guarded.teller.next_s()
            clock.wait(telling.CHILD_LIMIT_S)
            guarded.teller.go_on()
            after = guarded.teller.fds()

    assert cycle == 2
    assert len(watched) == 1
    assert limit_s == pytest.approx(1000.0 + telling.CHILD_LIMIT_S)
    assert after == ()
    assert len(outbox.read(ground.state / "outbox.json")) == 1


@pytest.mark.timeout(60)
def test_the_address_appears_in_no_log_report_or_process_title(tmp_path: Path) -> None:
    with hook(0, 500) as web:
        ground = Ground(tmp_path, {"REDUNDANCY_WEBHOOK": web.url, "LAMP_INTERVAL": "1s"})
        ground.environment |= {"REDUNDANCY_MODE": "observe", "REDUNDANCY_LOG_LEVEL": "DEBUG"}
        ground.lamps({"hall": "off"})
        with ground.program() as child:
            assert child.stdout is not None
            line_with(child, "needs_human")
            assert web.arrived.wait(10)
            children = Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text("ascii").split()
            titles = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in [str(child.pid), *children]]
            web.go_on.set()
            line_with(child, "human_not_told")
            child.terminate()
            rest = child.stdout.read()
        said = [ground.run(*words) for words in (("status",), ("report",), ("doctor",), ("doctor", "--json"))]
    shown = "".join([rest, *(one.stdout + one.stderr for one in said)]).encode()
    shown += everything_below(tmp_path) + b"".join(titles)

    assert len(children) == 1
    assert b"[redacted]" in shown
    assert b"very-hidden-part" not in shown
    assert b"token=abc" not in shown


def test_without_an_address_nothing_is_kept_for_sending(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    teller = Teller(ground.context(SteppedClock()))
    teller.add((finding(),), 0.0, "host")
    teller.go_on()

    assert teller.next_s() is None
    assert not (ground.state / "outbox.json").exists()


def test_where_settings_want_no_alerts_nothing_is_kept_for_sending(tmp_path: Path) -> None:
    ground = Ground(tmp_path, {"REDUNDANCY_WEBHOOK": "http://127.0.0.1:9/"})
    ground.settings(monitoring={"alerts": {"enabled": False}})
    teller = Teller(ground.context(SteppedClock()))
    teller.add((finding(),), 0.0, "host")
    teller.go_on()

    assert teller.next_s() is None
    assert not (ground.state / "outbox.json").exists()


def test_a_message_that_could_not_be_kept_is_kept_at_the_next_try(tmp_path: Path) -> None:
    ground = Ground(tmp_path, {"REDUNDANCY_WEBHOOK": "http://127.0.0.1:9/"})
    teller = Teller(ground.context(SteppedClock()))
    path = ground.state / "outbox.json"
    path.mkdir()
    with pytest.raises(EffectFailed, match=r"outbox\.json"):
        teller.add((finding(),), 0.0, "host")
    waits_for = teller.next_s()
    path.rmdir()
    teller.add((), 5.0, "host")

    assert waits_for is None
    assert [one["subject"] for one in outbox.read(path)] == ["hall"]


def test_a_guard_that_cannot_keep_a_message_says_so_and_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ground = Ground(tmp_path, {"REDUNDANCY_WEBHOOK": "http://127.0.0.1:9/", "REDUNDANCY_MODE": "observe"})
    ground.lamps({"hall": "off"})
    clock = SteppedClock()
    with guard(ground, clock) as guarded:
        (ground.state / "outbox.json").mkdir()
        run_cycle(guarded)
        clock.wait(1.0)
        run_cycle(guarded)

    assert caplog.messages.count("human_not_told") == 1
    assert ground.report()["cycle"] == 2


def test_a_child_that_cannot_be_started_is_tried_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SteppedClock()
    ground = Ground(tmp_path, {"REDUNDANCY_WEBHOOK": "http://127.0.0.1:9/"})
    teller = Teller(ground.context(clock))
    teller.add((finding(),), 0.0, "host")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    teller.go_on()

    assert teller.fds() == ()
    assert teller.next_s() == clock.elapsed_s() + telling.FIRST_WAIT_S


def test_the_outbox_holds_the_newest_and_a_damaged_one_is_kept_as_evidence(tmp_path: Path) -> None:
    path = tmp_path / "outbox.json"
    path.write_text("torn {", "utf-8")
    outbox.add(path, "2027", [{"id": number} for number in range(150)])
    outbox.drop(path, "2027", 149)

    assert [one["id"] for one in outbox.read(path)] == list(range(50, 149))
    assert (tmp_path / "outbox.json.damaged").read_text("utf-8") == "torn {"
    path.write_text('{"messages": 5}', "utf-8")
    assert outbox.read(path) == []


def test_delivering_stops_at_the_first_failure_and_keeps_the_order(tmp_path: Path) -> None:
    path = tmp_path / "outbox.json"
    outbox.add(path, "2027", [{"id": name, "subject": name} for name in ("a", "b", "c")])
    with hook(200, 500, 200) as web:
        first = deliver.deliver(path, web.url, RequestsHttp(), "2027")
        left = [one["id"] for one in outbox.read(path)]
        second = deliver.deliver(path, web.url, RequestsHttp(), "2027")

    assert (first, second) == (False, True)
    assert left == ["b", "c"]
    assert web.accepted() == ["a", "b", "c"]


def test_delivering_to_nobody_fails_quietly(tmp_path: Path) -> None:
    path = tmp_path / "outbox.json"
    outbox.add(path, "2027", [{"id": "a"}])
    with hook(200) as web:
        url = web.url

    assert not deliver.deliver(path, url, RequestsHttp(), "2027")
    assert len(outbox.read(path)) == 1


def test_the_child_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "outbox.json"
    outbox.add(path, "2027", [{"id": "a", "subject": "a"}])
    argv = [sys.executable, "-m", "automation.engine.deliver"]
    with hook(500, 200) as web:
        environment = {"PATH": os.environ["PATH"], "REDUNDANCY_WEBHOOK": web.url}
        codes = [
            subprocess.run([*argv, *words], cwd=ROOT, env=env, check=False).returncode
            for words, env in (
                ([], environment),
                ([str(path)], {"PATH": os.environ["PATH"]}),
                ([str(path)], environment),
                ([str(path)], environment),
            )
        ]

    assert codes == [3, 3, 1, 0]
    assert web.accepted() == ["a"]


def test_the_child_is_ours_whatever_lies_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = tmp_path / "automation"
    foreign.mkdir()
    (foreign / "__init__.py").write_text("raise SystemExit(0)\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    with hook(200) as web:
        ground = Ground(tmp_path, {"REDUNDANCY_WEBHOOK": web.url})
        teller = Teller(ground.context(SteppedClock()))
        teller.add((finding(),), 0.0, "host")
        teller.go_on()
        settle(teller)

    assert web.accepted() == ["hall"]


# --- the door itself ---


@contextmanager
def raw_server(*parts: bytes, pause_s: float = 0.0) -> Iterator[str]:
    """Serve one connection with these bytes, with pauses between."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                try:
                    for part in parts:
                        connection.sendall(part)
                        time.sleep(pause_s)
                except OSError:
                    return

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/hidden?token=abc"
        finally:
            thread.join(10)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n"


@pytest.mark.parametrize(
    "parts",
    [(HEAD + b"\r\n", *[b"x"] * 40), (HEAD, *[b"X-More: 1\r\n"] * 40), (HEAD, *[b"X"] * 40)],
    ids=["body", "headers", "one header"],
)
def test_an_answer_that_trickles_is_given_up_in_time(parts: tuple[bytes, ...]) -> None:
    with raw_server(*parts, pause_s=0.1) as url:
        began_s = time.monotonic()
        with pytest.raises(HttpFailed, match=r"^http://127\.0\.0\.1:\d+: no answer in time$"):
            RequestsHttp().request("GET", url, timeout_s=0.5)
        took_s = time.monotonic() - began_s

    assert took_s < 3.0


def test_each_exchange_has_its_own_time_also_over_one_connection() -> None:
    callers = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            callers.append(self.client_address)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            time.sleep(0.2)
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        http = RequestsHttp()
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        bodies = [http.request("GET", url, timeout_s=limit_s).body for limit_s in (5.0, 6.0)]
        with pytest.raises(HttpFailed, match="no answer in time"):
            http.request("GET", url, timeout_s=0.1)
        bodies.append(http.request("GET", url, timeout_s=5.0).body)
        server.shutdown()
        thread.join()

    assert bodies == [b"ok"] * 3
    assert callers[0] == callers[1] == callers[2] != callers[3]


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        (
            (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",),
            "no connection|ProtocolError|IncompleteRead",
        ),
        ((b"garbage\r\n\r\n",), "no connection"),
        ((b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",), "DecodeError"),
    ],
)
def test_a_broken_answer_is_one_line_without_the_path(parts: tuple[bytes, ...], why: str) -> None:
    with raw_server(*parts) as url, pytest.raises(HttpFailed, match=why) as failed:
        RequestsHttp().request("GET", url, timeout_s=5.0)

    assert "hidden" not in str(failed.value)
    assert failed.value.__cause__ is None


def test_no_answer_in_time_and_addresses_that_are_none() -> None:
    with raw_server(b"", pause_s=0.6) as url, pytest.raises(HttpFailed, match="no answer in time"):
        RequestsHttp().request("GET", url, timeout_s=0.2)
    with pytest.raises(HttpFailed, match="an address that cannot be read"):
        RequestsHttp().request("GET", "http://[half", timeout_s=1.0)
    with pytest.raises(HttpFailed, match="InvalidSchema"):
        RequestsHttp().request("GET", "gopher://host/", timeout_s=1.0)


def test_a_whole_answer_has_lower_case_header_names() -> None:
    head = b"HTTP/1.1 201 Created\r\nX-Thing: Yes\r\nContent-Length: 4\r\n\r\nbody"
    with raw_server(head) as url:
        answer = RequestsHttp().request("POST", url, headers={"A": "b"}, body=b"x", timeout_s=5.0)

    assert (answer.status, answer.body, answer.headers["x-thing"]) == (201, b"body", "Yes")


def test_an_answer_above_the_cap_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_door, "ANSWER_CAP", 3)
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"
    with raw_server(answer) as url, pytest.raises(HttpFailed, match="the answer was too large"):
        RequestsHttp().request("GET", url, timeout_s=5.0)


def test_a_deadline_that_has_passed_leaves_no_time() -> None:
    deadline = Deadline()
    deadline.begin(0.0)

    with pytest.raises(TimeoutError):
        deadline.left_s()


def test_an_untrusted_certificate_is_said() -> None:
    assert web_door._reason(requests.exceptions.SSLError()) == "the certificate was refused"
