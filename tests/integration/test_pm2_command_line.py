"""The fall-back of the PM2 guard: PM2's command line, where a daemon lives whose socket is not understood."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from automation.core.errors import EffectFailed, LookFailed
from automation.engine.context import Context, build, prepare_folders
from automation.ports.clock import SystemClock
from automation.ports.commands import SystemCommands
from automation.ports.locks import locked
from automation.stores import installation
from automation.stores.installation import Installation
from automation.systems.pm2 import SYSTEM
from automation.systems.pm2.command_line import list_by_command_line, start_by_command_line
from automation.systems.pm2.connecting import connect
from automation.systems.pm2.facts import DaemonState
from tests.peers import peer, saying
from tests.real_pm2 import NODE, Pm2Home, pm2_script

pytestmark = [pytest.mark.pm2, pytest.mark.timeout(60)]


@pytest.fixture
def home() -> Pm2Home:
    return Pm2Home("7")


def context_of(home: Pm2Home, tmp_path: Path) -> Context:
    home.path.mkdir(parents=True, exist_ok=True)
    context = build(SYSTEM, tmp_path, home.environment, SystemClock())
    prepare_folders(context.layout)
    return context


def record(context: Context, home: Pm2Home, pm2: Path) -> None:
    there = str(context.layout.workspace)
    installed = Installation(
        "u", os.getuid(), str(home.path), str(NODE), str(pm2), there, there, "2026-01-01T00:00:00Z"
    )
    installation.record(installed, context.layout.logs)


def stand_in(tmp_path: Path, script: str) -> Path:
    """Write a pm2 of the test's own: a garbled socket cannot be had from a real one."""
    file = tmp_path / "pm2.js"
    file.write_text(script, "utf-8")
    return file


LISTED = '[{"name":"web","pm_id":0,"pid":1,"monit":{},"pm2_env":{"status":"online"}}]'


def test_a_garbled_socket_is_answered_by_the_recorded_command_line(home: Pm2Home, tmp_path: Path) -> None:
    context = context_of(home, tmp_path)
    record(context, home, stand_in(tmp_path, f"console.log('[PM2] hello'); console.log('{LISTED}')"))

    with peer(home.path / "rpc.sock", saying(b"HTTP/1.1 400 Bad Request\r\n\r\n")):
        observer = connect(context)
        facts = observer.observe()
        observer.close()

    assert facts.state is DaemonState.ALIVE
    assert [one.name for one in facts.processes] == ["web"]


def test_real_pm2_lists_by_its_command_line_what_its_sockets_list(home: Pm2Home, tmp_path: Path) -> None:
    with home:
        home.start_app("web", "setInterval(() => {}, 1000)\n")
        context = context_of(home, tmp_path)
        record(context, home, pm2_script("7"))

        daemon, entries = list_by_command_line(context, SystemCommands())

        assert daemon.pid == home.daemon_pid()
        assert [entry["name"] for entry in entries] == ["web"]
        home.end_daemon()


def test_s9_while_somebody_starts_or_ends_the_daemon_no_app_is_started(home: Pm2Home, tmp_path: Path) -> None:
    context = context_of(home, tmp_path)
    record(context, home, pm2_script("7"))
    own = home.path / "redundancy"
    held = locked(own / "daemon.lock", purpose="a test", since="now")
    with held, pytest.raises(EffectFailed, match=r"daemon\.lock is held"):
        start_by_command_line(context, SystemCommands(), "ecosystem.json", "web", "")
    with pytest.raises(LookFailed, match="nobody that we can see listens"):
        start_by_command_line(context, SystemCommands(), "ecosystem.json", "web", "production")


def no_record(_: Context) -> None:
    """Leave it as it is: nothing was recorded."""


def damaged_record(context: Context) -> None:
    installation.workspace_path(context.layout.logs).write_text("{", "utf-8")


@pytest.mark.parametrize(
    ("prepare", "said"), [(no_record, "does not name its command"), (damaged_record, "not JSON")]
)
def test_without_a_usable_record_nobody_knows_which_pm2_is_ours(
    home: Pm2Home, tmp_path: Path, prepare: Callable[[Context], None], said: str
) -> None:
    context = context_of(home, tmp_path)
    prepare(context)

    with listening(home.path / "rpc.sock"), pytest.raises(LookFailed, match=said):
        list_by_command_line(context, SystemCommands())


def test_no_pm2_command_is_run_where_nobody_listens(home: Pm2Home, tmp_path: Path) -> None:
    context = context_of(home, tmp_path)
    ran = tmp_path / "ran"
    record(context, home, stand_in(tmp_path, f"require('fs').writeFileSync('{ran}', '')"))

    with pytest.raises(LookFailed, match="nobody that we can see listens"):
        list_by_command_line(context, SystemCommands())

    assert not ran.exists()


def test_a_command_line_that_prints_no_list_is_a_look_that_failed(home: Pm2Home, tmp_path: Path) -> None:
    context = context_of(home, tmp_path)
    record(context, home, stand_in(tmp_path, "console.log('nothing')"))

    with listening(home.path / "rpc.sock"), pytest.raises(LookFailed, match="its command line did not help"):
        list_by_command_line(context, SystemCommands())


def test_no_pm2_command_is_run_while_another_holds_the_daemons_lock(
    home: Pm2Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("automation.systems.pm2.command_line.LOCK_WAIT_S", 0.0)
    context = context_of(home, tmp_path)
    ran = tmp_path / "ran"
    record(context, home, stand_in(tmp_path, f"require('fs').writeFileSync('{ran}', '')"))

    with (
        listening(home.path / "rpc.sock"),
        locked(context.layout.own / "daemon.lock", purpose="a test", since="now"),
        pytest.raises(LookFailed, match="for a test"),
    ):
        list_by_command_line(context, SystemCommands())

    assert not ran.exists()


def listening(address: Path) -> socket.socket:
    """Return a socket on which this process listens, and never answers."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(address))
    server.listen()
    return server
