"""PM2 whose user moved its sockets or its pid file, or gave its daemon another title."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from automation.core.errors import LookFailed
from automation.ports.socket_owner import socket_owner
from automation.systems.pm2.daemon.suspects import survey
from automation.systems.pm2.home import has_own_title, living_daemon
from automation.systems.pm2.wire.client import Pm2Client
from automation.systems.pm2.wire.connection import places
from tests.guarding import Ground, Watch, eventually
from tests.real_pm2 import Pm2Home

pytestmark = [pytest.mark.pm2, pytest.mark.timeout(90)]
MOVED = (
    {"PM2_DAEMON_TITLE": "all our apps"},
    {"PM2_DAEMON_RPC_PORT": "HOME/r.sock", "PM2_DAEMON_PUB_PORT": "HOME/p.sock"},
    {"PM2_PID_FILE_PATH": "HOME/my.pid"},
)


class MovedHome(Pm2Home):
    """A home whose user set variables of PM2's."""

    def __init__(self, more: Mapping[str, str]) -> None:
        super().__init__()
        self._more = {name: value.replace("HOME", str(self.folder)) for name, value in more.items()}

    @property
    def environment(self) -> dict[str, str]:
        """What a program must know to mean this home, its user's variables included."""
        return super().environment | self._more

    def daemon_pid(self) -> int | None:
        """Return the pid of who listens where this home's daemon was told to."""
        return socket_owner(places(self.path, self.environment).rpc)


@pytest.fixture(params=MOVED, ids=lambda more: next(iter(more)))
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    with MovedHome(request.param) as home:
        ground = Ground(home)
        ground.client = Pm2Client(home.path, ground.clock, home.environment)
        ground.install()
        home.start_app("web")
        yield ground
        ground.client.close()


def test_its_daemon_is_known_and_its_death_and_a_kill_all_are_undone(ground: Ground) -> None:
    first = ground.home.daemon_pid()
    assert first is not None
    assert [one.pid for one in survey(ground.home.path).daemons] == [first]
    assert living_daemon(places(ground.home.path, ground.home.environment).pid_file) == first
    with Watch(ground) as watch:
        watch.look(times=2)
        os.kill(first, signal.SIGKILL)
        watch.until("it is back", lambda: ground.home.daemon_pid() and ground.listed(), skip_s=1.0)
    second = ground.home.daemon_pid()
    ran = ground.run("recovery", "--level", "emergency")
    ground.home.remember()

    assert ran.returncode == 0, ran.stderr
    assert f"ended pid {second}; started a daemon" in ran.stdout
    assert [(one.name, one.status) for one in ground.listed()] == [("web", "online")]
    assert [one.pid for one in survey(ground.home.path).daemons] == [ground.home.daemon_pid()]


@pytest.mark.parametrize("ground", [MOVED[1]], indirect=True)
def test_s2_a_guard_that_was_not_told_of_the_move_judges_nothing_and_says_what_to_set(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Pm2Home.environment.fget  # type: ignore[attr-defined]  # a property has one
    daemon = ground.home.daemon_pid()
    monkeypatch.setattr(MovedHome, "environment", property(plain))
    with Watch(ground) as watch:
        watch.look(times=6, skip_s=10.0)
        with pytest.raises(LookFailed, match=rf"pid {daemon}\) listens at .*/r\.sock.* set PM2_DAEMON_RPC"):
            watch.observer.observe()

        assert ground.report["status"] == "unknown"
        assert ground.audit == []
    monkeypatch.undo()
    eventually("it lives", lambda: ground.home.daemon_pid() == daemon)


def test_a_title_is_the_daemons_own_only_where_its_user_gave_it() -> None:
    given = {"PM2_DAEMON_TITLE": "all our apps"}

    assert has_own_title(("all our apps",), given)
    assert has_own_title(("all our",), given)  # cut by the kernel
    assert not has_own_title(("all our apps",), {})
    assert not has_own_title(("all our apps",), given | {"pm_id": "0"})
    assert not has_own_title(("all", "our"), given)
    assert not has_own_title(("",), given)
    assert not has_own_title((), given)


def test_a_pid_file_that_names_nobody_names_no_daemon(tmp_path: Path) -> None:
    (tmp_path / "pm2.pid").write_text(str(os.getpid()), "utf-8")

    assert living_daemon(tmp_path / "pm2.pid") is None
    assert living_daemon(tmp_path / "none.pid") is None
