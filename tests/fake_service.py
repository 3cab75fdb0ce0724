"""A small HTTP service on 127.0.0.1 that remembers what it was asked, and spoils answers as it is told."""

from __future__ import annotations

import socket
import struct
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

SLOW_CAP_S = 15.0
NO_CONTENT = 204


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one request.

    `status` answers that instead, with `headers` and `body`. The others let the service do its work and spoil
    its answer: `reset` breaks the connection, `slow` sends nothing, `cut` sends half of the JSON as if it
    were all, `broken_off` ends the connection in the middle of the body.
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    reset: bool = False
    slow: bool = False
    cut: bool = False
    broken_off: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that came in, and the status that it was answered with."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    status: int


class FakeService:
    """A service below `root`. Use it as a context manager; `url` is where it answers.

    `violations` are what a request or an answer does against the published description; they must stay empty.
    """

    def __init__(self, root: str = "") -> None:
        self.root = root
        self.now_s = 1_800_000_000.0
        self.asked: list[Asked] = []
        self.violations: list[str] = []
        self._faults: deque[Fault] = deque()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Request", (Request,), {"fake": self}))
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}{root}"

    def __enter__(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, slow answers included."""
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def fail(self, *faults: Fault) -> None:
        """Spoil the next requests, one fault each."""
        self._faults.extend(faults)

    def answer(self, asked: Request) -> None:
        """Answer one request, and note it."""
        with self._lock:
            fault = self._faults.popleft() if self._faults else Fault()
            status, headers, data = self.answer_to(asked, fault)
            self.asked.append(Asked(asked.method, asked.target, dict(asked.headers), asked.body, status))
        if fault.slow:
            self._closing.wait(SLOW_CAP_S)
        asked.send(status, headers, data, fault)

    def answer_to(self, asked: Request, fault: Fault) -> tuple[int, Mapping[str, str], bytes]:
        """Return status, headers and body of the answer; the fault's own where it names a status."""
        raise NotImplementedError


class Request(BaseHTTPRequestHandler):
    """One connection; hands each request to the fake, and sends what it answers."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 30
    fake: FakeService
    method = ""
    target = ""
    body = b""

    def do_GET(self) -> None:
        """Answer a GET."""
        self._take()

    def do_POST(self) -> None:
        """Answer a POST."""
        self._take()

    def send(self, status: int, headers: Mapping[str, str], data: bytes, fault: Fault) -> None:
        """Send an answer, or what the fault makes of it."""
        if fault.reset:
            self._reset()
            return
        shown = data[: len(data) // 2] if fault.cut or fault.broken_off else data
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != NO_CONTENT:
            self.send_header("Content-Length", str(len(data) if fault.broken_off else len(shown)))
        self.close_connection = self.close_connection or fault.broken_off
        try:
            self.end_headers()
            self.wfile.write(shown)
        except OSError:
            self.close_connection = True  # a client that waited long enough has left

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
        """Say nothing."""

    def _take(self) -> None:
        self.method = self.command
        self.target = self.path.removeprefix(self.fake.root)
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.fake.answer(self)

    def _reset(self) -> None:
        """End the connection with a reset instead of an orderly end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True
