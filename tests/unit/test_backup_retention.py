"""Which snapshots stay."""

from __future__ import annotations

from dataclasses import replace

import pytest

from automation.core.errors import SettingsInvalid
from automation.core.moments import from_text, to_text
from automation.stores.backups.listing import Snapshot
from automation.stores.backups.manifest import Entry, Manifest
from automation.stores.backups.retention import Kept, Policy, last_valid_in, which_to_keep

DAY_S = 86400.0
NOW_S = from_text("2026-11-24T10:15:00Z")


def snapshot(number: int, **changes: object) -> Snapshot:
    whole = Snapshot(
        id=f"20261124T{number:06d}Z-0000", created_at=to_text(NOW_S), all_valid=True, verified=True
    )
    return replace(whole, **changes)  # type: ignore[arg-type]  # each test names real fields


def kept(
    snapshots: list[Snapshot],
    keep_last: int,
    pinned: tuple[str, ...] = (),
    last: tuple[str, ...] = (),
    now_s: float = NOW_S,
) -> list[int]:
    stays = which_to_keep(snapshots, Policy(keep_last), pinned=pinned, last_valid_in=last, now_s=now_s)
    return [int(each.id[9:15]) for each in stays]


def test_the_last_ones_stay() -> None:
    assert kept([snapshot(number) for number in range(1, 6)], 2) == [4, 5]


def test_fewer_than_the_policy_all_stay() -> None:
    assert kept([snapshot(1), snapshot(2)], 10) == [1, 2]


def test_nothing_to_keep_is_no_error() -> None:
    assert kept([], 3) == []


def test_a_policy_that_keeps_nothing_is_refused() -> None:
    with pytest.raises(SettingsInvalid, match=r"retention\.keepLast: expected a number > 0, got 0"):
        Policy(0)


def test_a_pinned_snapshot_stays() -> None:
    assert kept([snapshot(1), snapshot(2), snapshot(3)], 1, pinned=(snapshot(1).id,)) == [1, 3]


def test_the_last_valid_copy_of_a_file_stays() -> None:
    assert kept([snapshot(1), snapshot(2), snapshot(3)], 1, last=(snapshot(2).id,)) == [2, 3]


def test_damaged_snapshots_do_not_push_whole_ones_out() -> None:
    whole = [snapshot(1), snapshot(2)]
    damaged = [snapshot(number, verified=False) for number in (3, 4, 5)]

    assert kept([*whole, *damaged], 2) == [1, 2, 3, 4, 5]


def test_a_damaged_snapshot_goes_once_enough_whole_ones_are_newer() -> None:
    assert kept([snapshot(1, verified=False), snapshot(2), snapshot(3)], 2) == [2, 3]
    assert kept([snapshot(1, verified=False), snapshot(2), snapshot(3)], 3) == [1, 2, 3]


def test_what_a_restore_saved_stays_for_seven_days_and_counts_for_nothing() -> None:
    saved = snapshot(1, kind="before-restore", created_at=to_text(NOW_S - 7 * DAY_S + 1))
    rest = [snapshot(2), snapshot(3), snapshot(4)]

    assert kept([saved, *rest], 2) == [1, 3, 4]
    assert kept([saved, *rest], 2, now_s=NOW_S + 1) == [3, 4]
    assert kept([saved, *rest], 2, now_s=NOW_S - 30 * DAY_S) == [1, 3, 4]


def test_what_restores_saved_pushes_no_backup_out() -> None:
    saved = [snapshot(number, kind="before-restore") for number in (3, 4, 5)]

    assert kept([snapshot(1), snapshot(2), *saved], 2) == [1, 2, 3, 4, 5]


def test_the_newest_verified_stays_even_where_nothing_is_counted() -> None:
    old = to_text(NOW_S - 30 * DAY_S)
    saved = [snapshot(number, kind="before-restore", created_at=old) for number in (1, 2)]

    assert kept(saved, 1) == [2]


def test_what_latest_points_to_stays_however_many_emergencies_follow() -> None:
    emergencies = [snapshot(number, kind="emergency") for number in (2, 3, 4)]

    assert kept([snapshot(1), *emergencies], 2) == [1, 3, 4]


def test_a_snapshot_of_a_newer_version_is_left_alone() -> None:
    newer = Snapshot(snapshot(1).id, damage="newer", newer=True)

    assert kept([newer, snapshot(2), snapshot(3)], 1) == [1, 3]


def test_each_that_stays_says_why() -> None:
    stays = which_to_keep(
        [snapshot(1), snapshot(2), snapshot(3)],
        Policy(1),
        pinned=(snapshot(1).id,),
        last_valid_in=(snapshot(2).id,),
        now_s=NOW_S,
    )

    assert stays == (
        Kept(snapshot(1).id, "a set names it"),
        Kept(snapshot(2).id, "it holds the last valid copy of a file"),
        Kept(snapshot(3).id, "one of the last 1"),
    )


def manifest(number: int, **files: bool | None) -> Manifest:
    entries = tuple(
        Entry(f"files/{name}", 0, 0o644, 0, 0, 0, "0" * 64, valid=valid) for name, valid in files.items()
    )
    return Manifest(snapshot(number).id, "pm2", to_text(NOW_S), "regular", "r", "h", "/w", None, entries)


def test_the_last_valid_copy_is_the_newest_that_was_found_valid() -> None:
    newest_first = [manifest(3, a=False, b=True), manifest(2, a=True, b=True), manifest(1, a=True, c=None)]

    assert last_valid_in(newest_first, ()) == {snapshot(3).id, snapshot(2).id}


def test_a_damaged_snapshot_is_the_last_with_a_valid_file_only_where_no_whole_one_is() -> None:
    newest_first = [manifest(2, a=True, b=True), manifest(1, a=True)]

    assert last_valid_in(newest_first, {snapshot(2).id}) == {snapshot(2).id, snapshot(1).id}
    assert last_valid_in(newest_first[:1], {snapshot(2).id}) == {snapshot(2).id}
    assert last_valid_in([manifest(2, a=True), manifest(1, a=True)], {snapshot(2).id}) == {snapshot(1).id}
