"""Ways in which the recovery of PM2's daemon could do harm, or nothing, and does not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from automation.core.errors import EffectFailed
from automation.ports.process import alive
from automation.ports.process_table import environment
from automation.systems.pm2.daemon import revival
from automation.systems.pm2.daemon.ending_all import under
from automation.systems.pm2.daemon.returning import returning
from automation.systems.pm2.daemon.suspects import survey
from automation.systems.pm2.intents import Intents
from automation.systems.pm2.process import OWN_APPS
from automation.systems.pm2.roster import listed
from automation.systems.pm2.wire import client
from automation.systems.pm2.wire.client import Pm2Client
from automation.systems.pm2.wire.door import NoAnswer
from tests.guarding import Ground, Watch, eventually

pytestmark = [pytest.mark.pm2, pytest.mark.timeout(90)]


def problems(ground: Ground) -> list[str]:
    return [one["problem"] for one in ground.report["findings"]]


def test_s15_a_guard_that_ends_the_daemon_above_it_does_not_end_itself(ground: Ground) -> None:
    ground.home.start_app("web")
    ground.home.start_app("enhanced-pm2-redundancy")
    daemon = ground.home.daemon_pid()
    assert daemon is not None
    web, guard = ground.one("web").pid, ground.one("enhanced-pm2-redundancy").pid
    ended = {one.pid for one in under(daemon, survey(ground.home.path, ourselves=guard), OWN_APPS)}

    assert web in ended
    assert guard not in ended


def test_s14_pm2_kill_is_not_undone_although_apps_of_a_death_before_it_are_not_back(ground: Ground) -> None:
    ground.home.start_app("web")
    with Watch(ground, REDUNDANCY_MODE="observe") as watch:
        watch.look()
        ground.home.end_daemon(signal.SIGKILL)
        watch.look()
        noted = problems(ground)
        ground.home.start_app("other")
        ground.home.cli("kill")
        watch.look()
        ended = problems(ground)
        ground.home.start_app("new")
        watch.look()

        assert (noted, ended) == (["daemon-dead"], ["daemon-ended"])
        assert "daemon-replaced" not in problems(ground)
    with Watch(ground) as watch:
        watch.leaves_alone()


def test_s11_the_apps_of_a_daemon_that_is_killed_while_out_of_reach_come_back(ground: Ground) -> None:
    ground.home.start_app("web")
    with Watch(ground) as watch:
        watch.look()
        first = ground.home.daemon_pid()
        assert first is not None
        ground.home.remember()
        for name in ("rpc.sock", "pub.sock"):
            (ground.home.path / name).unlink()
        ground.home.start_app("new")
        watch.look()
        os.kill(first, signal.SIGKILL)
        eventually("it is gone", lambda: not alive(first))
        watch.until("both run", lambda: ("bring-back", "PM2") in ground.acts(), skip_s=5)
        ground.home.remember()
        watch.look()

        assert ground.report["status"] == "healthy"
    assert sorted((one.name, one.status) for one in ground.listed()) == [("new", "online"), ("web", "online")]


def test_s14_a_death_is_recovered_although_the_guard_before_the_last_one_had_ended_in_order(
    ground: Ground,
) -> None:
    ground.home.start_app("web")
    with Watch(ground) as watch:
        watch.look()
    with ground.started() as guard:
        guard.kill()  # at once with the daemon, as when memory runs out
        guard.wait(15)
        ground.home.end_daemon(signal.SIGKILL)
    ground.home.start_app("new")
    with Watch(ground) as watch:
        watch.until("both run", lambda: ("bring-back", "PM2") in ground.acts(), skip_s=5)
    assert sorted((one.name, one.status) for one in ground.listed()) == [("new", "online"), ("web", "online")]


def test_s11_a_death_that_nobody_could_recover_yet_outlives_the_orderly_end_of_the_guard(
    ground: Ground,
) -> None:
    ground.home.start_app("web")
    with Watch(ground, REDUNDANCY_MODE="observe") as watch:
        watch.look()
        ground.home.end_daemon(signal.SIGKILL)
        watch.look(times=2)
    ground.home.start_app("new")
    with Watch(ground) as watch:
        watch.until("both run", lambda: ("bring-back", "PM2") in ground.acts(), skip_s=5)
    assert sorted((one.name, one.status) for one in ground.listed()) == [("new", "online"), ("web", "online")]


class Hasty(Pm2Client):
    """Waits for each answer for a moment only."""

    def prepare_all(
        self, entries: Sequence[Mapping[str, object]], *, patience_s: float = 0.2
    ) -> list[list[dict[str, object]] | EffectFailed]:
        """Ask, and wait for at most that moment."""
        return super().prepare_all(entries, patience_s=min(patience_s, 0.2))


def test_a_new_daemon_that_hangs_while_apps_are_brought_back_is_not_waited_for_at_each_app(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "LOOK_TIMEOUT_S", 0.3)
    ground.home.start_app("web")
    apps = listed(ground.client.entries())
    with Watch(ground) as watch:
        hasty = Hasty(ground.home.path, ground.clock, ground.environment())
        means = replace(watch.observer.means(), pm2=hasty)
        daemon = ground.home.end_daemon(signal.SIGSTOP)
        try:
            with pytest.raises(NoAnswer):
                revival._bring_back(means, returning(apps, (), Intents((0, 0), {})))
        finally:
            os.kill(daemon, signal.SIGCONT)
            hasty.close()


def test_s15_an_app_with_a_very_long_environment_is_known_by_its_marks() -> None:
    long = {f"LONG{number}": "x" * 120_000 for number in range(4)}
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], env=long | {"pm_id": "3"}, stdin=subprocess.PIPE
    ) as app:
        eventually("it runs", lambda: "LONG0" in environment(app.pid))
        seen = environment(app.pid)
        app.kill()

    assert seen["pm_id"] == "3"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts apps as somebody else")
def test_s15_an_app_that_lives_on_as_another_user_is_neither_ended_nor_started_once_more(
    ground: Ground,
) -> None:
    ground.home.folder.chmod(0o755)
    file = ground.home.apps / "other.sh"
    file.write_text("while true; do sleep 1; done\n", "utf-8")
    ground.home.start_app("web")
    ground.home.start_app("other", file, "--interpreter=sh", "--uid=65534", "--gid=65534")
    with Watch(ground) as watch:
        watch.look()
        other = ground.one("other").pid
        assert Path(f"/proc/{other}").stat().st_uid == 65534
        ground.home.end_daemon(signal.SIGKILL)
        try:
            watch.until("PM2 is back", lambda: ("bring-back", "PM2") in ground.acts(), skip_s=5)
            watch.look()

            assert [one.name for one in ground.listed()] == ["web"]
            assert alive(other)
            assert problems(ground) == ["app-lost"]
        finally:
            os.kill(other, signal.SIGKILL)
