"""Speaking HTTP, by requests: always with time limits, a cap on the answer, and no secret in an error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

import requests
import urllib3

from automation.core.errors import EffectFailed
from automation.ports.web_deadline import Deadline, TimedAdapter

ANSWER_CAP = 16 * 1024 * 1024


class HttpFailed(EffectFailed):
    """No answer came: no connection, no answer in time, or one that broke off."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered; header names are lower-case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Http(Protocol):
    """Sends requests."""

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_s: float = 10.0,
    ) -> Answer:
        """Send one request and return the answer, whatever its status; redirects are followed by GET alone.

        Args:
            method: GET, POST, …
            url: Absolute, http or https.
            headers: Sent as they are.
            body: Sent as it is.
            timeout_s: Seconds for the whole exchange.

        Raises:
            HttpFailed: No whole answer came in time. The message names scheme and host, never path or query.
        """
        ...


class RequestsHttp:
    """Sends requests over one kept-alive session."""

    def __init__(self) -> None:
        self._deadline = Deadline()
        self._session = requests.Session()
        self._session.trust_env = True
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, TimedAdapter(self._deadline))

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_s: float = 10.0,
    ) -> Answer:
        """Send one request (see Http.request)."""
        self._deadline.begin(timeout_s)
        try:
            with self._session.request(
                method,
                url,
                headers=dict(headers or {}),
                data=body,
                timeout=(min(timeout_s, 10.0), timeout_s),
                stream=True,
                allow_redirects=method == "GET",
            ) as response:
                kept = bytearray()
                while chunk := response.raw.read1(65536, decode_content=True):
                    kept += chunk
                    if len(kept) > ANSWER_CAP:
                        raise HttpFailed(f"{_place(url)}: the answer was too large")
                lowered = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status_code, bytes(kept), lowered)
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
            raise HttpFailed(
                f"{_place(url)}: {_reason(error)}"
            ) from None  # the cause holds the whole address, secrets included


def _place(url: str) -> str:
    """Return scheme and host of an address: the path or query may hold a secret."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "an address that cannot be read"
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")


def _reason(error: Exception) -> str:
    """Name what went wrong without the address that requests puts into its messages."""
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
        return "no answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "the certificate was refused"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return f"{type(error).__name__}"
