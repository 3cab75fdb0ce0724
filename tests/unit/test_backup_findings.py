"""What a report says is wrong with the backups."""

from __future__ import annotations

from collections.abc import Mapping

from automation.core.finding import Assessment, Finding, Severity
from automation.engine.backup_findings import LADDERS, MOST_NAMED, with_backups

OWN = Assessment(("hall",), (Finding("lamp-dim", "hall", Severity.WARNING, "it gives little light"),))
APP = "enhanced-lamp-redundancy"


def found(outcome: Mapping[str, object], trouble: str = "") -> list[Finding]:
    return list(with_backups(OWN, outcome, trouble, APP).findings[1:])


def test_where_nothing_is_wrong_the_judgement_is_the_systems_own() -> None:
    outcome: dict[str, object] = {
        "failure": None,
        "damaged": [],
        "damagedCount": 0,
        "leftOut": [],
        "spotCheck": {"differ": []},
    }

    assert with_backups(OWN, {}, "", APP) is OWN
    assert with_backups(OWN, outcome, "", APP) is OWN


def test_a_record_that_somebody_wrote_into_is_no_finding_and_no_crash() -> None:
    odd = {"damaged": "x", "damagedCount": "x", "leftOut": [1], "leftOutCount": None, "spotCheck": [3]}

    assert found(odd) == []
    assert found({"spotCheck": {"differ": "x"}}) == []


def test_a_failed_backup_says_why_since_when_and_what_to_do() -> None:
    (first,) = found({"failure": "cannot write /b/x: full (errno 28)"})
    (second,) = found(
        {"failure": "old", "lastAt": "2026-11-24T10:15:00Z"}, "its program ended with exit status 2"
    )

    assert (first.problem, first.severity) == ("backup-failing", Severity.WARNING)
    assert first.message == (
        "the last backup failed: cannot write /b/x: full (errno 28); none has ended well yet"
    )
    assert "`enhanced-lamp-redundancy backup` tries again" in first.advice
    assert second.message == (
        "the last backup failed: its program ended with exit status 2; "
        "the last that ended well was at 2026-11-24T10:15:00Z"
    )


def test_each_damaged_snapshot_is_a_finding_and_many_are_counted() -> None:
    rows = [{"id": f"id-{number}", "why": "torn"} for number in range(MOST_NAMED + 2)]
    one = found({"damaged": rows[:1], "damagedCount": 1})
    many = found({"damaged": rows, "damagedCount": 40})

    assert [(each.problem, each.subject) for each in one] == [("backup-damaged", "id-0")]
    assert "torn" in one[0].message
    assert "`enhanced-lamp-redundancy verify id-0`" in one[0].advice
    assert [each.subject for each in many] == [*(f"id-{number}" for number in range(MOST_NAMED)), "backups"]
    assert many[-1].message == "30 more snapshots are damaged"


def test_what_could_not_be_read_is_named_once_with_how_many_more() -> None:
    row = {"path": "files/a", "reason": "cannot be read: Permission denied (errno 13)"}

    (one,) = found({"leftOut": [row], "leftOutCount": 1})
    (three,) = found({"leftOut": [row], "leftOutCount": 3})
    assert one.key == ("backup-incomplete", "backups")
    assert one.message.endswith("files/a: cannot be read: Permission denied (errno 13)")
    assert three.message.endswith("(errno 13) (and 2 more)")


def test_a_file_that_differs_from_its_copy_untouched_is_named() -> None:
    row = {"path": "files/a", "reason": "has other bytes"}
    (one,) = found({"spotCheck": {"id": "id-1", "differ": [row]}})
    (two,) = found({"spotCheck": {"id": "id-1", "differ": [row, row]}})

    assert one.key == ("backup-differs", "backups")
    assert one.message == "files/a of id-1: has other bytes"
    assert two.message == "files/a (and 1 more) of id-1: has other bytes"


def test_snapshots_that_are_gone_all_at_once_are_said_with_what_to_look_at() -> None:
    (one,) = found({"vanished": {"at": "2026-11-24T10:15:00Z", "lastId": "id-9", "count": 9}})

    assert one.key == ("backup-vanished", "backups")
    assert one.message == "all snapshots up to id-9 (9) were gone at 2026-11-24T10:15:00Z"
    assert "mounted" in one.advice
    assert found({"vanished": "x"}) == []


def test_a_human_is_told_of_each_and_no_step_is_taken() -> None:
    problems: dict[str, dict[str, object]] = {
        "backup-failing": {"failure": "full"},
        "backup-damaged": {"damaged": [{"id": "x", "why": "y"}]},
        "backup-incomplete": {"leftOut": [{"path": "a", "reason": "b"}]},
        "backup-vanished": {"vanished": {}},
        "backup-differs": {"spotCheck": {"differ": [{"path": "a"}]}},
    }

    assert {problem: found(outcome)[0].problem for problem, outcome in problems.items()} == {
        ladder.problem: ladder.problem for ladder in LADDERS
    }
    assert all(ladder.rungs == () for ladder in LADDERS)
