"""What is kept of the list of snapshots, for the report and the findings."""

from __future__ import annotations

import pytest

from automation.engine.backup_notes import MOST_KEPT, state_of_backups, vanished_since
from automation.stores.backups.manifest import Problem
from automation.stores.backups.store import Snapshot

WHOLE = Snapshot("id-1", files=2, total_bytes=10, verified=True, verified_at="2026-11-24T10:00:00Z")


def test_of_no_snapshots_nothing_is_known() -> None:
    assert state_of_backups([]) == {
        "count": 0,
        "bytes": 0,
        "lastId": None,
        "lastVerifiedAt": None,
        "damaged": [],
        "damagedCount": 0,
        "leftOut": [],
        "leftOutCount": 0,
    }


def test_the_last_and_the_latest_verification_are_those_of_whole_snapshots() -> None:
    other = Snapshot("id-2", total_bytes=5, verified=True, verified_at="2026-11-24T09:00:00Z")
    said = state_of_backups([WHOLE, other, Snapshot("id-3", damage="manifest.json: is no JSON")])

    assert (said["count"], said["bytes"], said["lastId"]) == (2, 15, "id-2")
    assert said["lastVerifiedAt"] == "2026-11-24T10:00:00Z"
    assert said["damaged"] == [{"id": "id-3", "why": "manifest.json: is no JSON"}]


def test_what_a_newer_version_wrote_is_not_damaged_and_what_failed_verification_is() -> None:
    newer = Snapshot("id-2", damage="schema 9", newer=True)
    failed = Snapshot("id-3", verified_at="2026-11-24T11:00:00Z")

    assert state_of_backups([newer, failed])["damaged"] == [
        {"id": "id-3", "why": "a verification at 2026-11-24T11:00:00Z found damage"}
    ]


def test_what_was_left_out_is_that_of_the_newest_regular_snapshot_without_what_no_backup_can_hold() -> None:
    torn = Problem("files/a", "cannot be read: Permission denied (errno 13)")
    pipe = Problem("files/pipe", "is a pipe, which no backup can hold")
    newest = Snapshot("id-2", skipped=(pipe, torn), skipped_count=2)
    aside = Snapshot("id-3", kind="before-restore")

    assert state_of_backups([WHOLE, newest, aside])["leftOut"] == [{"path": torn.path, "reason": torn.reason}]
    assert state_of_backups([newest, WHOLE])["leftOut"] == []


def test_lists_are_cut_and_counted() -> None:
    many = [Snapshot(f"id-{number:03}", damage="torn") for number in range(MOST_KEPT + 9)]
    torn = tuple(Problem(f"files/{number}", "cannot be read") for number in range(MOST_KEPT + 9))
    said = state_of_backups([*many, Snapshot("id-9", verified=True, skipped=torn, skipped_count=len(torn))])

    assert (len(str(said["damaged"]).split("}, {")), said["damagedCount"]) == (MOST_KEPT, MOST_KEPT + 9)
    assert (len(str(said["leftOut"]).split("}, {")), said["leftOutCount"]) == (MOST_KEPT, MOST_KEPT + 9)


A, B, C = "20261124T101500Z-3f2a", "20261124T101501Z-8000", "20261124T101502Z-0001"
BEFORE_B = "20261124T101501Z-0001"  # what an empty folder may name in the second of B
GONE = {"at": "then", "lastId": B, "count": 2}


@pytest.mark.parametrize(
    ("before", "ids", "vanished"),
    [
        ({}, [], None),
        ({}, [A], None),
        ({"lastId": B, "count": 2}, [A, C], None),
        ({"lastId": B, "count": 2}, [B], None),
        ({"lastId": B, "count": 2}, [], {"at": "now", "lastId": B, "count": 2}),
        ({"lastId": B, "count": 2}, [C], {"at": "now", "lastId": B, "count": 2}),
        ({"lastId": B, "count": 2}, [BEFORE_B], {"at": "now", "lastId": B, "count": 2}),
        ({"lastId": C, "count": 1, "vanished": GONE}, [C], GONE),
        ({"lastId": C, "count": 1, "vanished": GONE}, [], GONE),
        ({"lastId": C, "count": 1, "vanished": GONE}, [B, C], None),
        ({"lastId": C, "count": 1, "vanished": GONE}, [A], None),
    ],
)
def test_that_all_snapshots_are_gone_is_kept_until_any_of_them_is_back(
    before: dict[str, object], ids: list[str], vanished: dict[str, object] | None
) -> None:
    assert vanished_since(before, ids, "now") == vanished
