"""Apps that PM2 restarts for ever: they are stopped, started again patiently, then left to a human."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from automation.systems.pm2.process import Process
from tests.guarding import Ground, Watch, eventually, webhook
from tests.real_pm2 import SLEEPER, VERSIONS, Pm2Home

pytestmark = [pytest.mark.pm2, pytest.mark.timeout(90)]
each_version = pytest.mark.parametrize("pm2_version", VERSIONS, indirect=True)

# Runs for as long as the file `well` lies beside it; else it dies at once, and says why.
FLAPPER = r"""
[ -e "$(dirname "$0")/well" ] && exec sleep 1000
printf '\033[31mno database\033[0m at db://user:hunter2@host/x\n' >&2
exit 1
"""


@pytest.fixture
def ground(pm2_home: Pm2Home) -> Iterator[Ground]:
    ground = Ground(pm2_home)
    yield ground
    ground.client.close()


def start_flapper(ground: Ground, name: str = "web") -> Path:
    """Start an app that PM2 restarts for ever when it dies; it is well while the file is there.

    PM2's own limit is set out of reach, as it is for any app that has run for 16 s.
    """
    script = ground.home.apps / "flapper.sh"
    script.write_text(FLAPPER, "utf-8")
    well = ground.home.apps / "well"
    well.touch()
    ground.home.start_app("bystander")
    ground.home.start_app(name, script, "--interpreter=/bin/sh", "--max-restarts=1000000")
    return well


def flaps(ground: Ground, name: str = "web", least: int = 12) -> bool:
    return ground.one(name).restarts >= least


def problems(ground: Ground) -> list[tuple[str, str]]:
    return [(one["problem"], one["subject"]) for one in ground.report["findings"]]


def break_it(ground: Ground, well: Path) -> None:
    """Let the app die for ever."""
    before = ground.one("web")
    well.unlink()
    os.kill(before.pid, signal.SIGKILL)
    eventually("PM2 restarts it again and again", partial(flaps, ground, least=before.restarts + 12))


def rests(ground: Ground, name: str = "web") -> bool:
    return ("process-resting", name) in problems(ground)


def let_it_flap(ground: Ground, watch: Watch, well: Path) -> None:
    """Break the app, and look until it was stopped."""
    watch.look()
    break_it(ground, well)
    look_until_it_rests(ground, watch)


def look_until_it_rests(ground: Ground, watch: Watch) -> None:
    """Look at an app that flaps: PM2's time passes as it does, whatever the guard's clock skips."""
    watch.look()
    if not rests(ground):
        least = ground.one("web").restarts + 12
        eventually("PM2 restarts it again and again", partial(flaps, ground, least=least))
    for _ in range(4):
        if not rests(ground):
            watch.look(times=2, skip_s=3.0)
    assert rests(ground)


@each_version
def test_an_app_that_dies_for_ever_is_stopped_and_comes_back_when_it_is_well(ground: Ground) -> None:
    well = start_flapper(ground)
    with Watch(ground) as watch:
        let_it_flap(ground, watch, well)
        count = ground.one("web").restarts
        well.touch()
        ground.clock.skip(60)
        watch.until("it is started", lambda: ground.one("web").status == "online")
        watch.look(times=2)

        assert ground.acts() == [("let-rest", "web"), ("start-again", "web")]
        assert ground.one("web").restarts == count
        assert problems(ground) == []
        assert not (ground.home.path / "redundancy" / "resting.json").exists()


def test_the_program_stops_it_within_seconds_and_looks_no_more_than_once_a_second(ground: Ground) -> None:
    well = start_flapper(ground)
    with ground.started(PM2_CHECK_INTERVAL="30s"):
        first = ground.report["cycle"]
        began_s = time.monotonic()
        break_it(ground, well)
        eventually("it rests", partial(rests, ground))
        looks = ground.report["cycle"] - first

        assert looks <= time.monotonic() - began_s + 2.0
        assert ground.acts() == [("let-rest", "web")]


def test_what_was_done_is_said_once_with_the_end_of_its_error_log_and_no_secret(ground: Ground) -> None:
    well = start_flapper(ground)
    with Watch(ground) as watch:
        let_it_flap(ground, watch, well)

        (outcome,) = ground.report["recovery"]["recent"]
        assert outcome["step"] == "let-rest"
        assert outcome["ok"] is True
        assert "restarts within 60 s; its error log ends: " in outcome["detail"]
        assert "no database at db://[redacted]@host/x" in outcome["detail"]
        assert "hunter2" not in str(ground.report)
        assert "hunter2" not in str(ground.kept("resting.json"))
        assert watch.intent("web") == "stopped-by-guard"
        assert ground.report["score"] == 0.5
        assert [one["nextAt"] is not None for one in ground.report["recovery"]["active"]] == [True]


def test_it_is_started_again_after_growing_waits_and_then_stays_stopped_and_one_human_is_told(
    ground: Ground,
) -> None:
    well = start_flapper(ground)
    with (
        webhook() as (address, came),
        Watch(ground, PM2_MAX_RESTARTS="2", REDUNDANCY_WEBHOOK=address) as watch,
    ):
        let_it_flap(ground, watch, well)
        for tries in (1, 2):
            ground.clock.skip(400)
            watch.until("it is started", partial(_acted, ground, "start-again", tries))
            look_until_it_rests(ground, watch)
        ground.clock.skip(400)
        watch.until("a human is told", lambda: came)
        watch.look(times=6, skip_s=4000)

        assert [step for step, _ in ground.acts()] == ["let-rest", "start-again"] * 2 + ["let-rest"]
        assert [(one["subject"], one["problem"]) for one in came] == [("web", "process-resting")]
        assert "no database" in came[0]["text"]
        assert ground.one("web").status == "stopped"


def _acted(ground: Ground, step: str, times: int) -> bool:
    return [one for one, _ in ground.acts()].count(step) == times


def test_s13_a_person_who_starts_it_beats_the_note_and_one_who_stops_it_as_well(ground: Ground) -> None:
    well = start_flapper(ground)
    with Watch(ground) as watch:
        let_it_flap(ground, watch, well)
        well.touch()
        ground.home.cli("restart", "web")
        watch.look(times=2)
        assert problems(ground) == []

        let_it_flap(ground, watch, well)
        ground.home.cli("stop", "web")
        watch.until("the stop is a person's", lambda: watch.intent("web") == "stopped-by-hand")
        watch.leaves_alone()

        assert ground.one("web").status == "stopped"


def test_a_note_outlives_the_guard_and_the_daemon(ground: Ground) -> None:
    well = start_flapper(ground)
    with Watch(ground) as watch:
        let_it_flap(ground, watch, well)
    ground.home.cli("save")
    ground.home.end_daemon()
    eventually("the daemon is gone", lambda: ground.home.daemon_pid() is None)
    ground.client.close()
    ground.home.cli("resurrect")
    well.touch()
    with Watch(ground) as watch:
        watch.look(times=2)
        assert rests(ground)
        assert ground.one("web").status == "stopped"
        ground.clock.skip(60)
        watch.until("it is started", lambda: ground.one("web").status == "online")

        assert ground.acts() == [("let-rest", "web"), ("start-again", "web")]


@pytest.mark.parametrize("point", ["before the note", "before the stop", "after the stop"])
def test_a_guard_that_is_killed_in_between_leaves_nothing_that_the_next_one_does_not_finish(
    ground: Ground, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """The end of the process, at this point."""

    def dies(*_: object, **__: object) -> None:
        raise Killed

    def stops_and_dies(pm_id: int | str) -> None:
        ground.client.stop(pm_id)
        raise Killed

    well = start_flapper(ground)
    with Watch(ground) as watch:
        watch.look()
        break_it(ground, well)
        if point == "before the note":
            monkeypatch.setattr(watch.observer.rest_notes, "save", dies)
        else:
            monkeypatch.setattr(
                watch.observer.pm2, "stop", dies if point == "before the stop" else stops_and_dies
            )
        with pytest.raises(Killed):
            watch.look(times=4, skip_s=1.0)
    monkeypatch.undo()
    with Watch(ground) as watch:
        look_until_it_rests(ground, watch)
        well.touch()
        ground.clock.skip(60)
        watch.until("it is started", lambda: ground.one("web").status == "online")
        watch.look(times=2)

        assert problems(ground) == []


def test_without_auto_restart_flapping_is_only_reported(ground: Ground) -> None:
    settings = ground.workspace / "automation"
    settings.mkdir()
    (settings / "redundancy-config.json").write_text('{"pm2": {"autoRestart": false}}', "utf-8")
    well = start_flapper(ground)
    with Watch(ground) as watch:
        watch.look()
        break_it(ground, well)
        watch.look(times=4, skip_s=1.0)

        assert problems(ground) == [("process-flapping", "web")]
        assert [one["problem"] for one in ground.report["recovery"]["needsHuman"]] == ["process-flapping"]
        assert ground.acts() == []
    ground.client.delete(ground.one("web").pm_id)


def test_restarts_by_hand_and_reloads_are_not_flapping(ground: Ground) -> None:
    ground.home.start_app("web", SLEEPER)
    with Watch(ground, PM2_CHECK_INTERVAL="1s") as watch:
        watch.look()
        before: Process = ground.one("web")
        for _ in range(12):
            ground.client.restart(before.pm_id)
            watch.look()

        assert ground.one("web").restarts >= before.restarts + 12
        assert problems(ground) == []
