"""What the wire client relies on, held against the real PM2 5, 6 and 7."""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from automation.core.errors import EffectFailed, LookFailed
from automation.ports.clock import SystemClock
from automation.ports.commands import SystemCommands
from automation.ports.process import alive, start_ticks
from automation.systems.pm2.wire.cli import jlist
from automation.systems.pm2.wire.client import Pm2Client
from automation.systems.pm2.wire.door import BusEvent, NoAnswer, NoDaemon, Pm2
from automation.systems.pm2.wire.restart_cron import is_cron
from tests.real_pm2 import NODE, SLEEPER, VERSIONS, Pm2Home, pm2_script

pytestmark = [pytest.mark.pm2, pytest.mark.timeout(90)]

DROPPED = {"pm_id", "instances", "created_at", "prev_restart_delay"}
LIMIT_S = 15.0
ODD_NAME = "a 'b' \"c\" ünï-\U0001f600 $(x)"


@pytest.fixture(scope="module", params=VERSIONS)
def home(request: pytest.FixtureRequest) -> Iterator[Pm2Home]:
    """Give one living daemon of each version to all tests that leave it alive."""
    with Pm2Home(request.param) as made:
        made.start_app("keeper")
        yield made


@pytest.fixture
def client(home: Pm2Home) -> Iterator[Pm2Client]:
    """Give a client whose bus is connected, and has nothing to say yet."""
    made = Pm2Client(home.path, SystemClock())
    made.drain()
    made.gap()
    made.entries()
    yield made
    for entry in made.entries():
        if entry["name"] != "keeper":
            made.delete(identifier(entry))
    home.remember()
    made.close()


def identifier(entry: Mapping[str, object]) -> int | str:
    pm_id = entry["pm_id"]
    assert isinstance(pm_id, int | str)
    return pm_id


def environment_of(entry: Mapping[str, object]) -> dict[str, object]:
    found = entry["pm2_env"]
    assert isinstance(found, dict)
    return found


def named(client: Pm2, name: str) -> dict[str, object]:
    found = [entry for entry in client.entries() if entry["name"] == name]
    assert len(found) == 1, name
    return found[0]


def status(client: Pm2, name: str) -> object:
    return environment_of(named(client, name))["status"]


def added(client: Pm2, home: Pm2Home, name: str = "app", **changed: object) -> dict[str, object]:
    """Add an app by `prepare`, made after the one that is always there; return its entry in the list."""
    script = home.apps / "added.js"
    script.write_text(SLEEPER, "utf-8")
    template = environment_of(named(client, "keeper"))
    fit = {key: value for key, value in template.items() if key not in DROPPED}
    fit |= {"name": name, "status": "online", "pm_exec_path": str(script)} | changed
    client.prepare(fit)
    home.remember()
    entry = named(client, name)
    seen(client, lambda events: any(event.kind == "start" for event in events))
    return entry


def seen(client: Pm2, enough: Callable[[list[BusEvent]], bool]) -> list[BusEvent]:
    """Read the bus until there was enough of it."""
    events: list[BusEvent] = []
    deadline_s = time.monotonic() + LIMIT_S
    while not enough(events := [*events, *client.drain()]):
        left_s = deadline_s - time.monotonic()
        assert left_s > 0, events
        select.select(client.fds(), [], [], left_s)
    return events


def until_kinds(client: Pm2, *kinds: str) -> list[BusEvent]:
    return seen(client, lambda events: set(kinds) <= {event.kind for event in events})


def eventually(true: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + LIMIT_S
    while not true():
        assert time.monotonic() < deadline_s
        select.select([], [], [], 0.02)


def settled(client: Pm2) -> list[BusEvent]:
    """Return what the bus has said up to now: an answer comes after what was announced before it."""
    client.entries()
    client.entries()
    return list(client.drain())


def test_the_daemon_is_who_listens_whatever_the_pid_file_says(home: Pm2Home, client: Pm2Client) -> None:
    pid_file = home.path / "pm2.pid"
    said = pid_file.read_text("ascii")
    pid_file.write_text("1", "ascii")
    try:
        daemon = client.daemon()
    finally:
        pid_file.write_text(said, "ascii")

    assert daemon.pid == int(said)
    assert daemon.start_ticks == start_ticks(daemon.pid)
    assert daemon.version.startswith(f"{home.version}.")


def test_the_list_is_that_of_the_command_line(home: Pm2Home, client: Pm2Client) -> None:
    added(client, home, ODD_NAME)
    stable = {"name", "pm_id", "pid"}
    ours = [{key: entry.get(key) for key in stable} for entry in client.entries()]
    theirs = jlist(SystemCommands(), NODE, pm2_script(home.version), home.environment, 30)

    assert ours == [{key: entry.get(key) for key in stable} for entry in theirs]
    assert ODD_NAME in {entry["name"] for entry in ours}


@pytest.mark.parametrize("name", [ODD_NAME, "-dash", "--flag=x", "two  spaces"])
def test_odd_names_are_restarted_stopped_and_deleted_like_any_other(
    home: Pm2Home, client: Pm2Client, name: str
) -> None:
    before = added(client, home, name)
    client.restart(identifier(before))
    restarted = named(client, name)
    client.stop(identifier(before))
    stopped = status(client, name)
    client.delete(identifier(before))

    assert restarted["pid"] != before["pid"]
    assert stopped == "stopped"
    assert name not in {entry["name"] for entry in client.entries()}


def test_what_is_done_by_rpc_is_never_announced_as_done_by_hand(home: Pm2Home, client: Pm2Client) -> None:
    pm_id = identifier(added(client, home))
    settled(client)
    client.restart(pm_id)
    client.stop(pm_id)
    client.restart(pm_id)
    client.delete(pm_id)
    events = settled(client)

    assert {event.kind for event in events} == {"exit", "online"}
    assert not any(event.manually for event in events)


def test_prepare_announces_a_start_by_hand_which_its_unique_id_shows_to_be_ours(client: Pm2Client) -> None:
    template = environment_of(named(client, "keeper"))
    fit = {key: value for key, value in template.items() if key not in DROPPED} | {"name": "app"}
    (prepared,) = client.prepare(fit)
    events = until_kinds(client, "start", "online")
    start = next(event for event in events if event.kind == "start")

    assert start.manually
    assert start.unique_id == environment_of(prepared)["unique_id"] != template["unique_id"]
    assert start.pm_id == environment_of(prepared)["pm_id"]


def test_a_killed_process_is_announced_and_comes_back(home: Pm2Home, client: Pm2Client) -> None:
    entry = added(client, home)
    settled(client)
    assert isinstance(entry["pid"], int)
    os.kill(entry["pid"], signal.SIGKILL)
    events = until_kinds(client, "exit", "online")

    assert [(event.kind, event.manually, event.name, event.pm_id) for event in events] == [
        ("exit", False, "app", entry["pm_id"]),
        ("online", False, "app", entry["pm_id"]),
    ]
    assert abs(events[0].at_ms / 1000 - time.time()) < LIMIT_S
    assert named(client, "app")["pid"] != entry["pid"]


def test_a_stop_and_a_start_on_the_command_line_are_done_by_hand(home: Pm2Home, client: Pm2Client) -> None:
    added(client, home)
    home.cli("stop", "app")
    stops = [event for event in until_kinds(client, "stop") if event.manually]
    home.cli("restart", "app")
    restarts = [event for event in until_kinds(client, "restart") if event.manually]

    assert [(event.kind, event.name, event.status) for event in stops] == [("stop", "app", "stopped")]
    assert [(event.kind, event.name) for event in restarts] == [("restart", "app")]


def test_a_deletion_on_the_command_line_is_not_announced(home: Pm2Home, client: Pm2Client) -> None:
    added(client, home)
    settled(client)
    home.cli("delete", "app")
    events = settled(client)

    assert {(event.kind, event.manually) for event in events} == {("exit", False)}


def test_an_app_prepared_as_stopped_is_listed_and_not_started(client: Pm2Client) -> None:
    template = environment_of(named(client, "keeper"))
    fit = {key: value for key, value in template.items() if key not in DROPPED}
    client.prepare(fit | {"name": "app", "status": "stopped"})
    events = settled(client)
    listed = named(client, "app")
    client.restart(identifier(listed))

    assert events == []
    assert "pid" not in listed
    assert status(client, "app") == "online"


def test_a_missing_script_is_answered_like_a_start_and_fails_after(home: Pm2Home, client: Pm2Client) -> None:
    entry = added(client, home, pm_exec_path="/nonexistent/app.js", max_restarts=2)
    eventually(lambda: status(client, "app") == "errored")

    assert entry["pm_id"] == named(client, "app")["pm_id"]


@pytest.mark.parametrize("missing", ["pm_cwd", "exec_interpreter"])
def test_a_missing_folder_or_interpreter_leaves_an_app_online_without_a_pid(
    home: Pm2Home, client: Pm2Client, missing: str
) -> None:
    added(client, home, **{missing: "/nonexistent/x"})
    events = settled(client)

    assert status(client, "app") == "online"
    assert not named(client, "app").get("pid")
    assert "exit" not in {event.kind for event in events}


def test_a_log_that_cannot_be_written_is_refused_and_leaves_nothing(home: Pm2Home, client: Pm2Client) -> None:
    with pytest.raises(EffectFailed, match="ENOENT") as caught:
        added(client, home, pm_out_log_path="/proc/nope/out.log")

    assert not isinstance(caught.value, LookFailed)
    assert [entry["name"] for entry in client.entries()] == ["keeper"]


def test_a_process_that_waits_for_its_restart_must_be_stopped_before_it_is_restarted(
    home: Pm2Home, client: Pm2Client
) -> None:
    entry = added(client, home, restart_delay=600_000)
    assert isinstance(entry["pid"], int)
    os.kill(entry["pid"], signal.SIGKILL)
    until_kinds(client, "exit")
    eventually(lambda: status(client, "app") == "waiting restart")
    with pytest.raises(EffectFailed, match="already exists"):
        client.restart(identifier(entry))
    client.stop(identifier(entry))
    client.restart(identifier(entry))

    assert status(client, "app") == "online"


def test_an_unknown_id_is_refused_by_pm2_and_the_daemon_lives_on(client: Pm2Client) -> None:
    before = client.daemon()
    for act in (client.restart, client.stop, client.delete):
        for pm_id in (987, "987", "_old_987"):
            with pytest.raises(EffectFailed, match="unknown"):
                act(pm_id)

    assert client.daemon() == before


def test_the_logs_of_an_app_are_no_events_of_the_bus(home: Pm2Home, client: Pm2Client) -> None:
    script = home.apps / "loud.js"
    script.write_text("for (let i = 0; i < 3000; i++) console.log('x'.repeat(500))\n" + SLEEPER, "utf-8")
    entry = added(client, home, pm_exec_path=str(script))
    log = Path(str(environment_of(entry)["pm_out_log_path"]))
    eventually(lambda: client.drain() == () and log.stat().st_size >= 3000 * 501)

    assert settled(client) == []
    assert not client.gap()


def test_every_cron_expression_that_is_let_through_is_one_that_pm2_can_read(home: Pm2Home) -> None:
    draw = random.Random(7)  # noqa: S311  # the same expressions in each run
    pieces = [
        "*",
        "?",
        "*/7",
        "*/60",
        "1-5",
        "5-1",
        "0-59/9",
        "8",
        "0",
        "31",
        "jan",
        "MON-fri",
        "1,2",
        "L",
        "x",
    ]
    drawn = {" ".join(draw.choices(pieces, k=draw.choice([5, 6]))) for _ in range(20_000)}
    accepted = sorted(filter(is_cron, drawn))
    script = (
        "const found = require(require.resolve('croner', {paths: [process.argv[1]]}));"
        "const Cron = found.Cron || found;"
        "for (const each of process.argv.slice(2)) Cron(each, () => {}).stop()"
    )
    folder = pm2_script(home.version).parent
    ran = subprocess.run([NODE, "-e", script, folder, *accepted], capture_output=True, text=True, check=False)

    assert len(accepted) > 50
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("pm2_version", VERSIONS, indirect=True)
def test_looking_never_starts_a_daemon(pm2_home: Pm2Home) -> None:
    client = Pm2Client(pm2_home.path, SystemClock())
    for look in (client.daemon, client.entries):
        with pytest.raises(NoDaemon) as caught:
            look()
        assert not caught.value.pid_file_left
    assert client.drain() == ()

    assert client.gap()
    assert not pm2_home.path.exists()


@pytest.mark.parametrize("pm2_version", VERSIONS, indirect=True)
def test_a_crash_ends_the_bus_and_leaves_the_pid_file_and_a_new_daemon_is_found(pm2_home: Pm2Home) -> None:
    pm2_home.start_app("app")
    client = Pm2Client(pm2_home.path, SystemClock())
    first = client.daemon()
    client.drain()
    client.gap()
    pm2_home.end_daemon(signal.SIGKILL)
    eventually(lambda: not alive(first.pid))
    eventually(lambda: client.drain() == () and client.fds() == ())

    assert client.gap()
    with pytest.raises(NoDaemon) as caught:
        client.entries()
    assert caught.value.pid_file_left
    pm2_home.cli("ping")
    assert client.entries() == []
    assert client.daemon().pid != first.pid
    client.close()


@pytest.mark.parametrize("pm2_version", VERSIONS, indirect=True)
def test_an_orderly_end_is_announced_and_takes_the_pid_file_with_it(pm2_home: Pm2Home) -> None:
    pm2_home.cli("ping")
    client = Pm2Client(pm2_home.path, SystemClock())
    client.drain()
    client.daemon()
    pm2_home.cli("kill")
    events = seen(client, lambda events: any(event.kind == "pm2:kill" for event in events))

    assert [event.kind for event in events] == ["pm2:kill"]
    with pytest.raises(NoDaemon) as caught:
        client.daemon()
    assert not caught.value.pid_file_left
    client.close()


@pytest.mark.parametrize("pm2_version", VERSIONS[-1:], indirect=True)
def test_a_daemon_that_hangs_is_no_answer_and_answers_again_after(pm2_home: Pm2Home) -> None:
    pm2_home.cli("ping")
    client = Pm2Client(pm2_home.path, SystemClock())
    daemon = client.daemon()
    pm2_home.end_daemon(signal.SIGSTOP)
    try:
        for _ in range(2):
            with pytest.raises(NoAnswer):
                client.entries(timeout_s=0.3)
    finally:
        os.kill(daemon.pid, signal.SIGCONT)

    assert client.daemon() == daemon
    assert client.entries() == []
    client.close()
