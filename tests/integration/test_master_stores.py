"""The lease, the sets and the wishes: what master and guards share on disk."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from automation.core.errors import EffectFailed, RecordDamaged
from automation.stores import leases
from automation.stores.backup_sets import BackupSet, pinned, read_set, write_set
from automation.stores.leases import LONGEST_S, Lease
from automation.systems.master import emergencies, wanted
from automation.systems.master.emergencies import Emergency
from tests.master_ground import Ground, make_ground

ONE, TWO = "20261124T101500Z-0001", "20261124T101500Z-0002"


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
    return make_ground(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("boot", "elapsed_s", "epoch", "held"),
    [
        ("b", 100.0, "", True),
        ("b", 100.0, "e", False),  # the run that holds it
        ("b", 999.9, "", True),
        ("b", 1000.0, "", False),  # its deadline: nobody has renewed it
        ("b", 100.0, "f", True),
        ("b", 99.9, "", False),  # longer than is allowed
        ("other", 100.0, "", False),  # a reboot
        ("", 100.0, "", False),
    ],
)
def test_s30_a_lease_holds_in_its_boot_until_its_deadline_and_15_minutes_at_most(
    boot: str,
    elapsed_s: float,
    epoch: str,
    held: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    lease = Lease(("pm2",), "b", 1000.0, "e")

    assert lease.holds("pm2", boot, elapsed_s, epoch) is held
    assert not lease.holds("github", boot, elapsed_s, epoch)


@pytest.mark.parametrize(
    "text",
    [
        "torn {",
        "[]",
        "{}",
        '{"systems": "pm2", "bootId": "b", "deadlineS": 9, "epoch": "e"}',
        '{"systems": ["pm2"], "bootId": "b", "deadlineS": "soon", "epoch": "e"}',
        '{"systems": ["pm2"], "bootId": "b", "deadlineS": 9, "epoch": ""}',
    ],
)
def test_s30_a_damaged_lease_frees_the_guards(tmp_path: Path, text: str) -> None:
    (tmp_path / "lease.json").write_text(text, "utf-8")

    assert leases.load(tmp_path / "lease.json") is None


def test_a_lease_whose_deadline_is_no_number_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "lease.json").write_text(
        '{"systems": ["pm2"], "bootId": "b", "deadlineS": NaN, "epoch": "e"}', "utf-8"
    )
    lease = leases.load(tmp_path / "lease.json")

    assert lease is not None
    assert not lease.holds("pm2", "b", 1.0, "")


def test_a_lease_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    lease = Lease(("pm2", "github"), "b", 1000.125, "e")
    leases.save(tmp_path / "lease.json", lease)

    assert leases.load(tmp_path / "lease.json") == lease
    assert (tmp_path / "lease.json").stat().st_mode & 0o777 == 0o600


# --- sets ---------------------------------------------------------------------------------------------------


def kept_set(backups: Path, folder: str, id_: str, named: object) -> None:
    """Put a set's record into a snapshot."""
    place = backups / folder / id_ / "set"
    place.mkdir(parents=True)
    (place / "set.json").write_text(json.dumps({"schema": 1, "set": "s", "at": "now", "snapshots": named}))


def test_s22_what_any_kept_set_names_is_pinned_for_its_system_alone(tmp_path: Path) -> None:
    kept_set(tmp_path, "whole", ONE, {"a": ONE, "b": TWO})
    kept_set(tmp_path, "whole", TWO, {"a": TWO})
    kept_set(tmp_path, "whole", ".tmp-removed-x", {"a": "20261124T101500Z-0003"})
    (tmp_path / "a" / ONE).mkdir(parents=True)
    (tmp_path / ".gitignore").write_text("*\n", "utf-8")

    assert pinned(tmp_path, "a") == {ONE, TWO}
    assert pinned(tmp_path, "b") == {TWO}
    assert pinned(tmp_path / "none", "a") == frozenset()


@pytest.mark.parametrize("named", [None, [], {"a": "--yes"}, {"a": 5}])
def test_a_damaged_set_pins_nothing_and_is_never_restored(tmp_path: Path, named: object) -> None:
    kept_set(tmp_path, "whole", ONE, named)

    assert pinned(tmp_path, "a") == frozenset()
    with pytest.raises(RecordDamaged):
        read_set(tmp_path / "whole" / ONE)


def test_s22_a_set_that_cannot_be_read_forbids_to_prune(tmp_path: Path) -> None:
    (tmp_path / "whole" / ONE / "set" / "set.json").mkdir(parents=True)

    with pytest.raises(EffectFailed):
        pinned(tmp_path, "a")
    (tmp_path / "file").touch()
    with pytest.raises(EffectFailed):
        pinned(tmp_path / "file", "a")


def test_a_set_comes_back_as_it_was_written(tmp_path: Path) -> None:
    taken = BackupSet("s", "2026-11-24T10:15:00.000Z", {"a": ONE}, whole=False)
    (tmp_path / "set").mkdir()
    write_set(tmp_path / "set" / "set.json", taken)

    assert read_set(tmp_path) == taken
    assert read_set(tmp_path / "none") is None


# --- the emergency's record, and wishes ---------------------------------------------------------------------


@pytest.mark.parametrize("text", ["torn {", "[]", '{"causes": 5, "story": {}, "runs": "many", "since": 7}'])
def test_a_damaged_record_of_the_emergency_is_none(ground: Ground, text: str) -> None:
    emergencies.record_path(ground.layout).write_text(text, "utf-8")

    assert emergencies.load(ground.layout) == Emergency()


def test_the_record_comes_back_as_it_was_saved(ground: Ground) -> None:
    known = emergencies.begun(Emergency(), ("pm2",), "guard", 5.0).told(6.0, "recover", "done", ok=True)
    emergencies.save(ground.layout, known)

    assert emergencies.load(ground.layout) == known


def test_each_wish_is_taken_once_and_one_that_a_crash_left_long_ago_is_dropped(ground: Ground) -> None:
    layout = ground.layout
    for name in ("pm2", "github", "pm2"):
        wanted.add(layout, name)
    old = layout.state / "emergency-wanted-github"
    now_s = old.stat().st_mtime
    os.utime(old, (now_s, now_s - LONGEST_S - 60))

    assert wanted.waiting(layout)
    assert wanted.take(layout, now_s) == ("pm2",)
    assert not wanted.waiting(layout)
    assert wanted.take(layout, now_s) == ()


def test_a_wish_that_cannot_be_put_down_says_so(ground: Ground) -> None:
    with pytest.raises(EffectFailed, match="cannot write"):
        wanted.add(ground.layout, "no/such/folder")
