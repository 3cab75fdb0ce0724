"""What every system's section of the settings file may say, through the engine: may it look, may it act."""

from __future__ import annotations

from pathlib import Path

import pytest

from automation.core.finding import Mode
from automation.engine.cycle import run_cycle
from automation.engine.modes import mode_now, watches_only
from automation.engine.selecting import selection_of
from automation.ports.clock import SteppedClock
from tests.toy_ground import Ground, guard
from tests.toy_system import BACKED_UP

START_S = 1_800_000_000.0
WATCHING = [
    ({"lamp": {"mode": "observe"}}, "lamp.mode is observe"),
    ({"lamp": {"acts": False}}, "lamp.acts is false: this instance only watches"),
]
WAITING = [
    ({"lamp": {"autoRecovery": False}}, "lamp.autoRecovery is false"),
    ({"redundancy": {"autoRecovery": False}}, "redundancy.autoRecovery is false"),
]
OFF = [
    {"lamp": {"enabled": False}},
    {"redundancy": {"enabled": False}},
    {"enabled": False},
    {"enhanced": {"enabled": False}},
]


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    """Give a workspace with a lamp that is off."""
    made = Ground(tmp_path)
    made.lamps({"hall": "off"})
    return made


@pytest.mark.parametrize(("content", "why"), [*WATCHING, *WAITING])
def test_s8_a_system_that_may_not_act_by_itself_sees_reports_and_tells(
    ground: Ground, content: dict[str, object], why: str
) -> None:
    ground.settings(**content)
    clock = SteppedClock(START_S)
    with guard(ground, clock) as guarded:
        for _ in range(4):
            run_cycle(guarded)
            clock.wait(30.0)

    report = ground.report()
    assert ground.acts() == []
    assert (report["mode"], report["status"], report["recovery"]["heldBack"]) == ("observe", "critical", why)
    assert [one["subject"] for one in report["recovery"]["needsHuman"]] == ["hall"]


@pytest.mark.parametrize(("content", "why"), WATCHING)
def test_s28_an_instance_that_only_watches_does_not_act_by_hand_either(
    ground: Ground, content: dict[str, object], why: str
) -> None:
    ground.settings(**content)
    ran = ground.run("recovery")

    assert (ran.returncode, ran.stderr, ground.acts()) == (1, f"not acting: {why}\n", [])


@pytest.mark.parametrize(("content", "_why"), WAITING)
def test_a_system_that_waits_to_be_told_acts_by_hand(
    ground: Ground, content: dict[str, object], _why: str
) -> None:
    ground.settings(**content)
    ground.lamps({"hall": "off"}, cures={"switch": ["hall"]})

    assert ground.run("recovery").returncode == 0
    assert ground.acts() == ["switch hall"]


def test_the_variable_holds_whatever_the_file_says(ground: Ground) -> None:
    ground.settings(lamp={"mode": "active"})
    ground.environment["REDUNDANCY_MODE"] = "observe"
    context = ground.context(SteppedClock(START_S))

    assert mode_now(context, START_S) == (Mode.OBSERVE, "REDUNDANCY_MODE is observe")
    assert watches_only(context) == "REDUNDANCY_MODE is observe"


def test_nothing_said_lets_it_act(ground: Ground) -> None:
    context = ground.context(SteppedClock(START_S))

    assert (mode_now(context, START_S), watches_only(context)) == ((Mode.ACTIVE, ""), "")


@pytest.mark.parametrize("content", OFF)
def test_a_system_that_is_switched_off_looks_at_nothing_and_backs_up_nothing(
    ground: Ground, content: dict[str, object]
) -> None:
    ground.settings(**content)
    ground.lamps({"hall": "off"}, blind="it would say so")
    clock = SteppedClock(START_S)
    with guard(ground, clock, BACKED_UP) as guarded:
        run_cycle(guarded)
        assert (guarded.observer.fds(), guarded.observer.pump()) == ((), False)
        assert guarded.backups.next_s() is None

    report = ground.report()
    assert (report["status"], report["score"], report["findings"]) == ("disabled", None, [])


def test_commands_of_a_system_that_is_switched_off_find_nothing(ground: Ground) -> None:
    ground.settings(lamp={"enabled": False})

    assert ground.run("check").returncode == 0
    assert ground.run("recovery").stdout == "nothing is wrong: no step was taken\n"
    assert ground.acts() == []


def test_s8_what_is_not_said_selects_all_and_an_empty_list_nothing(ground: Ground) -> None:
    everything = selection_of(ground.context(SteppedClock()).settings)
    ground.settings(lamp={"include": []})
    nothing = selection_of(ground.context(SteppedClock()).settings)
    ground.settings(lamp={"include": ["h*", "attic"], "exclude": ["*-old"]})
    some = selection_of(ground.context(SteppedClock()).settings)

    assert [everything.takes(""), everything.takes("hall")] == [True, True]
    assert [nothing.takes(""), nothing.takes("hall")] == [False, False]
    assert [some.takes(name) for name in ("hall", "h-old", "attic", "cellar")] == [True, False, True, False]
    assert [some.takes("cellar", "hall"), some.takes("hall", "x-old")] == [True, False]
