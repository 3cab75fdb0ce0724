"""What a probe of the settings asks, as a value. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit

from automation.ports.talking import Question
from automation.systems.pm2.app_rules import Probe

HOST = "127.0.0.1"
PORTS = {"http": 80, "https": 443}
HIGHEST_PORT = 65535
LOCAL = frozenset({HOST, "localhost", "::1", "0.0.0.0"})  # noqa: S104  # a place that is asked, not listened on

_IN_A_PATH = "/%:@!$&'()*+,;=~-._"


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked: `question` over the network, or a `path` that must change; `shown` holds no secret.

    `own_port` is the port of this machine that the app should listen on, where the probe says one.
    """

    shown: str
    question: Question | None = None
    path: str = ""
    own_port: int | None = None


def target(probe: Probe) -> Target | None:
    """Return what a probe asks; None where its target is no such thing."""
    if not probe.target:
        return None
    if probe.kind == "file":
        return Target(f"file {probe.target}", path=probe.target)
    try:
        parts = _parts(probe.target, probe.kind)
        host, port = parts.hostname or HOST, parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:
        return None
    if host.isdigit() and parts.port is None:
        host, port = HOST, int(host)
    if not 0 < port <= HIGHEST_PORT or parts.scheme not in {*PORTS, "tcp"}:
        return None
    own_port = port if host in LOCAL else None
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if parts.scheme == "tcp":
        return Target(f"tcp {place}", Question(host, port), own_port=own_port)
    question = Question(host, port, _request(parts, place), tls=parts.scheme == "https")
    return Target(f"{parts.scheme}://{place}{parts.path or '/'}", question, own_port=own_port)


def _parts(text: str, kind: str) -> SplitResult:
    """Split a target that may lack scheme and host: `3000`, `:3000/health`, `[::1]:3000`."""
    return urlsplit(text if "://" in text else f"{kind}://{text}")


def _request(parts: SplitResult, place: str) -> bytes:
    path = quote(parts.path or "/", safe=_IN_A_PATH)
    query = f"?{quote(parts.query, safe=_IN_A_PATH + '?')}" if parts.query else ""
    lines = (
        f"GET {path}{query} HTTP/1.1",
        f"Host: {place}",
        "User-Agent: enhanced-redundancy",
        "Accept: */*",
        "Connection: close",
    )
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode("ascii")
