"""An emergency from beginning to end: its four steps over guards that are whole guards, over lamps."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from automation.engine.cycle import run_cycle
from automation.ports.clock import SteppedClock, SystemClock
from automation.stores import leases, pauses, shutdowns
from automation.stores.pauses import Pause
from automation.systems.master import SYSTEM, emergencies, programs, wanted
from automation.systems.master.emergencies import Emergency
from tests.master_ground import Ground, make_ground
from tests.toy_ground import eventually

pytestmark = pytest.mark.timeout(60)

FOUR = ["pause-guards", "back-up", "recover", "free-guards"]
CURED = {"cures": {"switch": ["hall"]}}


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
    made = make_ground(tmp_path, monkeypatch)
    made.guard("pm2", hall="on")
    made.guard("github", hall="on")
    return made


def order(steps: list[str]) -> list[str]:
    """Return steps in the order in which each came first."""
    return list(dict.fromkeys(steps))


def lines(ground: Ground, event: str, system: str = "master") -> list[dict[str, object]]:
    """Return the audit lines of one kind."""
    return [one for one in ground.audit() if one["event"] == event and one["system"] == system]


@contextmanager
def held_at_the_gate(ground: Ground, name: str) -> Iterator[Path]:
    """Let a guard's step wait until somebody opens the gate."""
    gate = ground.workspace / f"{name}.gate"
    os.mkfifo(gate)
    try:
        yield gate
    finally:
        open_gate(gate)


def open_gate(gate: Path) -> None:
    """Let whoever waits at the gate go on."""
    try:
        os.close(os.open(gate, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return


# --- the four steps -----------------------------------------------------------------------------------------


def test_s29_the_four_steps_recover_what_is_wrong_and_the_report_tells_the_story(
    ground: Ground, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GITHUB_TOKEN", "GITHUB_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    ground.lamps("github", {"hall": "off"}, **CURED)
    status = ground.run("emergency", "--system", "github")
    with ground.watching(SystemClock()) as guard:
        run_cycle(guard)
    capsys.readouterr()
    ground.run("report")
    shown = capsys.readouterr().out

    assert status == 0
    assert ground.acts("github") == ["switch hall"]
    assert ground.acts("pm2") == []
    section = ground.report()["emergency"]
    assert order([line["step"] for line in section["story"]]) == FOUR
    assert (section["active"], section["causes"], section["runs"], section["lease"]) == (
        False,
        ["github"],
        1,
        None,
    )
    assert "emergency: over, of github" in shown
    assert "pause-guards: took github" in shown
    assert "(without GITHUB_TOKEN_FILE it asks and does nothing but on this disk)" in shown
    assert "free-guards: scores now: github 1.00" in shown
    assert leases.load(ground.layout.lease) is None


def test_s33_each_act_of_an_emergency_is_in_the_audit_log_before_and_after(ground: Ground) -> None:
    ground.run("emergency", "--system", "github")
    acts, acted = lines(ground, "act"), lines(ground, "acted")

    assert order([str(one["step"]) for one in acts]) == FOUR
    assert [(one["step"], one["subject"]) for one in acts] == [(one["step"], one["subject"]) for one in acted]
    assert {str(one["by"]).partition(":")[0] for one in acts} == {"hand"}
    assert {one["rule"] for one in acts} == {"S29"}


def test_an_emergency_by_hand_when_nothing_is_wrong_does_no_harm(ground: Ground) -> None:
    assert ground.run("emergency") == 0
    assert ground.run("emergency") == 0

    assert ground.acts("pm2") == ground.acts("github") == []
    assert ground.emergency()["runs"] == 2
    assert ground.emergency()["causes"] == ["pm2", "github"]


def test_s21_the_snapshots_of_an_emergency_are_a_set_and_never_the_latest(ground: Ground) -> None:
    ground.run("emergency", "--system", "github")

    backups = ground.workspace / "backups"
    (own,) = (backups / "master").glob("2*")
    named = json.loads((own / "set" / "set.json").read_text("utf-8"))["snapshots"]
    assert set(named) == {"pm2", "github"}
    assert (backups / "github-actions" / named["github"]).is_dir()
    assert list(backups.glob("*/latest")) == []


def test_s30_what_does_not_get_well_leaves_the_emergency_on_and_the_guards_free(ground: Ground) -> None:
    ground.lamps("github", {"hall": "off"}, refuses={"switch": "no power", "replace": "no bulb"})
    ground.says("github", SystemClock().now_s(), 0.7)
    status = ground.run("emergency", "--system", "github")

    assert status == 1
    assert (ground.emergency()["active"], ground.emergency()["running"]) == (True, False)
    assert leases.load(ground.layout.lease) is None
    with ground.watching(SystemClock()) as guard:
        run_cycle(guard)
    assert ground.run("status") == 2


def test_s2_a_cause_that_cannot_look_does_not_end_it(ground: Ground) -> None:
    ground.lamps("github", {}, blind="no light at all")

    assert ground.run("emergency", "--system", "github") == 1
    assert ground.emergency()["active"] is True


def test_a_cause_with_nothing_to_guard_ends_it(ground: Ground) -> None:
    ground.lamps("github", {})

    assert ground.run("emergency", "--system", "github") == 0
    assert "nothing to guard" in ground.emergency()["story"][-1]["detail"]


def test_a_guards_program_that_hangs_is_ended_by_its_limit_and_the_steps_go_on(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground.script("github", "import time\ntime.sleep(300)\n")
    monkeypatch.setattr(programs, "LIMIT_S", 1.0)

    assert ground.run("emergency") == 1
    story = ground.emergency()["story"]
    assert order([line["step"] for line in story]) == FOUR
    failed = [line["detail"] for line in story if not line["ok"]]
    assert any("did not end within 1 s and was killed" in line for line in failed)
    assert any("pm2: nothing is wrong" in line["detail"] for line in story)


def test_a_guards_program_that_is_killed_is_said_with_the_signal(ground: Ground) -> None:
    ground.script("github", "import os\nos.kill(os.getpid(), 9)\n")

    assert ground.run("emergency") == 1
    details = [line["detail"] for line in ground.emergency()["story"]]
    assert any("github: killed by signal 9" in line for line in details)


# --- who may, and when --------------------------------------------------------------------------------------


def test_s29_a_system_that_a_person_paused_is_left_alone(
    ground: Ground, capsys: pytest.CaptureFixture[str]
) -> None:
    ground.lamps("github", {"hall": "off"}, **CURED)
    state = ground.layout.state.parent / "github"
    state.mkdir()
    pauses.save(state / "pause.json", Pause(SystemClock().now_s(), None, "ann", "moving"))

    assert ground.run("emergency", "--system", "github") == 1
    assert "resume" in capsys.readouterr().err
    assert ground.run("emergency") == 0
    assert ground.emergency()["causes"] == ["pm2"]
    assert ground.acts("github") == []


@pytest.mark.parametrize("why", ["shutdown", "pause"])
def test_s30_a_shutdown_and_a_pause_of_the_master_refuse_it(ground: Ground, why: str) -> None:
    if why == "shutdown":
        shutdowns.record(ground.layout.shutdown, SystemClock().now_s(), "ann")
    else:
        ground.run("pause")

    assert ground.run("emergency") == 1
    assert ground.emergency() == {}
    assert ground.audit() == []


def test_a_dry_run_prints_the_steps_and_writes_nothing(
    ground: Ground, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ground.run("emergency", "--dry-run", "--system", "pm2") == 0

    said = capsys.readouterr().out.splitlines()
    assert [line.split()[1].rstrip(":") for line in said] == FOUR
    assert not ground.logs.exists()


def test_a_system_that_does_not_exist_is_wrong_usage(ground: Ground) -> None:
    assert ground.run("emergency", "--system", "lamp") == 3


def test_s5_a_second_emergency_is_refused_and_says_who_is_at_work(ground: Ground) -> None:
    ground.lamps("github", {"hall": "off"}, **CURED)
    with held_at_the_gate(ground, "github"), ground.program("emergency", "--system", "github") as first:
        eventually("the recovery is under way", lambda: ground.acts("github"))
        second = ground.finished("emergency")

    assert second.returncode == 75
    assert f"pid {first.pid}" in second.stderr
    assert len(second.stderr.splitlines()) == 1


def test_s30_while_it_runs_the_guard_itself_may_not_act_and_after_sigkill_the_next_look_says_so(
    ground: Ground,
) -> None:
    ground.lamps("github", {"hall": "off"}, **CURED)
    ground.says("github", SystemClock().now_s(), 0.0)
    with held_at_the_gate(ground, "github"), ground.program("emergency", "--system", "github") as run:
        eventually("the recovery is under way", lambda: ground.acts("github"))
        lease = leases.load(ground.layout.lease)
        os.kill(run.pid, signal.SIGKILL)
        run.wait(10)
    assert lease is not None
    assert lease.systems == ("github",)
    left = leases.load(ground.layout.lease)
    assert left == lease  # nobody has renewed it: it runs out by itself
    clock = SystemClock()
    assert left.holds("github", clock.boot_id(), clock.elapsed_s(), "")
    assert not left.holds("github", clock.boot_id(), left.deadline_s, "")
    with ground.watching(clock) as guard:
        run_cycle(guard)

    problems = {one["problem"]: one["message"] for one in ground.report()["findings"]}
    assert problems["emergency-broken-off"] == "its program ended at step recover; it still holds github"


# --- by the loop --------------------------------------------------------------------------------------------


def test_s29_the_loop_begins_one_after_two_looks_and_sees_to_its_program(ground: Ground) -> None:
    ground.lamps("github", {"hall": "off"}, **CURED)
    clock = SystemClock()
    ground.says("github", clock.now_s(), 0.0)
    with ground.watching(clock) as guard:
        run_cycle(guard)
        first = list(guard.observer.fds())
        run_cycle(guard)
        begun = list(guard.observer.fds())
        eventually("its program has ended", guard.observer.pump)

    assert (first, len(begun)) == ([], 1)
    assert guard.observer.fds() == ()
    assert ground.acts("github") == ["switch hall"]
    assert (ground.emergency()["by"], ground.emergency()["runs"]) == ("guard", 1)
    assert ground.emergency()["active"] is False


def test_two_systems_that_fall_at_once_are_both_recovered(ground: Ground) -> None:
    clock = SystemClock()
    for name in ("pm2", "github"):
        ground.lamps(name, {"hall": "off"}, **CURED)
        ground.says(name, clock.now_s(), 0.0)
    with ground.watching(clock) as guard:
        run_cycle(guard)
        run_cycle(guard)
        eventually("its program has ended", guard.observer.pump, 40.0)

    assert ground.acts("pm2") == ground.acts("github") == ["switch hall"]
    assert not wanted.waiting(ground.layout)


def test_a_wish_that_comes_during_a_run_by_hand_is_taken_up_by_it(ground: Ground) -> None:
    ground.lamps("github", {"hall": "off"}, **CURED)
    wanted.add(ground.layout, "github")

    assert ground.run("emergency", "--system", "pm2") == 0
    assert ground.acts("github") == ["switch hall"]
    assert (ground.emergency()["runs"], ground.emergency()["by"]) == (2, "guard")


def test_s30_a_run_does_not_take_back_a_lease_that_somebody_ended(ground: Ground) -> None:
    ground.script(
        "pm2", f"from pathlib import Path\nPath({str(ground.layout.lease)!r}).unlink()\nprint('{{}}')\n"
    )
    ground.run("emergency", "--system", "github")

    assert leases.load(ground.layout.lease) is None
    assert ground.emergency()["story"][0]["step"] == "pause-guards"


def test_a_disk_that_takes_no_audit_line_lets_nothing_be_done(ground: Ground) -> None:
    (ground.logs / "audit.jsonl").mkdir(parents=True)

    assert ground.run("emergency") == 1
    assert leases.load(ground.layout.lease) is None
    assert ground.acts("pm2") == []


def test_s3_the_loop_runs_it_again_only_after_the_cool_down(ground: Ground) -> None:
    clock = SteppedClock(time.time())
    before = emergencies.begun(Emergency(), ("github",), "guard", clock.now_s())
    emergencies.save(ground.layout, replace(before, running=False))
    (ground.suite / SYSTEM.script).write_text("", "utf-8")  # a program that does nothing: the score stays
    begun = []
    with ground.watching(clock) as guard:
        for minute in range(64):
            ground.says("github", clock.now_s(), 0.0)
            run_cycle(guard)
            begun += [minute for _ in guard.observer.fds()]
            if guard.observer.fds():
                eventually("its program has ended", guard.observer.pump)
            clock.wait(60)

    assert begun == [1, 62]
