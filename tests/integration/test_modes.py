"""What keeps a guard from acting, and in which order: shutdown, pause, an emergency's lease, settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from automation.core.errors import EffectFailed
from automation.core.finding import Mode
from automation.core.ladder import Ladder, Rung
from automation.core.moments import to_text
from automation.engine.modes import ladders_for, mode_now
from automation.ports.clock import SteppedClock
from automation.stores import leases, pauses, shutdowns
from automation.stores.leases import Lease
from automation.stores.pauses import Pause
from tests.toy_ground import Ground

NOW_S = 1_800_000_000.0


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    """Give a workspace."""
    return Ground(tmp_path)


def lease(clock: SteppedClock, left_s: float = 600.0, boot_id: str = "boot-1", system: str = "lamp") -> Lease:
    """Return a lease of the emergency."""
    return Lease((system,), boot_id, clock.elapsed_s() + left_s, "run-7")


def test_each_outranks_the_next(ground: Ground) -> None:
    ground.environment["REDUNDANCY_MODE"] = "observe"
    clock = SteppedClock(NOW_S)
    context = ground.context(clock)
    layout = context.layout
    shutdowns.record(layout.shutdown, NOW_S, "ann")
    pauses.save(layout.pause, Pause(NOW_S, None, "ann", ""))
    leases.save(layout.lease, lease(clock))
    modes = [mode_now(context, NOW_S)]
    for clear, path in (
        (shutdowns.clear, layout.shutdown),
        (pauses.clear, layout.pause),
        (leases.clear, layout.lease),
    ):
        clear(path)
        modes.append(mode_now(context, NOW_S))

    assert [mode for mode, _ in modes] == [Mode.SHUTDOWN, Mode.PAUSED, Mode.EMERGENCY, Mode.OBSERVE]
    assert all(why for _, why in modes)
    assert modes[0][1] == "shut down by ann at 2027-01-15T08:00:00.000Z; the start script starts it again"


@pytest.mark.parametrize(
    ("left_s", "boot_id", "system", "epoch", "mode"),
    [
        (600.0, "boot-1", "lamp", "", Mode.EMERGENCY),
        (600.0, "boot-1", "lamp", "run-6", Mode.EMERGENCY),
        (900.0, "boot-1", "lamp", "", Mode.EMERGENCY),
        (600.0, "boot-1", "lamp", "run-7", Mode.ACTIVE),  # the run that holds it
        (0.0, "boot-1", "lamp", "", Mode.ACTIVE),  # over
        (900.1, "boot-1", "lamp", "", Mode.ACTIVE),  # longer than any lease
        (600.0, "boot-0", "lamp", "", Mode.ACTIVE),  # of another boot
        (600.0, "boot-1", "pm2", "", Mode.ACTIVE),  # of another system
    ],
)
def test_a_lease_holds_for_its_systems_in_its_boot_and_its_time(
    ground: Ground, left_s: float, boot_id: str, system: str, epoch: str, mode: Mode
) -> None:
    clock = SteppedClock(NOW_S)
    ground.environment[leases.EPOCH_VARIABLE] = epoch
    context = ground.context(clock)
    leases.save(context.layout.lease, lease(clock, left_s, boot_id, system))

    assert mode_now(context, NOW_S)[0] is mode


@pytest.mark.parametrize("text", ["torn {", "[]", "{}", '{"systems": 5}'])
def test_a_lease_that_cannot_be_read_frees_the_guards(ground: Ground, text: str) -> None:
    context = ground.context(SteppedClock(NOW_S))
    context.layout.lease.write_text(text, "utf-8")

    assert leases.load(context.layout.lease) is None
    assert mode_now(context, NOW_S) == (Mode.ACTIVE, "")


@pytest.mark.parametrize(
    ("stamp", "held"),
    [
        ("", True),
        ("2027-01-15T07:59:59Z", True),  # a resurrect at boot keeps the old stamp
        ("nonsense", True),
        ("2027-01-15T08:00:01Z", False),  # started anew after the shutdown
    ],
)
def test_a_start_after_the_shutdown_is_free_and_a_resurrect_is_not(
    tmp_path: Path,
    stamp: str,
    held: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    shutdowns.record(tmp_path / "shutdown.json", NOW_S, "ann")
    said = shutdowns.recorded(tmp_path / "shutdown.json", {shutdowns.STAMP_VARIABLE: stamp})

    assert bool(said) is held


@pytest.mark.parametrize("text", ["torn {", "[]", "{}", '{"at": 5, "who": "ann"}'])
def test_a_shutdown_that_cannot_be_read_holds(tmp_path: Path, text: str) -> None:
    (tmp_path / "shutdown.json").write_text(text, "utf-8")

    assert "cannot be read" in shutdowns.recorded(tmp_path / "shutdown.json", {})
    assert shutdowns.recorded(tmp_path / "none.json", {}) == ""


def test_s31_a_shutdown_that_is_over_is_ended_by_its_moment_and_a_later_one_stays(tmp_path: Path) -> None:
    path, newer = tmp_path / "shutdown.json", {shutdowns.STAMP_VARIABLE: to_text(NOW_S + 60)}
    none = shutdowns.ended(path, newer)
    shutdowns.record(path, NOW_S, "ann")
    seen = [shutdowns.ended(path, environment) for environment in ({}, newer)]
    shutdowns.record(path, NOW_S + 5, "bob")

    assert (none, seen) == (None, [None, NOW_S])
    assert not shutdowns.end(path, NOW_S, NOW_S + 61)
    assert "bob" in shutdowns.recorded(path, {})
    assert shutdowns.end(path, NOW_S + 5, NOW_S + 61)
    assert not shutdowns.end(path, NOW_S + 5, NOW_S + 61)
    assert not path.exists()


def test_s31_a_shutdown_that_cannot_be_read_is_over_for_nobody(tmp_path: Path) -> None:
    path = tmp_path / "shutdown.json"
    path.write_text('{"at": 5}', "utf-8")

    assert shutdowns.ended(path, {shutdowns.STAMP_VARIABLE: to_text(NOW_S)}) is None
    assert not shutdowns.end(path, 5.0, NOW_S)
    assert path.exists()


def test_what_cannot_be_cleared_says_so(tmp_path: Path) -> None:
    for clear in (shutdowns.clear, leases.clear):
        clear(tmp_path / "none")
        with pytest.raises(EffectFailed, match="cannot remove"):
            clear(tmp_path)


def test_only_an_active_guard_climbs_and_only_an_observer_tells_a_human() -> None:
    ladders = (Ladder("lamp-off", (Rung("switch", 1),)),)

    assert ladders_for(Mode.ACTIVE, ladders) == ladders
    assert ladders_for(Mode.OBSERVE, ladders) == (Ladder("lamp-off", ()),)
    for mode in (Mode.PAUSED, Mode.EMERGENCY, Mode.SHUTDOWN):
        assert ladders_for(mode, ladders) == ()
