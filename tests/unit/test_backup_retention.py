"""Which snapshots stay."""

from __future__ import annotations

from dataclasses import replace

import pytest

from automation.core.errors import SettingsInvalid
from automation.core.moments import from_text, to_text
from automation.stores.backups.listing import Snapshot
from automation.stores.backups.manifest import Entry, Manifest
from automation.stores.backups.retention import (
    STANDARD,
    Kept,
    Policy,
    chosen_by,
    last_valid_in,
    which_to_keep,
)
from automation.stores.backups.span import Span

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
    with pytest.raises(SettingsInvalid, match=r"retention: keeps nothing; expected a count > 0"):
        Policy(0)
    with pytest.raises(SettingsInvalid, match=r"retention\.keepHourly: expected a number >= 0, got -1"):
        Policy(1, keep_hourly=-1)


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


# The policy, by the calendar


def chosen(policy: Policy, *moments: str, now: str = "2030-01-01T00:00:00Z") -> list[str]:
    """Return which of some moments a policy keeps."""
    taken = [(moment, from_text(moment)) for moment in moments]
    kept = chosen_by(policy, taken, from_text(now))
    return [moment for moment in moments if moment in kept]


def test_the_newest_of_each_hour_stays_for_so_many_hours() -> None:
    moments = ["2026-11-24T08:10:00Z", "2026-11-24T09:00:00Z", "2026-11-24T09:59:59Z", "2026-11-24T10:00:00Z"]

    assert chosen(Policy(0, keep_hourly=2), *moments) == moments[2:]
    assert chosen(Policy(0, keep_hourly=1), *moments) == moments[3:]


def test_the_same_hour_of_another_day_is_another_hour() -> None:
    moments = ["2026-11-23T09:10:00Z", "2026-11-24T09:20:00Z"]

    assert chosen(Policy(0, keep_hourly=2), "2026-11-23T09:00:00Z", *moments) == moments


def test_hours_without_a_snapshot_are_not_counted() -> None:
    moments = ["2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "2026-11-24T10:00:00Z"]

    assert chosen(Policy(0, keep_hourly=3), *moments) == moments


def test_the_newest_of_each_day_week_and_month_stays() -> None:
    moments = [
        "2026-10-31T12:00:00Z",  # a Saturday
        "2026-11-01T12:00:00Z",  # a Sunday: the same week, another month
        "2026-11-02T12:00:00Z",  # a Monday: another week
        "2026-11-02T23:00:00Z",
        "2026-11-08T12:00:00Z",  # its Sunday
    ]

    assert chosen(Policy(0, keep_daily=2), *moments) == moments[3:]
    assert chosen(Policy(0, keep_weekly=2), *moments) == [moments[1], moments[4]]
    assert chosen(Policy(0, keep_monthly=2), *moments) == [moments[0], moments[4]]


def test_a_week_belongs_to_the_year_of_its_thursday() -> None:
    moments = ["2026-12-27T12:00:00Z", "2026-12-31T12:00:00Z", "2027-01-03T12:00:00Z"]

    assert chosen(Policy(0, keep_weekly=2), *moments) == [moments[0], moments[2]]


def test_the_oldest_stays_while_there_are_fewer_months_than_wanted() -> None:
    moments = ["2026-10-01T00:00:00Z", "2026-10-02T00:00:00Z", "2026-11-01T00:00:00Z"]

    assert chosen(Policy(0, keep_monthly=3), *moments) == [moments[0], moments[1], moments[2]]
    assert chosen(Policy(0, keep_monthly=2), *moments) == moments[1:]


def test_what_is_younger_than_a_span_stays_counted_back_from_the_newest() -> None:
    moments = ["2026-11-01T00:00:00Z", "2026-11-01T00:00:01Z", "2026-11-08T00:00:00Z"]

    assert chosen(Policy(0, keep_within=Span(days=7)), *moments) == moments[1:]
    assert chosen(Policy(0, keep_within=Span(days=6)), *moments) == moments[2:]


def test_what_claims_to_come_from_the_future_is_not_the_newest() -> None:
    moments = ["2026-11-01T00:00:00Z", "2026-11-08T00:00:00Z", "2090-01-01T00:00:00Z"]

    kept = chosen(Policy(0, keep_within=Span(days=2)), *moments, now="2026-11-08T00:00:00Z")

    assert kept == moments[1:]


def test_several_reasons_are_all_said() -> None:
    moments = [("a", from_text("2026-11-23T00:00:00Z")), ("b", from_text("2026-11-23T12:00:00Z"))]
    policy = Policy(1, keep_daily=2, keep_within=Span(hours=13))

    assert chosen_by(policy, moments, NOW_S) == {
        "a": "the oldest, with fewer days than wanted; within 13h of the newest",
        "b": "one of the last 1; the newest of its day; within 13h of the newest",
    }


def test_what_stays_for_its_hour_and_its_day_says_so_in_one_breath() -> None:
    moments = [("a", from_text("2026-11-23T00:00:00Z")), ("b", from_text("2026-11-23T00:10:00Z"))]

    assert chosen_by(Policy(1, keep_hourly=2, keep_daily=2), moments, NOW_S) == {
        "a": "the oldest, with fewer hours, days than wanted",
        "b": "one of the last 1; the newest of its hour, day",
    }


def test_nothing_taken_is_nothing_chosen() -> None:
    assert chosen_by(Policy(3, keep_daily=3, keep_within=Span(days=1)), [], NOW_S) == {}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("keep_last", "keepLast"),
        ("keep_hourly", "keepHourly"),
        ("keep_daily", "keepDaily"),
        ("keep_weekly", "keepWeekly"),
        ("keep_monthly", "keepMonthly"),
    ],
)
def test_a_count_below_zero_is_refused_by_its_name_in_the_settings(name: str, said: str) -> None:
    with pytest.raises(SettingsInvalid, match=rf"retention\.{said}: expected a number >= 0, got -1"):
        replace(Policy(1), **{name: -1})  # type: ignore[arg-type]  # each name is a count's


def test_the_standard_policy_is_that_of_the_contract() -> None:
    assert Policy(10, 24, 14, 8, 6) == STANDARD
    assert not STANDARD.keep_within


def test_s21_the_newest_verified_stays_whatever_the_policy() -> None:
    there = [snapshot(1), *(snapshot(number, verified=False) for number in range(2, 30))]

    assert 1 in kept(there, 1)


def test_s21_the_newest_verified_stays_though_it_is_old_and_a_damaged_one_is_newer() -> None:
    old = snapshot(1, kind="before-restore", created_at=to_text(NOW_S - 30 * DAY_S))

    assert kept([old, snapshot(2, verified=False)], 1) == [1, 2]


def test_s21_the_last_snapshot_in_which_a_file_was_valid_stays_whatever_the_policy() -> None:
    there = [snapshot(number) for number in range(1, 60)]

    assert kept(there, 1, last=(snapshot(7).id,)) == [7, 59]


def test_s22_a_snapshot_that_a_set_names_stays_whatever_the_policy() -> None:
    there = [snapshot(number) for number in range(1, 60)]

    assert kept(there, 1, pinned=(snapshot(5).id, snapshot(9).id)) == [5, 9, 59]
