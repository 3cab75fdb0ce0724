"""The PM2 guard as the program that people and PM2 start."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator

import pytest

from automation.ports.locks import locked
from automation.systems.pm2 import SYSTEM
from tests.guarding import Ground, Watch, environment_of, eventually
from tests.real_pm2 import VERSIONS, Pm2Home

pytestmark = [pytest.mark.pm2, pytest.mark.timeout(90)]
each_version = pytest.mark.parametrize("pm2_version", VERSIONS, indirect=True)


@pytest.fixture
def ground(pm2_home: Pm2Home) -> Iterator[Ground]:
    ground = Ground(pm2_home)
    yield ground
    ground.client.close()


def log_of(ground: Ground) -> str:
    return "".join(path.read_text("utf-8") for path in (ground.home.path / "logs").glob(f"{SYSTEM.app}*"))


@each_version
def test_the_guard_guards_while_pm2_itself_runs_it_and_acts_on_no_app_of_ours(ground: Ground) -> None:
    ground.start_under_pm2()
    own = ground.wait_for(SYSTEM.app, "online")
    eventually("it looks", lambda: ground.guarded_by(own.pid))
    broken = ground.fragile("web")
    ground.wait_for("web", "errored")
    broken.unlink()

    back = ground.wait_for("web", "online")

    assert ground.acts() == [("restart", "web")]
    assert ground.report["subjects"]["total"] == 1
    passed_on = environment_of(back.pid)
    assert passed_on["name"] == "web"
    assert "PM2_CHECK_INTERVAL" not in passed_on  # safety S19
    assert ground.home.cli("stop", SYSTEM.app).returncode == 0
    assert ground.report["stopped"]["reason"] == "signal"


def test_s5_a_second_guard_by_hand_is_refused_and_one_that_pm2_starts_takes_over(ground: Ground) -> None:
    ground.home.start_app("web")
    with ground.started() as first:
        by_hand = ground.run("start")
        ground.start_under_pm2()
        second = ground.wait_for(SYSTEM.app, "online").pid
        eventually("it waits", lambda: "waiting_for_first_guard" in log_of(ground))
        inherited = ground.run("start", pm_id="0", name=SYSTEM.app)

        assert (by_hand.returncode, inherited.returncode) == (75, 75)
        assert f"pid {first.pid}" in by_hand.stderr
        assert ground.guarded_by(first.pid)
        first.send_signal(signal.SIGTERM)
        assert first.wait(15) == 0

    eventually("the second one guards", lambda: ground.guarded_by(second))
    assert ground.one(SYSTEM.app).restarts == 0


def test_s3_budgets_and_roster_outlive_restarts_and_upgrades_of_the_guard(ground: Ground) -> None:
    ground.fragile("web")
    ground.wait_for("web", "errored")
    with ground.started(PM2_MAX_RESTARTS="3") as guard:
        eventually("it has tried", lambda: len(ground.acts()) == 1)
        guard.kill()
    climb = ground.kept("history.json")["climbs"][0]
    roster = ground.kept("roster.json")

    with ground.started(PM2_MAX_RESTARTS="3"):
        eventually("it looks again", lambda: ground.report["cycle"] >= 2)

    again = ground.kept("history.json")["climbs"][0]
    assert (climb["attempts"], again["attempts"]) == (1, 1)  # the wait of ten seconds holds
    assert again["tried_at_s"] == climb["tried_at_s"]
    assert ground.report["recovery"]["attempts"] == 1
    assert [one["env"]["name"] for one in ground.kept("roster.json")["entries"]] == ["web"]
    assert roster["bootId"] == ground.kept("roster.json")["bootId"] != ""


def test_s8_a_guard_that_observes_says_what_is_wrong_and_acts_on_nothing(ground: Ground) -> None:
    ground.fragile("web")
    ground.wait_for("web", "errored")
    with ground.started(REDUNDANCY_MODE="observe"):
        eventually("it has looked thrice", lambda: ground.report["cycle"] >= 3)

        assert ground.report["mode"] == "observe"
        assert ground.audit == []
        assert [one["problem"] for one in ground.report["findings"]] == ["process-errored"]


def test_s8_a_pause_survives_a_restart_of_the_guard_and_ends_by_resume(ground: Ground) -> None:
    broken = ground.fragile("web")
    ground.wait_for("web", "errored")
    broken.unlink()
    assert ground.run("pause", "--for", "1h", "--reason", "moving").returncode == 0
    for _ in range(2):
        with ground.started():
            eventually("it has looked thrice", lambda: ground.report["cycle"] >= 3)
    assert ground.audit == []
    assert "moving" in ground.report["recovery"]["heldBack"]
    refused = ground.run("recovery")
    assert refused.returncode == 1
    assert "resume" in refused.stderr

    with ground.started():
        assert ground.run("resume").returncode == 0
        ground.wait_for("web", "online")


def test_recovery_by_hand_says_what_it_would_do_and_then_does_it(ground: Ground) -> None:
    ground.fragile("one")
    broken = ground.fragile("two")
    ground.wait_for("one", "errored")
    ground.wait_for("two", "errored")

    plan = ground.run("recovery", "--dry-run", "--json")
    checked = ground.run("check")
    assert plan.returncode == 0
    steps = ["restart", "recreate", "start-from-ecosystem"]
    assert [one["steps"] for one in json.loads(plan.stdout)["wouldTake"]] == [steps] * 2
    assert checked.returncode == 2
    assert ground.audit == []
    assert not (ground.home.path / "redundancy").exists()

    in_vain = ground.run("recovery", "--subject", "two")
    assert in_vain.returncode == 1
    assert "two" in in_vain.stderr
    assert {subject for _, subject in ground.acts()} == {"two"}

    broken.unlink()
    done = ground.run("recovery", "--subject", "one")
    assert done.returncode == 0, done.stderr
    assert ground.one("one").status == "online"
    assert ground.one("two").status == "errored"
    assert [one.name for one in ground.listed()].count("two") == 1

    with ground.started():
        eventually("the loop takes it over", lambda: len(ground.report["recovery"]["recent"]) >= 3)


def test_recovery_while_somebody_else_acts_is_busy(ground: Ground) -> None:
    broken = ground.fragile("web")
    ground.wait_for("web", "errored")
    broken.unlink()
    with Watch(ground) as watch, locked(watch.context.layout.action_lock, purpose="a test", since="now"):
        ran = ground.run("recovery")

    assert ran.returncode == 75
    assert ground.one("web").status == "errored"


def test_doctor_names_pm2_and_what_is_missing(ground: Ground) -> None:
    nothing = ground.run("doctor", "--json")
    ground.home.start_app("web")
    with ground.started():
        running = ground.run("doctor", "--json")

    def lines(text: str) -> dict[str, dict[str, object]]:
        return {one["what"]: one for one in json.loads(text)["checks"]}

    assert nothing.returncode == 1
    assert lines(nothing.stdout)["PM2_HOME"]["ok"] is False
    assert lines(nothing.stdout)["PM2"]["ok"] is False
    assert lines(running.stdout)["PM2"]["detail"] == f"version 7.0.4, pid {ground.home.daemon_pid()}"
    assert lines(running.stdout)["guard"]["ok"] is True


def test_status_and_report_say_what_the_loop_saw(ground: Ground) -> None:
    ground.home.start_app("web")
    before = ground.run("status")
    with ground.started():
        during = ground.run("status")
        assert ground.run("report").returncode == 0
    after = eventually("it is noticed", lambda: (ran := ground.run("status")).returncode == 3 and ran)

    assert before.returncode == 3
    assert during.returncode == 0
    assert "1 of 1 healthy" in during.stdout
    assert after
    assert "nobody guards" in after.stdout
