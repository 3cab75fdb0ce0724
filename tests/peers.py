"""Scripted peers on a unix socket, which behave as badly as they are told to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from automation.systems.pm2.wire.frames import FrameReader, as_json, as_text, encode, json_part, text_part
from automation.systems.pm2.wire.rpc import NEEDED

ACCEPT_TIMEOUT_S = 10.0

Talk = Callable[[socket.socket], None]


@contextmanager
def peer(address: Path, *talks: Talk) -> Iterator[None]:
    """Listen on a socket and serve one connection after the other, each by the next talk.

    A talk may block: its connection is shut down at the end of the block, and its thread joined.
    """
    opened: list[socket.socket] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(address))
        listener.listen()

        def serve() -> None:
            for talk in talks:
                try:
                    connection = listener.accept()[0]
                except OSError:
                    return
                opened.append(connection)
                with connection:
                    talk_to_the_end(talk, connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for connection in opened:
                _shut_down(connection)
            thread.join(ACCEPT_TIMEOUT_S)
            assert not thread.is_alive()


def talk_to_the_end(talk: Talk, connection: socket.socket) -> None:
    """Run a talk; a client that goes away ends it, and is no error."""
    connection.settimeout(ACCEPT_TIMEOUT_S)
    try:
        talk(connection)
    except (BrokenPipeError, ConnectionResetError):
        return


def requests(connection: socket.socket) -> Iterator[tuple[str, dict[str, object]]]:
    """Return the requests that arrive, each as its number and what it says, until the client goes."""
    reader = FrameReader()
    while data := connection.recv(65536):
        for what, number in reader.feed(data):
            said = as_json(what)
            assert isinstance(said, dict)
            yield as_text(number), said


def answer(number: str, **said: object) -> bytes:
    """Return the frame that answers the request of that number."""
    return encode(json_part(said), text_part(number))


def result(number: str, value: object) -> bytes:
    """Return the frame that answers a call with a result."""
    return answer(number, args=[value])


def methods(number: str, names: tuple[str, ...] = NEEDED) -> bytes:
    """Return the frame that answers a handshake."""
    return answer(number, methods={name: {"name": name, "params": []} for name in names})


def event(topic: str, payload: object) -> bytes:
    """Return the frame of something that is announced on the bus."""
    return encode(text_part(topic), json_part(payload))


def process_event(kind: str, number: int = 0) -> bytes:
    """Return the frame of something that happened to a process."""
    process = {"pm_id": number, "name": f"app {number}", "unique_id": "u", "status": "online"}
    return event("process:event", {"event": kind, "manually": False, "at": 1, "process": process})


def after_handshake(rest: Callable[[socket.socket, str, dict[str, object]], None]) -> Talk:
    """Return a talk that shakes hands as PM2 does, and leaves each call after that to `rest`."""

    def talk(connection: socket.socket) -> None:
        for number, said in requests(connection):
            if said["type"] == "methods":
                connection.sendall(methods(number))
            else:
                rest(connection, number, said)

    return talk


def saying(data: bytes) -> Talk:
    """Return a talk that says something at once, and then waits until the client goes."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(data)
        silent(connection)

    return talk


def silent(connection: socket.socket) -> None:
    """Read what comes, and never answer."""
    while connection.recv(65536):
        pass


def _shut_down(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
