"""The master's loop over reports as they lie there: who is silent, and what ends an emergency."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from automation.core.errors import StepRefused
from automation.core.moments import to_text
from automation.engine.cycle import run_cycle
from automation.ports.clock import SteppedClock, SystemClock
from automation.ports.locks import locked
from automation.stores import leases, shutdowns
from automation.stores.leases import Lease
from automation.systems.master import emergencies, wanted
from automation.systems.master.emergencies import Emergency
from automation.systems.master.steps import restart_guard
from tests.master_ground import Ground, make_ground, peer_of


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
    return make_ground(tmp_path, monkeypatch)


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


def found(ground: Ground) -> list[tuple[str, str]]:
    """Return what the last report found."""
    return [(one["problem"], one["subject"]) for one in ground.report()["findings"]]


def test_the_report_shows_each_system_that_is_there_and_the_whole(
    ground: Ground, clock: SteppedClock
) -> None:
    ground.says("pm2", clock.now_s(), 1.0, ago_s=10)
    ground.says("github", clock.now_s(), 0.6)
    with ground.watching(clock) as guard:
        run_cycle(guard)

    report = ground.report()
    assert (report["score"], report["status"], report["subjects"]["total"]) == (0.8, "healthy", 2)
    assert report["systems"]["pm2"] == {
        "status": "healthy",
        "score": 1.0,
        "ageS": 10.0,
        "stale": False,
        "mode": "active",
    }
    assert report["emergency"]["lease"] is None
    assert report["emergency"]["runs"] == 0


def test_s7_a_guard_is_silent_only_after_we_have_looked_for_a_period(
    ground: Ground, clock: SteppedClock
) -> None:
    seen = []
    ground.says("pm2", clock.now_s(), ago_s=1000)
    with ground.watching(clock) as guard:
        for _ in range(3):
            run_cycle(guard)
            seen.append(found(ground))
            clock.wait(30)

    assert seen == [[], [], [("guard-silent", "pm2")]]


@pytest.mark.parametrize("what", ["sleep", "clock"])
def test_s7_after_a_gap_of_our_own_nobody_is_silent(ground: Ground, clock: SteppedClock, what: str) -> None:
    with ground.watching(clock) as guard:
        for _ in range(4):
            ground.says("pm2", clock.now_s())
            run_cycle(guard)
            clock.wait(60)
        if what == "sleep":
            clock.wait(8 * 3600)
        else:
            clock.set(clock.now_s() + 8 * 3600)
        run_cycle(guard)
        first = found(ground)
        clock.wait(60)
        run_cycle(guard)

    assert first == []
    assert found(ground) == [("guard-silent", "pm2")]


def test_s7_who_cannot_write_its_own_report_judges_nobody(ground: Ground, clock: SteppedClock) -> None:
    ground.says("pm2", clock.now_s(), ago_s=1000)
    observed = []
    with ground.watching(clock) as guard:
        for _ in range(10):  # the report is not written, as on a full disk
            observed.append(guard.observer.observe().awake_s)
            clock.wait(60)

    assert max(observed) == 0.0


def test_s6_while_a_shutdown_is_recorded_nobody_is_silent(ground: Ground, clock: SteppedClock) -> None:
    ground.says("pm2", clock.now_s(), ago_s=1000)
    with ground.watching(clock) as guard:
        shutdowns.record(guard.context.layout.shutdown, clock.now_s(), "ann")
        for _ in range(3):
            run_cycle(guard)
            clock.wait(60)

    assert found(ground) == []
    assert ground.report()["mode"] == "shutdown"


@pytest.mark.parametrize(
    ("github", "ended"),
    [
        ({"started_s": 5.0}, True),
        ({"started_s": -5.0}, False),
        ({"started_s": 5.0, "mode": "shutdown"}, False),
        ({"started_s": 5.0, "ago_s": 1000.0}, False),
        ({}, False),
    ],
    ids=["started since", "not started since", "held back", "silent", "does not say"],
)
def test_s31_the_record_of_a_shutdown_goes_when_every_guard_was_started_since(
    ground: Ground,
    clock: SteppedClock,
    github: dict[str, object],
    ended: bool,  # noqa: FBT001  # a parameter
) -> None:
    with ground.watching(clock):
        shutdowns.record(ground.layout.shutdown, clock.now_s(), "ann")
    clock.wait(60)
    ground.environment[shutdowns.STAMP_VARIABLE] = to_text(clock.now_s())
    clock.wait(60)
    for name, said in (("pm2", {"started_s": 5.0}), ("github", github)):
        more = dict(said)
        started_s = more.pop("started_s", None)
        if started_s is not None:
            more["startedAt"] = to_text(clock.now_s() - 120 + float(str(started_s)))
        ground.says(name, clock.now_s(), 1.0, **more)
    with ground.watching(clock) as guard:
        run_cycle(guard)

    assert ground.report()["mode"] == "active"
    assert ground.layout.shutdown.exists() is not ended


def test_s31_a_master_that_is_held_back_itself_ends_no_shutdown(ground: Ground, clock: SteppedClock) -> None:
    shutdowns.record(ground.layout.shutdown, clock.now_s(), "ann")
    clock.wait(60)
    ground.says("pm2", clock.now_s(), startedAt=to_text(clock.now_s()))
    with ground.watching(clock) as guard:
        run_cycle(guard)

    assert ground.report()["mode"] == "shutdown"
    assert ground.layout.shutdown.exists()


def test_s2_a_report_that_gets_torn_counts_with_its_last_score_also_after_a_restart(
    ground: Ground, clock: SteppedClock
) -> None:
    ground.says("pm2", clock.now_s(), 0.4)
    ground.says("github", clock.now_s(), 1.0)
    with ground.watching(clock) as guard:
        run_cycle(guard)
    (ground.logs / peer_of("pm2").report).write_text("torn {", "utf-8")
    with ground.watching(clock) as guard:
        run_cycle(guard)

    assert ground.report()["score"] == 0.7
    assert ("report-unreadable", "pm2") in found(ground)
    assert ("score-below-threshold", "pm2") not in found(ground)


def test_a_system_that_has_nothing_to_guard_any_more_has_no_score(
    ground: Ground, clock: SteppedClock
) -> None:
    with ground.watching(clock) as guard:
        ground.says("pm2", clock.now_s(), 0.4)
        run_cycle(guard)
        ground.says("pm2", clock.now_s(), None, status="disabled")
        run_cycle(guard)

    assert ground.report()["score"] is None


def test_a_check_beside_a_living_loop_knows_who_is_silent(
    ground: Ground, clock: SteppedClock, capsys: pytest.CaptureFixture[str]
) -> None:
    now_s = SystemClock().now_s()
    ground.says("pm2", now_s, ago_s=1000)
    own: dict[str, Any] = {"pid": 1, "startedAt": "2026-01-01T00:00:00Z"}
    ground.says("github", now_s, **own)
    (ground.logs / peer_of("github").report).rename(ground.logs / "master-redundancy-report.json")
    status = ground.run("check")

    assert status in {1, 2}
    assert "guard-silent" in capsys.readouterr().out
    for wrong in ({"pid": 2**22 + 5}, {"pid": 1, "startedAt": "noon"}):
        ground.says("github", now_s, **wrong)
        (ground.logs / peer_of("github").report).rename(ground.logs / "master-redundancy-report.json")
        ground.run("check")
        assert "guard-silent" not in capsys.readouterr().out
    del clock


# --- emergencies --------------------------------------------------------------------------------------------


def test_s30_a_later_look_at_0_8_ends_an_emergency_and_one_below_does_not(
    ground: Ground, clock: SteppedClock
) -> None:
    left = emergencies.begun(Emergency(), ("pm2",), "guard", clock.now_s())
    emergencies.save(ground.layout, replace(left, running=False))
    active = []
    with ground.watching(clock) as guard:
        for score in (0.79, 0.8, 0.1):
            clock.wait(60)
            ground.says("pm2", clock.now_s(), score)
            run_cycle(guard)
            active.append(ground.emergency()["active"])

    assert active == [True, False, False]
    assert ground.emergency()["story"][-1]["step"] == "over"


def test_s30_while_a_run_lives_the_loop_leaves_its_record_alone(ground: Ground, clock: SteppedClock) -> None:
    emergencies.save(ground.layout, emergencies.begun(Emergency(), ("pm2",), "hand: ann", clock.now_s()))
    clock.wait(60)
    ground.says("pm2", clock.now_s(), 1.0)
    with (
        ground.watching(clock) as guard,
        locked(emergencies.lock_path(guard.context.layout), purpose="a run", since="now"),
    ):
        blind = guard.observer.observe()
        run_cycle(guard)
        guard.observer.remember(replace(blind, run_lives=False))

    assert ground.emergency()["active"] is True
    assert ("emergency-broken-off", "emergency") not in found(ground)


def test_s30_a_lease_that_a_killed_run_left_is_ended_by_the_second_look(
    ground: Ground, clock: SteppedClock
) -> None:
    ground.says("pm2", clock.now_s(), 0.1)
    killed = emergencies.begun(Emergency(), ("pm2",), "guard", clock.now_s())
    emergencies.save(ground.layout, killed.told(clock.now_s(), "back-up", "done", ok=True))
    lease = Lease(("pm2",), clock.boot_id(), clock.elapsed_s() + 900, "e")
    leases.save(ground.layout.lease, lease)
    with ground.watching(clock) as guard:
        wanted.add(ground.layout, "pm2")  # what it would begin is taken up by nobody here
        guard.ladders = tuple(one for one in guard.ladders if one.problem != "score-below-threshold")
        run_cycle(guard)
        said, shown = found(ground), ground.report()["emergency"]["lease"]
        held = leases.load(ground.layout.lease)
        clock.wait(1)
        run_cycle(guard)

    assert ("emergency-broken-off", "emergency") in said
    assert shown["epoch"] == "e"
    assert held == lease
    assert leases.load(ground.layout.lease) is None
    assert [(one["event"], one["step"]) for one in ground.audit()] == [
        ("act", "free-guards"),
        ("acted", "free-guards"),
    ]
    assert ground.emergency()["active"] is True
    assert ground.emergency()["running"] is False


def test_s30_a_lease_that_its_living_run_needs_no_more_is_ended(ground: Ground, clock: SteppedClock) -> None:
    emergencies.save(ground.layout, emergencies.begun(Emergency(), ("pm2",), "guard", clock.now_s()))
    leases.save(ground.layout.lease, Lease(("pm2",), clock.boot_id(), clock.elapsed_s() + 900, "e"))
    with (
        ground.watching(clock) as guard,
        locked(emergencies.lock_path(guard.context.layout), purpose="a run", since="now"),
    ):
        for _ in range(2):
            ground.says("pm2", clock.now_s(), 0.6)
            run_cycle(guard)
            clock.wait(1)

    assert leases.load(ground.layout.lease) is None
    assert ground.report()["recovery"]["recent"][-1]["detail"].startswith("the guards are free: no cause")


def test_the_report_for_people_shows_each_system_and_who_is_held_back(
    ground: Ground, clock: SteppedClock, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ground.run("report") == 1
    ground.says("pm2", clock.now_s(), 0.5, ago_s=1000)
    ground.says("github", clock.now_s(), None, status="disabled")
    known = emergencies.begun(Emergency(), ("pm2",), "hand: ann", clock.now_s())
    emergencies.save(ground.layout, known.told(clock.now_s(), "back-up", "a disk\x1b[2J", ok=False))
    leases.save(ground.layout.lease, Lease(("pm2",), clock.boot_id(), clock.elapsed_s() + 60, "e"))
    with ground.watching(clock) as guard:
        run_cycle(guard)
    capsys.readouterr()

    assert ground.run("report") == 0
    said = capsys.readouterr().out
    assert "  pm2      healthy, mode active, score 0.50, seen 1000.0 s ago, stale\n" in said
    assert "  github   disabled, mode active, score none" in said
    assert "emergency: active, of pm2, since 2027-01-15T08:00:00.000Z, run 1" in said
    assert "held back until 2027-01-15T08:01:00.000Z at the latest" in said
    assert "back-up: FAILED: a disk\N{REPLACEMENT CHARACTER}[2J" in said
    assert ground.run("report", "--json") == 0
    assert json.loads(capsys.readouterr().out)["emergency"]["runs"] == 1


@pytest.mark.parametrize("broken", [{"systems": 5, "emergency": 5}, {"systems": {"pm2": 5}}])
def test_a_report_whose_own_parts_are_of_another_shape_is_shown_without_them(
    ground: Ground, clock: SteppedClock, capsys: pytest.CaptureFixture[str], broken: dict[str, object]
) -> None:
    with ground.watching(clock) as guard:
        run_cycle(guard)
    path = ground.logs / "master-redundancy-report.json"
    path.write_text(json.dumps(ground.report() | broken), "utf-8")

    assert ground.run("report") == 0
    assert "emergency:" not in capsys.readouterr().out


def test_a_step_for_a_guard_that_is_not_there_is_refused(ground: Ground, clock: SteppedClock) -> None:
    with ground.watching(clock) as guard:
        with pytest.raises(StepRefused, match="no guard of lamp"):
            restart_guard(guard.observer, "lamp")  # type: ignore[arg-type]  # the master's own
        with pytest.raises(StepRefused, match="PM2 is not running"):
            restart_guard(guard.observer, "pm2")  # type: ignore[arg-type]  # the same
    assert not (ground.workspace.parent / "pm2").exists()
    assert json.dumps(ground.audit()) == "[]"


def test_only_the_systems_that_settings_choose_are_looked_at(ground: Ground, clock: SteppedClock) -> None:
    path = ground.workspace / "automation" / "redundancy-config.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text('{"master": {"exclude": ["git*"]}}', "utf-8")
    ground.says("pm2", clock.now_s(), 1.0)
    ground.says("github", clock.now_s(), 0.0)
    with ground.watching(clock) as guard:
        run_cycle(guard)

    assert (ground.report()["score"], list(ground.report()["systems"])) == (1.0, ["pm2"])
