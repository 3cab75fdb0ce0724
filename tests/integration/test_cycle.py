"""One cycle of the engine over lamps: what is saved, done, told and reported, and what when that fails."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from automation.core.errors import RecordNewer
from automation.core.report import Outcome
from automation.engine.cycle import Guard, run_cycle
from automation.ports.clock import SteppedClock
from automation.ports.locks import locked
from automation.stores import audit, histories, outcomes, pauses, reports
from automation.stores.pauses import Pause
from tests.toy_ground import Ground, guard, guarding
from tests.toy_system import SYSTEM

START_S = 1_800_000_000.0
OFF = {"hall": "off", "attic": "on"}


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    """Give a workspace with one lamp that is off."""
    made = Ground(tmp_path)
    made.lamps(OFF)
    return made


@pytest.fixture
def clock() -> SteppedClock:
    """Give a clock that moves only when it is told to."""
    return SteppedClock(START_S)


def look(guarded: Guard, times: int = 1, step_s: float = 1.0) -> float:
    """Turn the cycle so often, with time between; return in how many seconds the next is due."""
    due_s = run_cycle(guarded)
    for _ in range(times - 1):
        guarded.context.clock.wait(step_s)
        due_s = run_cycle(guarded)
    return due_s


def test_a_healthy_system_is_reported_and_left_alone(ground: Ground, clock: SteppedClock) -> None:
    ground.lamps({"hall": "on", "attic": "dim"})
    with guard(ground, clock) as guarded:
        due_s = look(guarded, 3)

    report = ground.report()
    assert due_s == 30.0
    assert (report["status"], report["mode"], report["score"]) == ("warning", "active", 0.75)
    assert report["subjects"] == {"total": 2, "healthy": 1}
    assert report["cycle"] == 3
    assert [(one["problem"], one["count"]) for one in report["findings"]] == [("lamp-dim", 3)]
    assert report["metrics"] == {"lamps": 2}
    assert ground.acts() == []
    assert ground.audit() == []


def test_one_look_is_not_enough_to_act_on_and_the_second_comes_a_second_later(
    ground: Ground, clock: SteppedClock
) -> None:
    with guard(ground, clock) as guarded:
        due_s = look(guarded)
        after_one = ground.acts()
        clock.wait(due_s)
        look(guarded)

    assert due_s == 1.0
    assert after_one == []
    assert ground.acts() == ["switch hall"]


class EventfulClock(SteppedClock):
    """A clock that lets something happen when it is asked for the moment the second time in a cycle.

    That is after the decision, and before the action lock is taken.
    """

    def __init__(self) -> None:
        super().__init__(START_S)
        self.asked = 0
        self.event: Callable[[], None] | None = None

    def now_s(self) -> float:
        """Return the moment, after what was to happen has happened."""
        self.asked += 1
        if self.asked == 2 and self.event is not None:
            self.event()
        return super().now_s()

    def after_the_decision(self, event: Callable[[], None]) -> None:
        """Let this happen in the next cycle."""
        self.wait(1.0)
        self.asked, self.event = 0, event


def test_a_problem_that_has_gone_at_the_last_moment_is_not_acted_on(
    ground: Ground, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "redundancy")
    clock = EventfulClock()
    with guard(ground, clock) as guarded:
        look(guarded)
        clock.after_the_decision(lambda: ground.lamps({"hall": "on", "attic": "on"}))
        run_cycle(guarded)

    assert ground.acts() == []
    assert "step_not_needed" in caplog.messages
    assert ground.history()["climbs"][0]["attempts"] == 1


def test_what_a_step_did_is_reported_audited_and_logged(
    ground: Ground, clock: SteppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "redundancy")
    ground.lamps(OFF, cures={"switch": ["hall"]})
    with guard(ground, clock) as guarded:
        look(guarded, 2)

    recovery = ground.report()["recovery"]
    before, after = ground.audit()
    assert recovery["attempts"] == 1
    assert [(one["step"], one["ok"], one["detail"], one["by"]) for one in recovery["recent"]] == [
        ("switch", True, "switch done", "guard")
    ]
    assert (before["event"], before["step"], before["subject"]) == ("act", "switch", "hall")
    assert (after["event"], after["ok"], after["detail"]) == ("acted", True, "switch done")
    assert after["previous"] == audit.digest(json.dumps(before, ensure_ascii=False).encode())
    assert "step_taken" in caplog.messages


def test_a_step_that_fails_counts_as_a_try_and_its_reason_is_reported_without_secrets(
    ground: Ground, clock: SteppedClock
) -> None:
    ground.lamps(OFF, refuses={"switch": "no power; LAMP_TOKEN=hunter2hunter2"})
    with guard(ground, clock) as guarded:
        look(guarded, 2)

    (outcome,) = ground.report()["recovery"]["recent"]
    assert (outcome["ok"], outcome["detail"]) == (False, "no power; LAMP_TOKEN=[redacted]")
    assert ground.history()["climbs"][0]["attempts"] == 1


def test_the_whole_ladder_is_climbed_and_then_a_human_is_told_once(
    ground: Ground, clock: SteppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    with guard(ground, clock) as guarded:
        for _ in range(60):
            clock.wait(max(look(guarded), 1.0))

    told = [one for one in caplog.records if one.message == "needs_human"]
    report = ground.report()
    assert ground.acts() == ["switch hall", "switch hall", "replace hall"]
    assert len(told) == 1
    assert [one["subject"] for one in report["recovery"]["needsHuman"]] == ["hall"]
    assert report["recovery"]["failed"] == 1


def test_the_next_look_is_when_the_next_step_is_due_and_the_report_names_that_step(
    ground: Ground, clock: SteppedClock
) -> None:
    with guard(ground, clock) as guarded:
        look(guarded, 2)
        clock.wait(1.0)
        due_s = look(guarded)

    (active,) = ground.report()["recovery"]["active"]
    assert due_s == pytest.approx(9.0)
    assert (active["step"], active["attempt"], active["subject"]) == ("switch", 2, "hall")


def test_a_system_that_asks_for_another_look_gets_it(ground: Ground, clock: SteppedClock) -> None:
    ground.lamps({"hall": "flickers"})
    with guard(ground, clock) as guarded:
        assert look(guarded) == 5.0


def test_the_history_is_saved_before_the_step_is_taken(ground: Ground, clock: SteppedClock) -> None:
    ground.lamps(OFF, bug="switch")
    with guard(ground, clock) as guarded:
        look(guarded)
        clock.wait(1.0)
        with pytest.raises(RuntimeError, match="a bug in the step"):
            run_cycle(guarded)

    assert ground.history()["climbs"][0]["attempts"] == 1
    assert [one["event"] for one in ground.audit()] == ["act"]


def test_a_restart_of_the_guard_grants_no_new_tries(ground: Ground, clock: SteppedClock) -> None:
    for _ in range(8):
        with guard(ground, clock) as guarded:
            look(guarded, 3, step_s=40.0)
            clock.wait(40.0)

    assert ground.acts() == ["switch hall", "switch hall", "replace hall"]
    assert ground.report()["recovery"]["attempts"] == 3
    assert len(ground.report()["recovery"]["recent"]) == 3


def test_a_look_that_failed_is_unknown_keeps_the_last_score_and_acts_on_nothing(
    ground: Ground, clock: SteppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "redundancy")
    with guard(ground, clock) as guarded:
        look(guarded)
        ground.lamps(OFF, blind="the stairs are dark")
        clock.wait(1.0)
        look(guarded, 5)
        blind = ground.report()
        ground.lamps({"hall": "on", "attic": "on"})
        look(guarded)

    assert (blind["status"], blind["score"]) == ("unknown", 0.5)
    assert [(one["problem"], one["message"]) for one in blind["findings"]] == [
        ("could-not-look", "the stairs are dark")
    ]
    assert ground.acts() == []
    assert caplog.messages.count("look_failed") == 1
    assert "trouble_over" in caplog.messages
    assert ground.report()["status"] == "healthy"


def test_a_bug_in_the_observer_is_not_swallowed(ground: Ground, clock: SteppedClock) -> None:
    ground.lamps(OFF, bug="observe")
    with guard(ground, clock) as guarded, pytest.raises(RuntimeError, match="a bug in the observer"):
        run_cycle(guarded)


def test_a_last_look_that_fails_stops_the_acting_and_keeps_what_was_done(
    tmp_path: Path, clock: SteppedClock
) -> None:
    ground = Ground(tmp_path)
    ground.lamps({"a": "off", "b": "off"})
    with guard(ground, clock) as guarded:
        look(guarded)

        def switch_and_go_blind(observer: object, subject: str) -> str:
            del observer
            ground.lamps({"a": "off", "b": "off"}, blind="the fuse is gone")
            clock.wait(1.0)
            return f"switched {subject}"

        guarded.steps["switch"] = switch_and_go_blind
        clock.wait(1.0)
        run_cycle(guarded)

    recovery = ground.report()["recovery"]
    assert [one["detail"] for one in recovery["recent"]] == ["switched a"]
    assert recovery["heldBack"] == "could not act: the fuse is gone"


def test_a_step_that_cannot_look_is_a_failed_try(ground: Ground, clock: SteppedClock) -> None:
    with guard(ground, clock) as guarded:
        look(guarded)

        def blind_step(observer: object, subject: str) -> str:
            del subject
            ground.lamps(blind="dark")
            return str(observer.observe())  # type: ignore[attr-defined]

        guarded.steps["switch"] = blind_step
        clock.wait(1.0)
        run_cycle(guarded)

    (outcome,) = ground.report()["recovery"]["recent"]
    assert (outcome["ok"], outcome["detail"]) == (False, "could not look: dark")


def test_a_step_that_this_version_does_not_have_is_a_failed_try(ground: Ground, clock: SteppedClock) -> None:
    with guard(ground, clock) as guarded:
        del guarded.steps["switch"]
        look(guarded, 2)

    assert ground.report()["recovery"]["recent"][0]["detail"] == "this version has no step switch"


@pytest.mark.parametrize(
    ("variable", "value", "why"),
    [("REDUNDANCY_MODE", "observe", "REDUNDANCY_MODE is observe")],
)
def test_observing_tells_a_human_and_acts_on_nothing(
    ground: Ground, clock: SteppedClock, variable: str, value: str, why: str
) -> None:
    ground.environment[variable] = value
    with guard(ground, clock) as guarded:
        look(guarded, 3)

    report = ground.report()
    assert ground.acts() == []
    assert (report["mode"], report["recovery"]["heldBack"]) == ("observe", why)
    assert [one["subject"] for one in report["recovery"]["needsHuman"]] == ["hall"]


def test_automatic_recovery_can_be_switched_off_in_the_settings_file(
    ground: Ground, clock: SteppedClock
) -> None:
    settings = ground.workspace / "automation" / "redundancy-config.json"
    settings.parent.mkdir()
    settings.write_text('{"redundancy": {"autoRecovery": false}}', "utf-8")
    with guard(ground, clock) as guarded:
        look(guarded, 3)

    assert ground.acts() == []
    assert ground.report()["recovery"]["heldBack"] == "redundancy.autoRecovery is false"


def test_a_pause_watches_acts_on_nothing_tells_nobody_and_ends_by_itself(
    ground: Ground, clock: SteppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    with guard(ground, clock) as guarded:
        pauses.save(guarded.context.layout.pause, Pause(START_S, START_S + 100.0, "ann", "new fuses"))
        look(guarded, 5)
        paused, acts = ground.report(), ground.acts()
        clock.wait(100.0)
        look(guarded)

    assert acts == []
    assert (paused["status"], paused["mode"]) == ("warning", "paused")
    assert paused["recovery"]["heldBack"].startswith("paused by ann until 2027-01-15T08:01:40")
    assert paused["recovery"]["heldBack"].endswith(": new fuses")
    assert "needs_human" not in caplog.messages
    assert ground.acts() == ["switch hall"]


def test_a_pause_that_cannot_be_read_holds(ground: Ground, clock: SteppedClock) -> None:
    with guard(ground, clock) as guarded:
        guarded.context.layout.pause.write_text('{"since": 5}', "utf-8")
        look(guarded, 3)

    assert ground.acts() == []
    assert "`resume` clears it" in ground.report()["recovery"]["heldBack"]


def test_a_pause_that_came_after_the_decision_is_seen_once_the_lock_is_held(ground: Ground) -> None:
    clock = EventfulClock()
    with guard(ground, clock) as guarded:
        look(guarded)
        pause = Pause(START_S, None, "ann", "now")
        clock.after_the_decision(lambda: pauses.save(guarded.context.layout.pause, pause))
        run_cycle(guarded)

    report = ground.report()
    assert ground.acts() == []
    assert report["mode"] == "active"  # as it was when the look was judged
    assert report["recovery"]["heldBack"] == "paused by ann until somebody resumes it: now"
    assert ground.history()["totals"]["attempts"] == 0


def test_while_somebody_else_acts_the_guard_waits_says_for_whom_and_counts_no_try(
    ground: Ground, clock: SteppedClock
) -> None:
    with guard(ground, clock) as guarded:
        look(guarded)
        clock.wait(1.0)
        with locked(guarded.context.layout.action_lock, purpose="a recovery by hand", since="2027"):
            run_cycle(guarded)
            waiting = ground.report()["recovery"]
        clock.wait(1.0)
        acts = ground.acts()
        run_cycle(guarded)

    assert acts == []
    assert waiting["heldBack"].startswith(f"waiting: action.lock is held by pid {os.getpid()} since 2027")
    assert "for a recovery by hand" in waiting["heldBack"]
    assert waiting["attempts"] == 0
    assert ground.acts() == ["switch hall"]


def test_without_an_audit_log_nothing_is_done(ground: Ground, clock: SteppedClock) -> None:
    with guard(ground, clock) as guarded:
        guarded.context.layout.audit.mkdir()
        look(guarded, 2)

    assert ground.acts() == []
    assert "could not act: cannot write" in ground.report()["recovery"]["heldBack"]
    assert "audit.jsonl" in ground.report()["recovery"]["heldBack"]


def test_s33_what_the_audit_log_does_not_take_is_no_try_and_uses_no_ladder_up(
    ground: Ground, clock: SteppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    with guard(ground, clock) as guarded:
        audit_log = guarded.context.layout.audit
        audit_log.mkdir()
        look(guarded)
        look(guarded, 20)
        waits_s = run_cycle(guarded)
        acts, recovery = ground.acts(), ground.report()["recovery"]
        audit_log.rmdir()
        clock.wait(waits_s)
        look(guarded)

    assert (acts, waits_s) == ([], 30.0)
    assert (recovery["attempts"], recovery["needsHuman"]) == (0, [])
    assert ground.acts() == ["switch hall"]
    assert ground.report()["recovery"]["attempts"] == 1
    assert caplog.messages.count("acting_failed") == 1


def test_s33_a_step_that_was_begun_counts_where_its_second_line_was_not_taken_and_the_next_does_not(
    ground: Ground, clock: SteppedClock
) -> None:
    ground.lamps({"attic": "off", "hall": "off"})
    with guard(ground, clock) as guarded:
        audit_log = guarded.context.layout.audit

        def breaks_the_log(_observer: object, subject: str) -> str:
            audit_log.unlink()
            audit_log.mkdir()
            return f"switched {subject}"

        guarded.steps["switch"] = breaks_the_log
        look(guarded, 2)
        climbs = {subject: climb.attempts for (_, subject), climb in guarded.history.climbs.items()}
        saved = histories.load(guarded.context.layout.history)

    assert climbs == {"attic": 1, "hall": 0}
    assert saved == guarded.history
    assert saved.totals.attempts == 1


def test_a_history_that_cannot_be_saved_means_that_nothing_is_done(
    ground: Ground, clock: SteppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    with guard(ground, clock) as guarded:
        guarded.context.layout.history.mkdir()
        (guarded.context.layout.history / "in the way").touch()
        look(guarded, 2)

    assert ground.acts() == []
    assert ground.report()["recovery"]["heldBack"].startswith("could not act: cannot write")
    assert caplog.messages.count("history_not_saved") == 1


def test_what_the_observer_cannot_keep_is_logged_once(
    ground: Ground, clock: SteppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    ground.lamps({"hall": "on"}, forgets=True)
    with guard(ground, clock) as guarded:
        look(guarded, 4)

    assert caplog.messages.count("state_not_saved") == 1
    assert ground.report()["status"] == "healthy"


def test_an_action_lock_that_cannot_be_made_means_that_nothing_is_done(
    ground: Ground, clock: SteppedClock
) -> None:
    with guard(ground, clock) as guarded:
        guarded.context.layout.action_lock.mkdir()
        look(guarded, 2)

    assert ground.acts() == []
    assert "cannot lock" in ground.report()["recovery"]["heldBack"]


def test_steps_that_may_take_longer_than_a_period_say_so_before_they_begin(
    ground: Ground, clock: SteppedClock
) -> None:
    seen: list[object] = []
    with guard(ground, clock) as guarded:
        look(guarded)

        def switch(observer: object, subject: str) -> str:
            del observer, subject
            seen.append(ground.report()["busyUntil"])
            return "switched"

        guarded.steps["switch"] = switch
        clock.wait(1.0)
        run_cycle(guarded)

    assert seen == ["2027-01-15T08:00:36.000Z"]
    assert ground.report()["busyUntil"] is None


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """Let no file that this process writes grow at all, as on a full disk."""
    del folder
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_on_a_full_disk_nothing_is_done_the_guard_lives_on_and_recovers(
    ground: Ground, clock: SteppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "redundancy")
    with guard(ground, clock) as guarded:
        look(guarded)
        clock.wait(1.0)
        with full_disk(ground.logs):
            look(guarded, 3)
        full, acts = reports.find(ground.report_path), ground.acts()
        clock.wait(1.0)
        run_cycle(guarded)

    assert acts == []
    assert full.reading is not None
    assert full.reading.record["cycle"] == 1
    assert caplog.messages.count("report_not_written") == 1
    assert "trouble_over" in caplog.messages
    assert ground.acts() == ["switch hall"]
    assert ground.report()["cycle"] == 5
    assert [one.name for one in ground.logs.rglob("*.tmp")] == []


needs_mount = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("mount") is None, reason="mounting needs root"
)


@contextmanager
def small_disk(at: Path, size_kb: int) -> Iterator[Path]:
    """Mount a file system in memory that holds so many kilobytes."""
    at.mkdir()
    options = f"size={size_kb}k,mode=0755"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", at], check=False, capture_output=True
    )
    if done.returncode:
        pytest.skip("this machine does not let us mount")
    try:
        yield at
    finally:
        subprocess.run(["umount", at], check=True)


@needs_mount
def test_on_logs_that_became_read_only_nothing_is_done_and_the_guard_lives_on(
    ground: Ground, clock: SteppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    home = ground.workspace / "home"
    home.mkdir()  # a lock file held open there would keep the disk writable
    ground.environment["LAMP_HOME"] = str(home)
    system = replace(SYSTEM, own_folder="tests.toy_system:own_folder")
    with small_disk(ground.logs, 1024) as disk, guard(ground, clock, system) as guarded:
        look(guarded)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        clock.wait(1.0)
        look(guarded, 3)
        acts = ground.acts()
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        look(guarded)

    assert acts == []
    assert caplog.messages.count("report_not_written") == 1
    assert ground.acts() == ["switch hall"]


@needs_mount
def test_on_logs_that_are_truly_full_nothing_is_done_and_no_file_is_damaged(
    ground: Ground, clock: SteppedClock
) -> None:
    with small_disk(ground.logs, 256) as disk, guard(ground, clock) as guarded:
        look(guarded)
        with (disk / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
            while ballast.write(b"x" * 4096):
                pass
        clock.wait(1.0)
        look(guarded, 3)
        acts, cycle = ground.acts(), ground.report()["cycle"]
        (disk / "ballast").unlink()
        look(guarded)
        broken = list(audit.broken_links(iter((ground.logs / "audit.jsonl").read_bytes().splitlines())))

    assert acts == []
    assert cycle == 1
    assert broken == []
    assert ground.acts() == ["switch hall"]


@pytest.mark.parametrize("damage", [b"", b'{"schema": 1, "sys', b"[]", b"\xff\xfe", b"[" * 100_000])
def test_a_damaged_report_is_kept_as_evidence_once_and_written_anew(
    ground: Ground, clock: SteppedClock, damage: bytes
) -> None:
    evidence = ground.report_path.with_name(f"{ground.report_path.name}.damaged")
    with guard(ground, clock) as guarded:
        ground.report_path.write_bytes(damage)
        look(guarded)
        ground.report_path.write_bytes(b"later damage")
        look(guarded)

    assert evidence.read_bytes() == damage
    assert ground.report()["status"] == "warning"


def test_a_report_of_a_newer_schema_is_left_alone_and_ends_the_guard(
    ground: Ground, clock: SteppedClock
) -> None:
    with guard(ground, clock) as guarded:
        ground.report_path.write_text('{"schema": 2}', "utf-8")
        with pytest.raises(RecordNewer, match="schema 2 is newer"):
            run_cycle(guarded)

    assert ground.report_path.read_text("utf-8") == '{"schema": 2}'


def test_a_guard_does_not_begin_where_a_newer_one_has_reported(ground: Ground, clock: SteppedClock) -> None:
    ground.logs.mkdir()
    ground.report_path.write_text('{"schema": 2}', "utf-8")

    with pytest.raises(RecordNewer, match="schema 2 is newer"), guard(ground, clock):
        pass


def test_a_damaged_history_is_kept_as_evidence_and_begun_anew(
    ground: Ground, clock: SteppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    ground.state.mkdir(parents=True)
    (ground.state / "history.json").write_text('{"schema": 1, "climbs": [{}]}', "utf-8")
    with guard(ground, clock) as guarded:
        look(guarded)

    assert "history_damaged" in caplog.messages
    assert (ground.state / "history.json.damaged").read_text("utf-8") == '{"schema": 1, "climbs": [{}]}'
    assert ground.history()["climbs"][0]["looks"] == 1


def test_a_history_of_a_newer_version_is_left_alone_and_nothing_begins(
    ground: Ground, clock: SteppedClock
) -> None:
    ground.state.mkdir(parents=True)
    (ground.state / "history.json").write_text('{"schema": 2}', "utf-8")

    with pytest.raises(RecordNewer), guard(ground, clock):
        pass
    assert (ground.state / "history.json").read_text("utf-8") == '{"schema": 2}'


def test_a_clock_set_back_an_hour_stretches_no_wait(ground: Ground, clock: SteppedClock) -> None:
    with guard(ground, clock) as guarded:
        look(guarded, 2)
        clock.set(clock.now_s() - 3600.0)
        clock.wait(1.0)
        due_s = look(guarded)
        report = ground.report()
        clock.wait(due_s)
        look(guarded)

    assert due_s <= 10.0
    assert report["checkedAt"] == "2027-01-15T07:00:02.000Z"
    assert ground.acts() == ["switch hall", "switch hall"]


def outcome(detail: str = "by hand") -> Outcome:
    """Return what a person did."""
    return Outcome(
        START_S, "lamp-off", "hall", "switch", ok=True, detail=detail, duration_ms=5, by="hand: ann"
    )


def test_what_was_done_by_hand_is_taken_into_the_report(ground: Ground, clock: SteppedClock) -> None:
    ground.lamps({"hall": "on"})
    with guard(ground, clock) as guarded:
        path = guarded.context.layout.outcomes
        outcomes.append(path, (outcome(),))
        with locked(guarded.context.layout.action_lock, purpose="acting", since="2027"):
            look(guarded)
            while_acting = ground.report()["recovery"]["recent"]
        look(guarded)

    assert while_acting == []
    assert [one["by"] for one in ground.report()["recovery"]["recent"]] == ["hand: ann"]
    assert path.read_bytes() == b""


def test_a_torn_outcome_swallows_no_other(ground: Ground, clock: SteppedClock) -> None:
    with guard(ground, clock) as guarded:
        path = guarded.context.layout.outcomes
        path.write_bytes(b'{"at": "2027-01-')
        outcomes.append(path, (outcome("one"), outcome("two \ud800")))
        outcomes.append(path, ())
        look(guarded)

    assert [one["detail"] for one in ground.report()["recovery"]["recent"]] == ["one", "two \ud800"]


def test_outcomes_that_cannot_be_taken_are_said_and_kept(
    ground: Ground, clock: SteppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    with guard(ground, clock) as guarded:
        path = guarded.context.layout.outcomes
        path.mkdir()
        (path / "x").touch()
        look(guarded)

    assert "outcomes_not_taken" in caplog.messages


def test_a_name_with_half_a_surrogate_pair_or_a_newline_ends_nothing(
    tmp_path: Path, clock: SteppedClock
) -> None:
    ground = Ground(tmp_path)
    names = ["half \ud83d", "two\nlines", "--dash", "größe \x1b[31m", 'qu"ote']
    ground.lamps(dict.fromkeys(names, "off"))
    with guard(ground, clock) as guarded:
        guarded.steps["switch"] = lambda _observer, subject: f"switched {subject}"
        look(guarded, 7)  # five of five are a storm: two steps, then two more

    report = ground.report()
    assert sorted(one["subject"] for one in report["findings"]) == sorted([*names, "lamp"])
    assert len(report["recovery"]["recent"]) == 4
    assert len(ground.audit()) == 2 * 4


@pytest.mark.parametrize(("asked", "mode"), [("", 0o644), ("0640", 0o640), ("600", 0o600)])
def test_reports_carry_the_mode_that_the_settings_ask_for(
    ground: Ground, clock: SteppedClock, asked: str, mode: int
) -> None:
    ground.environment["REDUNDANCY_REPORT_MODE"] = asked
    with guarding(ground, clock) as loop:
        look(loop.guard)
        written = ground.report_path.stat().st_mode & 0o777
        loop._end("signal")

    assert (written, ground.report_path.stat().st_mode & 0o777) == (mode, mode)


def test_a_report_is_not_written_for_a_group_that_is_gone(ground: Ground, clock: SteppedClock) -> None:
    with guard(ground, clock) as guarded:
        look(guarded)
        before = ground.report_path.read_bytes()
        ground.environment["REDUNDANCY_REPORT_GROUP"] = "no-such-group"
        look(guarded)

    assert guarded.troubles["report_not_written"].startswith("REDUNDANCY_REPORT_GROUP: expected a group")
    assert ground.report_path.read_bytes() == before
