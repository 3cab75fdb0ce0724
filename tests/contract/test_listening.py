"""Who holds a port, held against real processes that listen."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from automation.ports.listening import (
    MOST_LISTENERS,
    Kin,
    Listener,
    command,
    holders,
    kin,
    listeners,
    may_look_into,
)
from automation.systems.pm2.probes.checks import Taken
from automation.systems.pm2.probes.suspicion import Suspect
from automation.systems.pm2.probes.theft import MOST_COMMAND, SEEK_AGAIN_S, SETTLED_AFTER_S, Thefts
from automation.systems.pm2.process import Process
from tests.pm2_values import entry, listed

DAEMON_PID = 1

# Listens, says where, and ends with its standard input. With `child`, it is a child of it that does.
LISTENS = """
import os, socket, sys
if "child" in sys.argv and os.fork():
    sys.stdin.read(); os.wait(); sys.exit()
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
s = socket.create_server((sys.argv[1], int(sys.argv[2])), family=family)
print(s.getsockname()[1], os.getpid(), flush=True)
sys.stdin.read()
"""
IDLE = "import sys; print(0, 0, flush=True); sys.stdin.read()"


@contextmanager
def program(
    text: str, *words: str, new_session: bool = True
) -> Iterator[tuple[subprocess.Popen[str], int, int]]:
    """Run a program that says a port and a pid; it ends with the block."""
    with subprocess.Popen(
        [sys.executable, "-c", text, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=new_session,
    ) as child:
        assert child.stdout is not None
        port, pid = child.stdout.readline().split()
        yield child, int(port), int(pid)


def web(pid: int, status: str = "online", pm_id: int = 0, name: str = "web") -> Process:
    (found,) = listed(entry(name, pm_id, status) | {"pid": pid})
    return found


def looked(
    port: int, process: Process, *others: Process, thefts: Thefts | None = None, daemon: int = DAEMON_PID
) -> Taken | None:
    """Look at the port of one process twice, long enough apart."""
    thefts = thefts or Thefts()
    suspects, seen = [Suspect(process, port, "probe")], (process, *others)
    thefts.look(suspects, seen, daemon, 100.0)
    return thefts.look(suspects, seen, daemon, 100.0 + SETTLED_AFTER_S).get(process.pm_id)


# --- the reader ---


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1", "::"])  # noqa: S104  # for a moment
def test_a_socket_that_listens_is_found_with_its_holder(host: str) -> None:
    with program(LISTENS, host, "0") as (child, port, _):
        (found,) = listeners({port})

        assert (found.port, found.uid) == (port, os.getuid())
        assert holders({found.inode}) == {found.inode: (child.pid,)}
        assert listeners({port + 100_000}) == ()


def test_a_connection_is_no_listener() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        with socket.create_connection(address) as peer, listener.accept()[0]:
            assert len(listeners({address[1]})) == 1
            assert listeners({peer.getsockname()[1]}) == ()


def test_a_socket_that_several_processes_hold_has_them_all() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        (found,) = listeners({listener.getsockname()[1]})
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=[listener.fileno()]) as child:
            assert set(holders({found.inode})[found.inode]) == {os.getpid(), child.pid}


def test_a_process_is_known_by_parent_and_session_and_command() -> None:
    with program(IDLE) as (child, _, _):
        assert kin(child.pid) == Kin(os.getpid(), child.pid)
        assert command(child.pid).endswith(IDLE)
        assert may_look_into(child.pid)


def test_what_is_not_there_has_neither() -> None:
    assert (kin(0), command(0), may_look_into(0)) == (None, "", False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "header\n",
        "header\n garbage\n",
        "header\n 0: 0100007F:XYZ 0 0A 0 0 0 0 0 7\n",
        "header\n 0: 0100007F:0BB8 00000000:0000 01 0:0 0:0 0 0 0 7\n",
    ],
)
def test_a_table_that_cannot_be_understood_holds_nobody(tmp_path: Path, text: str) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "tcp").write_text(text, "ascii")

    assert listeners(range(70_000), tmp_path) == ()


def test_no_table_is_read_beyond_a_few_thousand_sockets(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    row = " 0: 0100007F:0BB8 00000000:0000 0A 0:0 0:0 00 5 0 7 x\n"
    (tmp_path / "net" / "tcp").write_text("header\n" + (MOST_LISTENERS + 1) * row, "ascii")

    assert listeners({3000}, tmp_path) == (Listener(3000, 7, 5),) * MOST_LISTENERS


def test_without_proc_nobody_is_found(tmp_path: Path) -> None:
    assert (listeners({1}, tmp_path), holders({1}, tmp_path / "no")) == ((), {})


def test_descriptors_that_vanish_while_they_are_read_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "12" / "fd").mkdir(parents=True)
    (tmp_path / "12" / "fd" / "3").symlink_to("socket:[7]")
    (tmp_path / "12" / "fd" / "4").write_text("no link", "ascii")
    (tmp_path / "13").mkdir()
    (tmp_path / "self").mkdir()

    assert holders({7, 8}, tmp_path) == {7: (12,)}


# --- whose it is ---


def test_a_port_that_another_process_holds_is_taken_and_its_holder_named() -> None:
    with program(IDLE) as (app, _, _), program(LISTENS, "127.0.0.1", "0") as (thief, port, _):
        found = looked(port, web(app.pid))

    assert found is not None
    assert (found.port, found.named_by, found.pid, found.settled) == (port, "probe", thief.pid, True)
    assert found.command.startswith(sys.executable)
    assert len(found.command) <= MOST_COMMAND


def test_an_app_that_listens_itself_and_one_whose_child_does_have_their_port() -> None:
    with ExitStack() as stack:
        itself, port, _ = stack.enter_context(program(LISTENS, "127.0.0.1", "0"))
        parent, its_port, child_pid = stack.enter_context(program(LISTENS, "127.0.0.1", "0", "child"))

        assert child_pid != parent.pid
        assert looked(port, web(itself.pid)) is None
        assert looked(its_port, web(parent.pid)) is None


def test_a_child_in_another_session_is_its_own_too() -> None:
    with program(LISTENS, "127.0.0.1", "0") as (_, port, _):
        assert looked(port, web(os.getpid())) is None


def test_a_port_that_another_instance_of_the_app_holds_is_not_taken() -> None:
    with program(IDLE) as (app, _, _), program(LISTENS, "127.0.0.1", "0") as (other, port, _):
        assert looked(port, web(app.pid), web(other.pid, pm_id=1)) is None
        assert looked(port, web(app.pid), web(other.pid, pm_id=1, name="api")) is not None


def test_what_pm2_itself_holds_it_holds_for_a_cluster() -> None:
    with program(IDLE) as (app, _, _), program(LISTENS, "127.0.0.1", "0") as (daemon, port, _):
        assert looked(port, web(app.pid), daemon=daemon.pid) is None


def test_another_child_of_pm2_is_another_app() -> None:
    with program(IDLE) as (app, _, _), program(LISTENS, "127.0.0.1", "0") as (thief, port, _):
        found = looked(port, web(app.pid), daemon=os.getpid())

    assert found is not None
    assert found.pid == thief.pid


def test_a_port_on_which_nobody_listens_is_not_taken() -> None:
    with program(LISTENS, "127.0.0.1", "0") as (_, port, _):
        pass
    with program(IDLE) as (app, _, _):
        assert looked(port, web(app.pid)) is None


@pytest.mark.parametrize(("status", "pid"), [("errored", 0), ("waiting restart", 4)])
def test_an_app_without_a_living_process_holds_nothing(status: str, pid: int) -> None:
    with program(LISTENS, "127.0.0.1", "0") as (thief, port, _):
        found = looked(port, web(pid and thief.pid, status))

        assert found is not None
        assert found.pid == thief.pid


def test_s2_of_an_app_into_which_we_may_not_look_nothing_is_said() -> None:
    with program(LISTENS, "127.0.0.1", "0") as (_, port, _):
        assert looked(port, web(2**22 + 1)) is None


def test_a_holder_that_has_been_there_for_a_moment_only_is_not_settled() -> None:
    with program(IDLE) as (app, _, _), program(LISTENS, "127.0.0.1", "0") as (_, port, _):
        thefts, process = Thefts(), web(app.pid)
        suspects = [Suspect(process, port, "probe")]
        first = thefts.look(suspects, [process], DAEMON_PID, 100.0)[0]
        early = thefts.look(suspects, [process], DAEMON_PID, 100.0 + SETTLED_AFTER_S - 0.1)[0]
        late = thefts.look(suspects, [process], DAEMON_PID, 100.0 + SETTLED_AFTER_S)[0]

        assert [one.settled for one in (first, early, late)] == [False, False, True]
        assert thefts.look([], [process], DAEMON_PID, 106.0) == {}
        assert not thefts.look(suspects, [process], DAEMON_PID, 107.0)[0].settled  # it begins anew


def test_descriptors_are_read_once_for_each_socket() -> None:
    sought: list[set[int]] = []

    def counting(inodes: Iterable[int]) -> dict[int, tuple[int, ...]]:
        sought.append(set(inodes))
        return holders(inodes)

    with program(IDLE) as (app, _, _), program(LISTENS, "127.0.0.1", "0") as (_, port, _):
        thefts, process = Thefts(counting), web(app.pid)
        for number in range(50):
            thefts.look([Suspect(process, port, "probe")], [process], DAEMON_PID, 100.0 + number)

    assert len(sought) == 1


def test_a_holder_that_was_not_to_be_seen_is_sought_again_later() -> None:
    sought: list[float] = []

    def seeing_nobody(inodes: Iterable[int]) -> dict[int, tuple[int, ...]]:
        sought.append(now_s)
        return dict.fromkeys(inodes, ())

    with program(IDLE) as (app, _, _), program(LISTENS, "127.0.0.1", "0") as (_, port, _):
        thefts, process = Thefts(seeing_nobody), web(app.pid)
        suspects, found = [Suspect(process, port, "PORT")], dict[int | str, Taken]()
        for now_s in (100.0, 110.0, 99.9 + SEEK_AGAIN_S, 100.0 + SEEK_AGAIN_S):
            found = thefts.look(suspects, [process], DAEMON_PID, now_s)

    assert sought == [100.0, 100.0 + SEEK_AGAIN_S]
    assert found[0] == Taken(port, "PORT", None, f"a process of user id {os.getuid()}")


def test_s33_no_secret_of_the_holder_is_said() -> None:
    text = LISTENS + "# --token=abcdefgh"
    with (
        program(IDLE) as (app, _, _),
        program(text, "127.0.0.1", "0", "http://me:hunter22@host/") as (thief, port, _),
    ):
        found = looked(port, web(app.pid))
        shown = command(thief.pid)

    assert found is not None
    assert "hunter22" in shown
    assert "hunter22" not in found.command
    assert "\n" not in found.command
    assert replace(found, command="").pid == thief.pid
