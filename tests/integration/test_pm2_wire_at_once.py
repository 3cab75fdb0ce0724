"""Many entries prepared over one connection, several at once: each outcome is that of its own entry."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from automation.core.errors import EffectFailed, StepRefused
from automation.ports.clock import SystemClock
from automation.systems.pm2.wire.at_once import AT_ONCE
from automation.systems.pm2.wire.client import Pm2Client
from automation.systems.pm2.wire.door import Closed, Garbled, NoAnswer
from tests.peers import after_handshake, answer, peer, result

SOON_S = 0.2
COUNT = 3 * AT_ONCE


@pytest.fixture
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pm2Client]:
    made = Pm2Client(tmp_path_factory.mktemp("h"), SystemClock())
    yield made
    made.close()


@pytest.fixture
def rpc(client: Pm2Client) -> Path:
    return client._places.rpc


def entry(name: str) -> dict[str, object]:
    return {"name": name, "status": "online", "pm_exec_path": "/a", "pm_pid_path": "/b", "env": {}}


def entries() -> list[dict[str, object]]:
    return [entry(str(number)) for number in range(COUNT)]


def name_in(said: dict[str, Any]) -> str:
    """Return whom a call is about; empty for the question whether the daemon lives."""
    return str(said["args"][0].get("name", "")) if said["method"] == "prepare" else ""


def listed(name: str) -> list[dict[str, object]]:
    return [{"pm_id": 0, "name": name, "pm2_env": {}}]


def names(outcomes: list[list[dict[str, object]] | EffectFailed]) -> list[str]:
    return [type(one).__name__ if isinstance(one, EffectFailed) else str(one[0]["name"]) for one in outcomes]


def test_answers_in_any_order_are_those_of_their_entries_and_a_refused_one_is_told_apart(
    rpc: Path, client: Pm2Client
) -> None:
    held: list[tuple[str, str]] = []
    most: list[int] = []

    def backwards(connection: socket.socket, number: str, said: dict[str, object]) -> None:
        held.append((number, name_in(said)))
        most.append(len(held))
        if len(held) == AT_ONCE:
            while held:
                of, name = held.pop()
                refused = answer(of, error="no such folder", stack="")
                connection.sendall(refused if name == "5" else result(of, listed(name)))

    with peer(rpc, after_handshake(backwards)):
        outcomes = client.prepare_all(entries())

    assert names(outcomes) == [str(n) if n != 5 else "EffectFailed" for n in range(COUNT)]
    assert "no such folder" in str(outcomes[5])
    assert max(most) == AT_ONCE


def test_what_must_not_be_sent_is_an_outcome_of_its_own(rpc: Path, client: Pm2Client) -> None:
    def takes(connection: socket.socket, number: str, said: dict[str, object]) -> None:
        connection.sendall(result(number, listed(name_in(said))))

    bad = [entry("ids") | {"pm_id": 1}, entry("bytes") | {"odd": float("nan")}]
    with peer(rpc, after_handshake(takes)):
        outcomes = client.prepare_all([entry("a"), *bad, entry("b")])

    assert names(outcomes) == ["a", "StepRefused", "StepRefused", "b"]
    assert isinstance(outcomes[1], StepRefused)


def test_one_that_is_never_answered_is_given_up_and_the_others_are_not(rpc: Path, client: Pm2Client) -> None:
    def forgets(connection: socket.socket, number: str, said: dict[str, object]) -> None:
        if said["method"] == "getVersion":
            connection.sendall(result(number, "7"))
        elif name_in(said) != "5":
            connection.sendall(result(number, listed(name_in(said))))

    with peer(rpc, after_handshake(forgets)):
        outcomes = client.prepare_all(entries(), patience_s=SOON_S)

    assert names(outcomes) == [str(n) if n != 5 else "NoAnswer" for n in range(COUNT)]


@pytest.mark.parametrize("answered", [0, 3, AT_ONCE + 1])
def test_a_daemon_that_hangs_in_the_middle_ends_it_early(rpc: Path, client: Pm2Client, answered: int) -> None:
    came: list[str] = []

    def hangs(connection: socket.socket, number: str, said: dict[str, object]) -> None:
        came.append(name_in(said))
        if len(came) <= answered:
            connection.sendall(result(number, listed(name_in(said))))

    with peer(rpc, after_handshake(hangs)), pytest.raises(NoAnswer, match="hangs"):
        client.prepare_all(entries(), patience_s=SOON_S)
    assert len(came) <= answered + AT_ONCE + 1  # and one question; nothing more was sent in vain


def test_a_daemon_that_dies_in_the_middle_ends_it_at_once(rpc: Path, client: Pm2Client) -> None:
    came: list[str] = []

    def dies(connection: socket.socket, number: str, said: dict[str, object]) -> None:
        came.append(name_in(said))
        if len(came) == 3:
            connection.shutdown(socket.SHUT_RDWR)
        else:
            connection.sendall(result(number, listed(name_in(said))))

    with peer(rpc, after_handshake(dies)), pytest.raises(Closed):
        client.prepare_all(entries())


@pytest.mark.parametrize("said", [{"neither": 1}, {"args": ["no list"]}])
def test_an_answer_that_is_not_pm2s_is_garbled(rpc: Path, client: Pm2Client, said: dict[str, object]) -> None:
    def talks(connection: socket.socket, number: str, _: dict[str, object]) -> None:
        connection.sendall(answer(number, **said))

    with peer(rpc, after_handshake(talks)), pytest.raises(Garbled):
        client.prepare_all(entries())
