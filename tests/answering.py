"""Servers of every kind of health, for probes: each on a port of 127.0.0.1, gone at the end of the test."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

LIMIT_S = 20.0

Behaviour = Callable[[socket.socket], None]


def says(data: bytes) -> Behaviour:
    """Return what hears the request and then says that."""

    def behave(peer: socket.socket) -> None:
        peer.recv(65536)
        peer.sendall(data)

    return behave


def status(number: int, *more: str) -> Behaviour:
    """Return what answers with a status."""
    lines = (f"HTTP/1.1 {number} Whatever", "Content-Length: 2", *more, "", "ok")
    return says("\r\n".join(lines).encode())


def never(peer: socket.socket) -> None:
    """Hear, and say nothing until the other side hangs up."""
    while peer.recv(65536):
        pass


def trickles(peer: socket.socket) -> None:
    """Say a byte of an answer that never ends now and then, for as long as somebody listens."""
    heard = threading.Event()
    for _ in range(1000):
        peer.sendall(b"H")
        heard.wait(0.1)


@contextmanager
def server(behave: Behaviour, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Iterator[int]:
    """Give the port of a server that does that with each connection."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family, backlog=512) as listener:
        threads: list[threading.Thread] = []
        peers: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                peers.append(peer)
                threads.append(threading.Thread(target=_attend, args=(peer, behave, tls), daemon=True))
                threads[-1].start()

        accepting = threading.Thread(target=serve, daemon=True)
        accepting.start()
        try:
            yield listener.getsockname()[1]
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            accepting.join(LIMIT_S)
            for peer in peers:
                with contextlib.suppress(OSError):
                    peer.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join(LIMIT_S)


def _attend(peer: socket.socket, behave: Behaviour, tls: ssl.SSLContext | None) -> None:
    with peer, contextlib.suppress(OSError):
        if tls is None:
            behave(peer)
            return
        with tls.wrap_socket(peer, server_side=True) as secured:
            behave(secured)


def own_certificate(folder: Path) -> ssl.SSLContext:
    """Return the settings of a server with a certificate that nobody signed."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-days", "2", "-subj", "/CN=nobody", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
        timeout=LIMIT_S,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def closed_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
