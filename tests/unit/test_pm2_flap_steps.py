"""Letting an app rest and starting it again, at the moments at which something else happens too."""

from __future__ import annotations

from pathlib import Path

import pytest

from automation.core.errors import EffectFailed, StepRefused
from automation.core.finding import Finding
from automation.ports.clock import SteppedClock
from automation.systems.pm2.checks import assess
from automation.systems.pm2.facts import Facts
from automation.systems.pm2.flap_steps import let_rest, start_again
from automation.systems.pm2.intents import Cause, Intents, Stop
from automation.systems.pm2.memory import Memory
from automation.systems.pm2.observer import Pm2Observer
from automation.systems.pm2.resting import begun
from automation.systems.pm2.tracked import Tracked
from tests.pm2_values import DAEMON, entry, facts, listed
from tests.scripted_pm2 import ScriptedPm2


class StoppingPm2(ScriptedPm2):
    """A PM2 that stops what it is told to stop, unless it fails."""

    def __init__(self, folder: Path, *, fails: bool = False) -> None:
        super().__init__(entry("web", 0, created_at=1000), entry("api", 1, created_at=1000))
        self.folder = folder
        self.fails = fails
        self.noted: list[bool] = []

    def stop(self, pm_id: int | str, *, timeout_s: float = 30.0) -> None:
        """Stop it, after a look at whether it was noted."""
        super().stop(pm_id, timeout_s=timeout_s)
        self.noted.append((self.folder / "resting.json").exists())
        if not self.fails:
            self.list[0]["pm2_env"]["status"] = "stopped"

    def dies(self, times: int = 20) -> None:
        """Let PM2 have restarted the app so often."""
        self.list[0]["pm2_env"]["restart_time"] += times


def flapping(folder: Path, *, fails: bool = False) -> tuple[StoppingPm2, Pm2Observer]:
    """Return an app that was seen to flap."""
    pm2 = StoppingPm2(folder, fails=fails)
    observer = Pm2Observer(pm2, Memory(folder), folder, SteppedClock(1_700_000_000.0))
    observer.remember(observer.observe())
    pm2.dies()
    observer.clock.wait(1.0)
    return pm2, observer


def wrong(observer: Pm2Observer, look: Facts) -> list[tuple[str, str]]:
    """Return what is wrong with the apps: this PM2 has no sockets."""
    return [one.key for one in observer.assess(look).findings if one.subject != "PM2"]


def test_s13_that_we_stop_it_is_on_disk_before_we_do(tmp_path: Path) -> None:
    pm2, observer = flapping(tmp_path)
    said = let_rest(observer, "web")

    assert said == "stopped (id 0) after 20 restarts within 60 s; its error log is empty"
    assert pm2.done == [("stop", 0)]
    assert pm2.noted == [True]
    assert (tmp_path / "resting.json").stat().st_mode & 0o777 == 0o600


def test_an_app_that_rests_is_found_resting_and_not_stopped_and_is_known_as_ours(tmp_path: Path) -> None:
    _, observer = flapping(tmp_path)
    let_rest(observer, "web")
    observer.clock.wait(60.0)
    look = observer.observe()

    assert wrong(observer, look) == [("process-resting", "web")]
    assert look.intents is not None
    assert look.intents.stops[0].cause is Cause.GUARD


def test_when_it_does_not_flap_any_more_nothing_is_done(tmp_path: Path) -> None:
    pm2, observer = flapping(tmp_path)
    observer.observe()
    observer.clock.wait(61.0)

    assert let_rest(observer, "web") == "not needed: it does not flap any more"
    assert start_again(observer, "web") == "not needed: it does not rest any more"
    assert pm2.done == []


def test_one_that_a_person_stopped_meanwhile_is_left_alone(tmp_path: Path) -> None:
    pm2, observer = flapping(tmp_path)
    pm2.list[0]["pm2_env"]["status"] = "errored"

    assert let_rest(observer, "web") == "not needed: it does not flap any more"
    assert pm2.done == []


def test_what_is_gone_or_ours_is_refused(tmp_path: Path) -> None:
    _, observer = flapping(tmp_path)

    for step in (let_rest, start_again):
        with pytest.raises(StepRefused, match="nobody is not in PM2's list any more"):
            step(observer, "nobody")


def test_a_stop_that_did_not_hold_is_a_failure_and_is_tried_again(tmp_path: Path) -> None:
    pm2, observer = flapping(tmp_path, fails=True)

    with pytest.raises(EffectFailed, match="3 times, and it is running again"):
        let_rest(observer, "web")
    assert wrong(observer, observer.observe()) == [("process-flapping", "web")]
    pm2.fails = False
    assert let_rest(observer, "web").startswith("stopped")


def test_one_that_pm2_was_about_to_start_is_stopped_once_more(tmp_path: Path) -> None:
    pm2, observer = flapping(tmp_path, fails=True)

    def holds_the_second_time(seconds: float) -> None:
        del seconds
        pm2.fails = False

    observer.clock.wait = holds_the_second_time  # type: ignore[method-assign]

    assert let_rest(observer, "web").startswith("stopped")
    assert pm2.done == [("stop", 0), ("stop", 0)]


def test_an_entry_that_vanished_while_it_was_stopped_is_no_failure(tmp_path: Path) -> None:
    pm2, observer = flapping(tmp_path)

    def vanish(pm_id: int | str, *, timeout_s: float = 30.0) -> None:
        del timeout_s
        pm2.list = [one for one in pm2.list if one["pm_id"] != pm_id]

    pm2.stop = vanish  # type: ignore[method-assign]

    assert let_rest(observer, "web").startswith("stopped")


def test_it_is_started_again_and_the_note_goes_when_it_is_seen_to_run(tmp_path: Path) -> None:
    pm2, observer = flapping(tmp_path)
    let_rest(observer, "web")

    assert start_again(observer, "web") == "started again (id 0)"
    assert pm2.done[-1] == ("restart", 0)
    pm2.list[0]["pm2_env"] |= {"status": "online", "created_at": 2000}
    look = observer.observe()
    observer.remember(look)
    assert wrong(observer, look) == []
    assert not (tmp_path / "resting.json").exists()


def test_a_note_of_a_recovery_by_hand_is_not_lost_when_the_loop_keeps_its_own(tmp_path: Path) -> None:
    pm2, observer = flapping(tmp_path)
    let_rest(observer, "web")
    pm2.list[0]["pm2_env"] |= {"status": "online", "created_at": 2000}
    look = observer.observe()
    others = begun(DAEMON, listed(entry("api", 1))[0], 5.0, 9, "")
    Memory(tmp_path).rest_notes.save((*look.tracked.noted, others))
    observer.remember(look)

    assert Memory(tmp_path).rest_notes.load() == (others,)


@pytest.mark.parametrize("path", [None, 7, "relative.log", "/nowhere/at/all"])
def test_an_error_log_that_cannot_be_read_is_an_empty_one(tmp_path: Path, path: object) -> None:
    pm2, observer = flapping(tmp_path)
    pm2.list[0]["pm2_env"]["pm_err_log_path"] = path

    assert let_rest(observer, "web").endswith("its error log is empty")


def test_the_apps_own_secrets_are_not_said(tmp_path: Path) -> None:
    pm2, observer = flapping(tmp_path)
    (tmp_path / "error.log").write_text("cannot log in with correct-horse\n", "utf-8")
    pm2.list[0]["pm2_env"] |= {
        "pm_err_log_path": str(tmp_path / "error.log"),
        "DB_PASSWORD": "correct-horse",
        "KEYBOARD": 5,
    }

    assert let_rest(observer, "web").endswith("; its error log ends: cannot log in with [redacted]")


def found(status: str, cause: Cause | None, **env: object) -> list[Finding]:
    process = entry("web", 0, status, **env)
    stops: dict[int | str, Stop] = {} if cause is None else {0: Stop(0, "web", cause, 0.0)}
    look = facts(process, intents=Intents(DAEMON, stops))
    object.__setattr__(look, "tracked", Tracked(flapping={0: 40}))
    return [one for one in assess(look).findings if one.problem == "process-flapping"]


def test_between_two_runs_it_flaps_and_when_a_person_stopped_it_it_does_not() -> None:
    assert found("online", None)
    assert found("waiting restart", None)
    assert found("stopped", Cause.NOBODY)
    assert not found("stopped", Cause.PERSON)
    assert not found("stopped", Cause.UNSEEN)
    assert not found("stopped", None)
    assert not found("errored", None)
    look = facts(entry("web", 0, "stopped"))
    object.__setattr__(look, "tracked", Tracked(flapping={0: 40}))
    assert "process-flapping" not in {one.problem for one in assess(look).findings}


def test_a_deploy_is_no_flapping() -> None:
    look = facts(entry("web", 0), reloading=True)
    object.__setattr__(look, "tracked", Tracked(flapping={0: 40}))

    assert assess(look).findings == ()
