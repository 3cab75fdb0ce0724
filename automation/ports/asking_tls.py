"""TLS for an ask; a module of its own, because `ssl` costs 4 MB and only https needs it.

Certificates are not judged: what is asked is whether an app of this machine still answers, and no secret is
sent.
"""

from __future__ import annotations

import errno
import selectors
import socket
import ssl
from collections.abc import Generator

Wanted = tuple[int, int]


class Secured:
    """A connection behind TLS, which says "not yet" as a plain one does."""

    def __init__(self, peer: socket.socket, host: str) -> None:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self._peer = context.wrap_socket(peer, server_hostname=host, do_handshake_on_connect=False)

    def handshake(self) -> Generator[Wanted, None, None]:
        """Agree with the other side; yields the descriptor and what to wait for.

        Raises:
            OSError: The other side speaks no TLS that we know.
        """
        while True:
            try:
                return self._peer.do_handshake()
            except ssl.SSLWantReadError:
                yield self._peer.fileno(), selectors.EVENT_READ
            except ssl.SSLWantWriteError:
                yield self._peer.fileno(), selectors.EVENT_WRITE
            except ssl.SSLError as error:
                raise _no_tls(error) from error

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._peer.fileno()

    def send(self, data: bytes) -> int:
        """Send what can be sent; BlockingIOError where nothing can."""
        try:
            return self._peer.send(data)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as error:
            raise BlockingIOError from error
        except ssl.SSLError as error:
            raise _no_tls(error) from error

    def recv(self, most_bytes: int) -> bytes:
        """Return what has come; BlockingIOError where nothing has."""
        try:
            return self._peer.recv(most_bytes)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as error:
            raise BlockingIOError from error
        except ssl.SSLError as error:
            raise _no_tls(error) from error

    def close(self) -> None:
        """Close the connection."""
        self._peer.close()


def _no_tls(error: ssl.SSLError) -> OSError:
    """Return a plain error: the numbers of TLS are none of errno's, and would be taken for others."""
    return OSError(errno.EPROTO, f"no TLS that we know ({error.reason or 'broken off'})")


def secured(peer: socket.socket, host: str) -> Secured:
    """Put TLS around a connection that does not block."""
    return Secured(peer, host)
