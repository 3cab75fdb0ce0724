"""PM2's daemon dies, and each app comes back as it was, exactly once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence

import pytest

from automation.core.errors import EffectFailed
from automation.ports.process import alive
from automation.ports.process_table import command_line, running
from automation.systems.pm2 import SYSTEM
from automation.systems.pm2.daemon.suspects import survey
from automation.systems.pm2.wire.client import Pm2Client
from automation.systems.pm2.wire.door import LOOK_TIMEOUT_S, Daemon
from tests.guarding import Ground, Watch, environment_of, eventually
from tests.real_pm2 import VERSIONS, Pm2Home

pytestmark = [pytest.mark.pm2, pytest.mark.timeout(90)]
each_version = pytest.mark.parametrize("pm2_version", VERSIONS, indirect=True)

PYTHON = "import time\nwhile True: time.sleep(1)\n"


def python_app(ground: Ground, name: str, *flags: str) -> None:
    script(ground, name, PYTHON, *flags)


def shell_app(ground: Ground, name: str) -> None:
    file = ground.home.apps / f"{name}.sh"
    file.write_text("while true; do sleep 1; done\n", "utf-8")
    ground.home.start_app(name, file, "--interpreter=sh")


def script(ground: Ground, name: str, text: str, *flags: str) -> None:
    """Start a Python app."""
    file = ground.home.apps / f"{name}.py"
    file.write_text(text, "utf-8")
    ground.home.start_app(name, file, "--interpreter=python3", *flags)


def is_back(ground: Ground) -> bool:
    return bool(ground.report["status"] == "healthy")


def roots(ground: Ground) -> list[str]:
    """Return the names of the apps that run, once for each root process."""
    scene = survey(ground.home.path)
    return sorted(one.name for one in scene.suspects if one.process.session == one.process.pid)


def as_it_was(ground: Ground) -> dict[str, str]:
    return {one.label: one.status for one in ground.listed()}


@each_version
def test_a_killed_daemon_is_replaced_and_each_app_is_as_it_was_once(ground: Ground) -> None:
    ground.home.start_app("web")
    ground.home.start_app("many", "setInterval(() => {}, 1000)\n", "-i", "2")
    python_app(ground, "worker")
    shell_app(ground, "shell")
    ground.home.start_app("stopped")
    ground.home.start_app("deleted")
    ground.home.cli("save")
    ground.home.cli("stop", "stopped")
    ground.home.cli("delete", "deleted")
    with Watch(ground) as watch:
        watch.look()
        before = as_it_was(ground)
        old_worker = ground.one("worker").pid
        ground.home.end_daemon(signal.SIGKILL)
        watch.until("PM2 is back", lambda: ground.report["status"] == "healthy")

        assert as_it_was(ground) == before
        assert not alive(old_worker)
        assert [step for step, _ in ground.acts()] == ["bring-back"]
    scene = survey(ground.home.path)
    assert [one.pid for one in scene.daemons] == [ground.home.daemon_pid()]
    roots = [one for one in scene.suspects if one.process.session == one.process.pid]
    assert all(one.under_daemon for one in roots)
    assert sorted(one.name for one in roots) == ["shell", "web", "worker"]


@each_version
def test_s9_the_guard_outlives_the_daemon_that_started_it_and_hands_over_to_its_own_new_copy(
    ground: Ground,
) -> None:
    ground.home.start_app("web")
    python_app(ground, "worker")
    ground.start_under_pm2(PM2_CHECK_INTERVAL="30s")
    first = ground.wait_for(SYSTEM.app, "online").pid
    eventually("it guards", lambda: ground.guarded_by(first))
    second = replaced(ground, first)
    third = replaced(ground, second)

    assert len({first, second, third}) == 3


def replaced(ground: Ground, guard: int) -> int:
    """Kill the daemon; see that all is as it was, and that another guard guards, whose pid is returned."""
    old = ground.home.end_daemon(signal.SIGKILL)
    eventually("there is a new daemon", lambda: ground.home.daemon_pid() not in {None, old})
    ground.home.remember()
    new = ground.wait_for(SYSTEM.app, "online").pid
    eventually("the new copy guards", lambda: ground.guarded_by(new))
    eventually("the old one has ended", lambda: not alive(guard))
    eventually("all is well", lambda: ground.report["status"] == "healthy")

    assert sorted(one.name for one in ground.listed()) == sorted(["web", "worker", SYSTEM.app])
    assert {one.status for one in ground.listed()} == {"online"}
    return new


@each_version
def test_s14_pm2_update_passes_without_an_act(ground: Ground) -> None:
    ground.home.start_app("web")
    python_app(ground, "worker")
    with ground.started():
        eventually("it guards", lambda: ground.report["status"] == "healthy")
        old = ground.home.daemon_pid()
        ground.home.cli("update")
        eventually(
            "a new daemon is seen", lambda: ground.report.get("daemon", {}).get("pid") not in {None, old}
        )
        eventually("all is well", lambda: is_back(ground))

    assert ground.acts() == []
    assert roots(ground) == ["web", "worker"]


@each_version
def test_commands_by_hand_at_the_same_moment_leave_one_daemon_and_each_app_once(ground: Ground) -> None:
    ground.home.start_app("web")
    python_app(ground, "worker")
    with ground.started():
        eventually("it guards", lambda: ground.report["status"] == "healthy")
        old = ground.home.end_daemon(signal.SIGKILL)
        with ground.pm2("jlist"), ground.pm2("resurrect"), ground.pm2("ping"):
            eventually("there is a daemon", lambda: ground.home.daemon_pid() not in {None, old})
            eventually("both are back", lambda: roots(ground) == ["web", "worker"], limit_s=60)
        eventually("all is well", lambda: is_back(ground), limit_s=60)
        eventually(
            "there is one daemon",
            lambda: [one.pid for one in survey(ground.home.path).daemons] == [ground.home.daemon_pid()],
            limit_s=60,
        )
        ground.home.remember()

    assert sorted(one.name for one in ground.listed()) == ["web", "worker"]
    assert roots(ground) == ["web", "worker"]


class Killed(BaseException):
    """The guard was killed here."""


class DyingClient(Pm2Client):
    """A client whose guard is killed at its n-th call of one kind."""

    dies_in = ""
    left = 0

    def _comes_to(self, what: str) -> None:
        if what == self.dies_in:
            self.left -= 1
            if self.left < 0:
                raise Killed

    def prepare_all(
        self, entries: Sequence[Mapping[str, object]], *, patience_s: float = LOOK_TIMEOUT_S
    ) -> list[list[dict[str, object]] | EffectFailed]:
        """Die before, after, or with all of them on the way; or prepare them."""
        answers = []
        if self.dies_in == "sent":
            rpc = self._connected(patience_s)
            for one in entries:
                rpc.send("prepare", one)
            rpc.receive(patience_s)
        for one in entries:
            self._comes_to("sent")
            self._comes_to("prepare")
            answers += super().prepare_all([one], patience_s=patience_s)
            self._comes_to("prepared")
        return answers

    def daemon(self) -> Daemon:
        """Die once a daemon answers, or return it."""
        answer = super().daemon()
        self._comes_to("daemon")
        return answer


@pytest.mark.parametrize(
    ("dies_in", "after"),
    [("daemon", 0), ("prepare", 0), ("prepared", 0), ("prepare", 1), ("prepared", 1), ("sent", 0)],
)
def test_a_guard_that_is_killed_in_the_middle_leaves_what_another_one_ends(
    ground: Ground, dies_in: str, after: int
) -> None:
    ground.home.start_app("web")
    python_app(ground, "worker")
    with Watch(ground) as watch:
        watch.look()
        dying = DyingClient(ground.home.path, ground.clock)
        watch.observer.pm2.close()
        watch.observer.pm2 = dying
        watch.look()
        ground.home.end_daemon(signal.SIGKILL)
        dying.dies_in, dying.left = dies_in, after
        with pytest.raises(Killed):
            watch.look(times=2, skip_s=20)
        dying.close()
    with Watch(ground) as watch:
        watch.until("PM2 is back", lambda: is_back(ground), skip_s=1)

    ground.home.remember()
    assert sorted(one.name for one in ground.listed()) == ["web", "worker"]
    assert roots(ground) == ["web", "worker"]
    assert [one.pid for one in survey(ground.home.path).daemons] == [ground.home.daemon_pid()]


@pytest.mark.parametrize("damage", ["", "{", '{"schema": 1, "entries": 7}'])
def test_s11_without_a_roster_what_pm2_saved_comes_back(ground: Ground, damage: str) -> None:
    ground.home.start_app("web")
    ground.home.start_app("stopped")
    ground.home.cli("stop", "stopped")
    ground.home.cli("save")
    with Watch(ground) as watch:
        watch.look()
    ground.home.end_daemon(signal.SIGKILL)
    roster = ground.home.path / "redundancy" / "roster.json"
    roster.write_text(damage, "utf-8")
    if damage.endswith("7}"):
        roster.unlink()
    with Watch(ground) as watch:
        watch.until("PM2 is back", lambda: is_back(ground), skip_s=20)
    ground.home.remember()

    assert as_it_was(ground) == {"web": "online", "stopped": "stopped"}


def test_an_app_that_ignores_sigint_is_ended_after_its_kill_timeout(ground: Ground) -> None:
    ignore = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    script(ground, "stubborn", ignore + PYTHON, "--kill-timeout=400")
    ground.home.start_app("web")
    with Watch(ground) as watch:
        watch.look()
        old = ground.one("stubborn").pid
        ground.home.end_daemon(signal.SIGKILL)
        watch.until("PM2 is back", lambda: is_back(ground))
    ground.home.remember()

    assert not alive(old)
    assert roots(ground) == ["stubborn", "web"]


def test_s15_a_daemon_of_its_own_that_an_app_has_made_lives_on(ground: Ground) -> None:
    made = ground.home.apps / "made.pid"
    script(
        ground,
        "forks",
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork(): os._exit(0)\n"
        f"    open({str(made)!r} + '.new', 'w').write(str(os.getpid()))\n"
        f"    os.rename({str(made)!r} + '.new', {str(made)!r})\n"
        "    time.sleep(600)\n"
        "os.wait()\n" + PYTHON,
    )
    eventually("it has made one", made.exists)
    own = int(made.read_text("ascii"))
    try:
        with Watch(ground) as watch:
            watch.look()
            ground.home.end_daemon(signal.SIGKILL)
            watch.until("PM2 is back", lambda: is_back(ground))
        ground.home.remember()

        assert alive(own)
        assert ground.one("forks").status == "online"
        eventually("the new one has made its own", lambda: int(made.read_text("ascii")) != own)
    finally:
        for pid in {own, int(made.read_text("ascii"))}:  # the app that came back has made one, too
            os.kill(pid, signal.SIGKILL)


def test_a_one_time_job_goes_on_to_its_end_and_is_not_begun_again(ground: Ground) -> None:
    script(ground, "job", PYTHON, "--no-autorestart")
    ground.home.start_app("web")
    with Watch(ground) as watch:
        watch.look()
        job = ground.one("job").pid
        ground.home.end_daemon(signal.SIGKILL)
        watch.until("PM2 is back", lambda: is_back(ground))
    ground.home.remember()

    try:
        assert alive(job)
        assert ground.one("job").status == "stopped"
        assert roots(ground) == ["job", "web"]
    finally:
        os.kill(job, signal.SIGKILL)


def test_an_app_whose_script_is_gone_is_said_and_the_others_are_back(ground: Ground) -> None:
    python_app(ground, "gone")
    ground.home.start_app("web")
    with Watch(ground) as watch:
        watch.look()
        (ground.home.apps / "gone.py").unlink()
        ground.home.end_daemon(signal.SIGKILL)
        watch.until(
            "only that one is left",
            lambda: ground.home.daemon_pid() and said(ground) <= {"process-errored", "app-lost"},
            skip_s=1,
        )
        ground.home.remember()

        assert {one["subject"] for one in ground.report["findings"]} <= {"gone"}
    assert roots(ground)[-1] == "web"


def said(ground: Ground) -> set[str]:
    return {one["problem"] for one in ground.report["findings"]}


def test_s15_the_orphans_of_another_home_live(ground: Ground) -> None:
    with Pm2Home("7") as other:
        other.apps.joinpath("theirs.py").write_text(PYTHON, "utf-8")
        other.start_app("worker", other.apps / "theirs.py", "--interpreter=python3")
        theirs = int(next((other.path / "pids").iterdir()).read_text("ascii"))
        other.end_daemon(signal.SIGKILL)
        python_app(ground, "worker")
        with Watch(ground) as watch:
            watch.look()
            ground.home.end_daemon(signal.SIGKILL)
            watch.until("PM2 is back", lambda: is_back(ground))
        ground.home.remember()

        assert alive(theirs)
        assert roots(ground) == ["worker"]


OTHERS = {
    "another user": ("setpriv", "--reuid=65534", "--clear-groups"),
    "another pid namespace": ("unshare", "--pid", "--fork", "--kill-child", "setsid"),
    "another mount namespace": ("unshare", "--mount"),
}


def sleeper(pid: int) -> int | None:
    """Return which of a process and its child is the sleeping one."""
    children = [one.pid for one in running() if one.parent == pid]
    return next((one for one in (pid, *children) if command_line(one)[:1] == ("sleep",)), None)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else, or leave a namespace")
@pytest.mark.parametrize("who", OTHERS)
def test_s15_a_process_with_the_same_marks_that_is_not_of_our_world_lives(ground: Ground, who: str) -> None:
    python_app(ground, "worker")
    with Watch(ground) as watch:
        watch.look()
        marks = environment_of(ground.one("worker").pid)
        pid_file = ground.home.apps / "theirs.pid"
        with subprocess.Popen(
            (*OTHERS[who], "sleep", "600"),
            env=marks | {"pm_pid_path": str(pid_file), "PATH": os.environ["PATH"]},
            start_new_session=True,
        ) as theirs:
            try:
                pid = eventually("it runs", lambda: sleeper(theirs.pid)) or 0
                pid_file.write_text(str(pid), "ascii")
                ground.home.end_daemon(signal.SIGKILL)
                watch.until("PM2 is back", lambda: is_back(ground))
                ground.home.remember()

                assert theirs.poll() is None
                assert alive(pid)
            finally:
                theirs.kill()
    assert ground.one("worker").status == "online"


def test_s14_after_a_boot_what_was_not_saved_comes_back_too(ground: Ground) -> None:
    ground.home.start_app("saved")
    ground.home.cli("save")
    ground.home.start_app("unsaved")
    with Watch(ground) as watch:
        watch.look()
    ground.home.cli("kill")
    roster = ground.home.path / "redundancy" / "roster.json"
    roster.write_text(json.dumps(json.loads(roster.read_text("utf-8")) | {"bootId": "before"}), "utf-8")
    ground.home.cli("resurrect")
    with Watch(ground) as watch:
        watch.look(times=3)
        early = ground.acts()
        watch.until("all is back", lambda: is_back(ground), skip_s=20)

    assert early == []
    assert sorted(one.name for one in ground.listed()) == ["saved", "unsaved"]


def test_a_guard_that_was_killed_with_its_daemon_finds_what_the_next_daemon_lacks(ground: Ground) -> None:
    ground.home.start_app("saved")
    ground.home.cli("save")
    python_app(ground, "worker")
    with ground.started() as guard:
        eventually("it guards", lambda: ground.report["status"] == "healthy")
        guard.kill()
        guard.wait(10)
    ground.home.end_daemon(signal.SIGKILL)
    ground.home.cli("resurrect")
    with Watch(ground) as watch:
        watch.until("all is back", lambda: is_back(ground), skip_s=20)
    ground.home.remember()

    assert roots(ground) == ["saved", "worker"]


def test_s14_a_guard_that_ended_in_order_leaves_what_came_after_to_the_person(ground: Ground) -> None:
    ground.home.start_app("old")
    with ground.started():
        eventually("it guards", lambda: ground.report["status"] == "healthy")
    ground.home.cli("kill")
    ground.home.start_app("new")
    with Watch(ground) as watch:
        watch.leaves_alone()

    assert [one.name for one in ground.listed()] == ["new"]
