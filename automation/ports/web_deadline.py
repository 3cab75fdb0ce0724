"""One deadline for a whole HTTP exchange: the limits of `requests` hold for each read from the socket alone.

A server that sends a byte now and then would never reach them: neither in its answer nor in its headers,
which are read without anybody being asked between two bytes.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import requests.adapters
import urllib3


@dataclass(slots=True)
class Deadline:
    """Until when the exchange that is under way may take; a session and its connections share one."""

    at_s: float = field(default=float("inf"))

    def begin(self, limit_s: float) -> None:
        """Let an exchange take so long from now."""
        self.at_s = time.monotonic() + limit_s

    def left_s(self) -> float:
        """Return what is left of it.

        Raises:
            TimeoutError: Nothing is.
        """
        left_s = self.at_s - time.monotonic()
        if left_s <= 0.0:
            raise TimeoutError("no answer in time")
        return left_s


class TimedAdapter(requests.adapters.HTTPAdapter):
    """Makes connections whose answers are read within the deadline."""

    def __init__(self, deadline: Deadline) -> None:
        super().__init__()
        self._deadline = deadline
        self._timed: dict[type, type] = {}

    def get_connection_with_tls_context(
        self,
        request: requests.PreparedRequest,
        verify: bool | str | None,  # noqa: FBT001  # as requests has it
        proxies: Mapping[str, str] | None = None,
        cert: tuple[str, str] | str | None = None,
    ) -> urllib3.connectionpool.ConnectionPool:
        """Return the pool for a request, whose connections are of our kind."""
        pool: Any = super().get_connection_with_tls_context(request, verify, proxies, cert)
        usual = pool.ConnectionCls
        if usual not in self._timed.values():
            answers = {"response_class": partial(_answer, self._deadline)}
            pool.ConnectionCls = self._timed.setdefault(usual, type(usual.__name__, (usual,), answers))
        found: urllib3.connectionpool.ConnectionPool = pool
        return found


def _answer(deadline: Deadline, connected: socket.socket, **named: Any) -> http.client.HTTPResponse:  # noqa: ANN401  # handed on
    reads: Any = _Reads(connected, deadline)
    return http.client.HTTPResponse(reads, **named)


@dataclass(frozen=True, slots=True)
class _Reads:
    """What an HTTPResponse wants of a socket: a file to read from."""

    connected: socket.socket
    deadline: Deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self.connected, self.deadline))


class _TimedReader(io.RawIOBase):
    """Reads from a socket; no read takes longer than what is left of the deadline."""

    def __init__(self, connected: socket.socket, deadline: Deadline) -> None:
        self._connected = connected
        self._deadline = deadline
        self._raw = connected.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401  # whatever BufferedReader has
        self._connected.settimeout(self._deadline.left_s())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
