"""What the text of a probe's target means."""

from __future__ import annotations

import pytest

from automation.ports.talking import Question
from automation.systems.pm2.app_rules import Probe
from automation.systems.pm2.probes.targets import Target, target


def asked(kind: str, where: str) -> tuple[str, int, str, bool]:
    """Return host, port, first line of the request, and whether it is spoken through TLS."""
    found = target(Probe(kind, where))
    assert found is not None
    assert found.question is not None
    question = found.question
    return question.host, question.port, question.request.decode().partition("\r\n")[0], question.tls


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("http://127.0.0.1:3000/health", ("127.0.0.1", 3000, "GET /health HTTP/1.1", False)),
        ("http://example.invalid", ("example.invalid", 80, "GET / HTTP/1.1", False)),
        ("https://example.invalid/", ("example.invalid", 443, "GET / HTTP/1.1", True)),
        ("HTTPS://EXAMPLE.invalid:8443", ("example.invalid", 8443, "GET / HTTP/1.1", True)),
        ("3000", ("127.0.0.1", 3000, "GET / HTTP/1.1", False)),
        ("3000/health", ("127.0.0.1", 3000, "GET /health HTTP/1.1", False)),
        (":3000/health", ("127.0.0.1", 3000, "GET /health HTTP/1.1", False)),
        ("[::1]:3000/a?b=c d&e", ("::1", 3000, "GET /a?b=c%20d&e HTTP/1.1", False)),
        ("3000:80", ("3000", 80, "GET / HTTP/1.1", False)),
        ("65535", ("127.0.0.1", 65535, "GET / HTTP/1.1", False)),
        ("localhost:3000/%41ä#part", ("localhost", 3000, "GET /%41%C3%A4 HTTP/1.1", False)),
        ("3000/a\r\nEvil: yes", ("127.0.0.1", 3000, "GET /aEvil:%20yes HTTP/1.1", False)),
    ],
)
def test_an_http_target_may_leave_out_scheme_and_host(
    where: str, expected: tuple[str, int, str, bool]
) -> None:
    assert asked("http", where) == expected


@pytest.mark.parametrize(
    ("where", "host", "port"),
    [("5432", "127.0.0.1", 5432), ("db.invalid:5432", "db.invalid", 5432), ("[::1]:53", "::1", 53)],
)
def test_a_tcp_target_is_a_port_and_perhaps_a_host(where: str, host: str, port: int) -> None:
    found = target(Probe("tcp", where))

    assert found is not None
    assert found.question == Question(host, port)


def test_a_file_target_is_a_path() -> None:
    assert target(Probe("file", "run/beat")) == Target("file run/beat", path="run/beat")


@pytest.mark.parametrize(
    ("kind", "where"),
    [
        ("http", ""),
        ("http", "ftp://example.invalid/"),
        ("http", "http://a:99999/"),
        ("http", "http://[::1/"),
        ("http", "0"),
        ("http", "99999"),
        ("tcp", ""),
        ("tcp", "host"),
        ("tcp", "host:no"),
        ("file", ""),
    ],
)
def test_what_names_nothing_to_ask_is_no_target(kind: str, where: str) -> None:
    assert target(Probe(kind, where)) is None


def test_what_is_shown_holds_neither_login_nor_query() -> None:
    found = target(Probe("http", "http://me:secret@127.0.0.1:3000/health?token=abc"))

    assert found is not None
    assert found.shown == "http://127.0.0.1:3000/health"


def test_the_host_header_is_the_place_that_is_asked() -> None:
    found = target(Probe("http", "[::1]:3000"))

    assert found is not None
    assert found.question is not None
    assert b"\r\nHost: [::1]:3000\r\n" in found.question.request


@pytest.mark.parametrize(
    ("kind", "where", "port"),
    [
        ("http", "3000", 3000),
        ("http", "http://localhost/", 80),
        ("tcp", "[::1]:3000", 3000),
        ("tcp", "0.0.0.0:3000", 3000),
        ("http", "http://example.invalid:3000/", None),
        ("file", "beat", None),
    ],
)
def test_only_a_place_on_this_machine_says_which_port_is_the_apps_own(
    kind: str, where: str, port: int | None
) -> None:
    found = target(Probe(kind, where))

    assert found is not None
    assert found.own_port == port
