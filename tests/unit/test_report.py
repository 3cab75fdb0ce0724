"""The report: the keys that users rely on, its caps, how it is read back, and when it is stale."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from automation.core.errors import RecordDamaged, RecordNewer
from automation.core.finding import Finding, Mode, Severity, Status
from automation.core.reading import FindingLine, findings_of, read
from automation.core.report import (
    MOST_FINDINGS,
    MOST_RECENT,
    Active,
    Heartbeat,
    Outcome,
    Recovery,
    Report,
    outcome_from_record,
    outcome_record,
    to_record,
)

NOW_S = 1_795_515_300.0  # 2026-11-24T10:15:00Z
BEAT = Heartbeat(
    system="pm2",
    host="server",
    pid=4711,
    version="0.1.0",
    workspace="/srv/app",
    started_at_s=NOW_S - 60.0,
    checked_at_s=NOW_S,
    next_check_at_s=NOW_S + 30.0,
    cycle=2,
    cycle_ms=15,
)
FINDING = Finding("down", "web", Severity.CRITICAL, "status is errored", "see its log")
LINE = FindingLine(FINDING, NOW_S - 30.0, 2)
OUTCOME = Outcome(NOW_S - 1.5, "down", "web", "restart", ok=True, detail="restarted", duration_ms=250)
RECOVERY = Recovery(
    attempts=4,
    succeeded=2,
    failed=1,
    active=(Active("down", "web", "restart", 2, NOW_S + 10.0),),
    needs_human=(FINDING,),
    recent=(OUTCOME,),
    held_back="paused",
)
REPORT = Report(
    BEAT,
    Status.WARNING,
    Mode.ACTIVE,
    0.75,
    (4, 3),
    (LINE,),
    RECOVERY,
    backup={"count": 1},
    metrics={"apps": 4.0},
    sections={"daemon": {"alive": True}},
)


def good() -> dict[str, object]:
    """Return a fresh record of a report, as it is read from the file."""
    record = json.loads(json.dumps(to_record(REPORT)))
    assert isinstance(record, dict)
    return record


def test_the_file_holds_these_keys() -> None:
    assert to_record(REPORT) == {
        "schema": 1,
        "system": "pm2",
        "host": "server",
        "pid": 4711,
        "version": "0.1.0",
        "workspace": "/srv/app",
        "startedAt": "2026-11-24T10:14:00.000Z",
        "checkedAt": "2026-11-24T10:15:00.000Z",
        "nextCheckAt": "2026-11-24T10:15:30.000Z",
        "busyUntil": None,
        "cycle": 2,
        "cycleMs": 15,
        "status": "warning",
        "mode": "active",
        "score": 0.75,
        "subjects": {"total": 4, "healthy": 3},
        "findings": [
            {
                "problem": "down",
                "subject": "web",
                "severity": "critical",
                "message": "status is errored",
                "since": "2026-11-24T10:14:30.000Z",
                "count": 2,
                "advice": "see its log",
            }
        ],
        "findingsOmitted": 0,
        "recovery": {
            "attempts": 4,
            "succeeded": 2,
            "failed": 1,
            "successRate": 0.6667,
            "active": [
                {
                    "problem": "down",
                    "subject": "web",
                    "step": "restart",
                    "attempt": 2,
                    "nextAt": "2026-11-24T10:15:10.000Z",
                }
            ],
            "needsHuman": [
                {
                    "problem": "down",
                    "subject": "web",
                    "message": "status is errored",
                    "advice": "see its log",
                }
            ],
            "recent": [
                {
                    "at": "2026-11-24T10:14:58.500Z",
                    "problem": "down",
                    "subject": "web",
                    "step": "restart",
                    "ok": True,
                    "detail": "restarted",
                    "durationMs": 250,
                    "by": "guard",
                }
            ],
            "heldBack": "paused",
        },
        "backup": {"count": 1},
        "metrics": {"apps": 4.0},
        "daemon": {"alive": True},
    }


def test_a_report_without_backups_says_nothing_of_them() -> None:
    assert "backup" not in to_record(replace(REPORT, backup=None))


def test_nothing_known_is_null_and_not_zero() -> None:
    record = to_record(replace(REPORT, score=None, recovery=Recovery()))

    assert record["score"] is None
    assert Recovery().success_rate is None
    assert Recovery(failed=3).success_rate == 0.0


def test_a_long_list_is_cut_and_says_by_how_much() -> None:
    many = replace(
        REPORT,
        findings=(LINE,) * (MOST_FINDINGS + 7),
        recovery=replace(
            RECOVERY,
            active=RECOVERY.active * (MOST_FINDINGS + 1),
            needs_human=RECOVERY.needs_human * (MOST_FINDINGS + 1),
            recent=(OUTCOME,) * MOST_RECENT + (replace(OUTCOME, detail="last"),),
        ),
    )
    record = json.loads(json.dumps(to_record(many)))

    assert len(record["findings"]) == MOST_FINDINGS
    assert record["findingsOmitted"] == 7
    assert len(record["recovery"]["active"]) == len(record["recovery"]["needsHuman"]) == MOST_FINDINGS
    assert len(record["recovery"]["recent"]) == MOST_RECENT
    assert record["recovery"]["recent"][-1]["detail"] == "last"


def test_a_report_is_read_back() -> None:
    reading = read(good(), "report")

    assert (reading.status, reading.mode, reading.score) == (Status.WARNING, Mode.ACTIVE, 0.75)
    assert (reading.checked_at_s, reading.next_check_at_s) == (NOW_S, NOW_S + 30.0)
    assert (reading.busy_until_s, reading.version) == (None, "0.1.0")
    assert findings_of(reading) == (LINE,)
    assert reading.record == good()


def test_a_busy_report_without_a_score_is_read_back() -> None:
    busy = replace(REPORT, score=None, heartbeat=replace(BEAT, busy_until_s=NOW_S + 90.0))
    reading = read(to_record(busy), "report")

    assert reading.score is None
    assert reading.busy_until_s == NOW_S + 90.0


def test_a_report_is_stale_after_three_periods_and_not_before() -> None:
    reading = read(good(), "report")

    assert not reading.stale(NOW_S + 30.0 + 90.0)
    assert reading.stale(NOW_S + 30.0 + 90.125)


def test_who_is_busy_is_not_stale_until_three_periods_later() -> None:
    busy = replace(REPORT, heartbeat=replace(BEAT, busy_until_s=NOW_S + 300.0))
    reading = read(to_record(busy), "report")

    assert not reading.stale(NOW_S + 300.0 + 90.0)
    assert reading.stale(NOW_S + 300.0 + 90.125)


def test_having_been_busy_shortens_no_period() -> None:
    busy = replace(REPORT, heartbeat=replace(BEAT, busy_until_s=NOW_S - 300.0))

    assert not read(to_record(busy), "report").stale(NOW_S + 30.0 + 90.0)


def test_a_report_from_ahead_of_now_was_left_behind_by_a_clock_set_back() -> None:
    reading = read(good(), "report")

    assert not reading.stale(NOW_S - 30.0 - 5.0)
    assert reading.stale(NOW_S - 30.0 - 5.125)


def test_who_announces_no_next_look_is_stale_after_three_seconds() -> None:
    stopped = read(good() | {"nextCheckAt": good()["checkedAt"]}, "report")

    assert not stopped.stale(NOW_S + 3.0)
    assert stopped.stale(NOW_S + 3.125)


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ([], "expected a JSON object"),
        ({}, "expected schema 1, got None"),
        ({"schema": 0}, "expected schema 1, got 0"),
        ({"schema": False}, "expected schema 1, got False"),
        ({"schema": 1}, "not a report: KeyError 'score'"),
    ],
)
def test_what_is_no_report_is_damaged(record: object, problem: str) -> None:
    with pytest.raises(RecordDamaged) as caught:
        read(record, "report.json")

    assert str(caught.value) == f"report.json: {problem}"


def test_a_newer_report_is_left_alone() -> None:
    with pytest.raises(RecordNewer, match=r"^report.json: schema 2 is newer"):
        read({"schema": 2}, "report.json")


@pytest.mark.parametrize(
    "change",
    [
        {"status": "fine"},
        {"mode": None},
        {"score": "0.5"},
        {"score": True},
        {"score": float("nan")},
        {"score": 1.01},
        {"score": -0.01},
        {"checkedAt": 5},
        {"checkedAt": "2026-11-24T10:15:00"},
        {"nextCheckAt": None},
        {"busyUntil": "soon"},
        {"findings": {}},
        {"findings": ["down"]},
        {"findings": [None]},
        {"findings": [{"problem": "down"}]},
    ],
)
def test_a_report_with_a_damaged_part_is_damaged(change: dict[str, object]) -> None:
    with pytest.raises(RecordDamaged):
        read(good() | change, "report.json")


@pytest.mark.parametrize(
    "missing", ["status", "mode", "score", "checkedAt", "nextCheckAt", "busyUntil", "version"]
)
def test_a_report_that_lacks_a_part_is_damaged(missing: str) -> None:
    record = good()
    del record[missing]

    with pytest.raises(RecordDamaged, match=missing):
        read(record, "report.json")


@pytest.mark.parametrize("score", [0, 1, 0.0, 1.0])
def test_a_score_at_either_end_is_a_score(score: float) -> None:
    assert read(good() | {"score": score}, "report.json").score == score


def test_an_outcome_comes_back_as_it_was() -> None:
    by_hand = replace(OUTCOME, by="hand: ann", ok=False)

    assert outcome_from_record(outcome_record(by_hand), "outcomes") == by_hand


def test_an_outcome_that_does_not_say_who_is_the_guard_s() -> None:
    record = outcome_record(OUTCOME)
    del record["by"]

    assert outcome_from_record(record, "outcomes").by == "guard"


@pytest.mark.parametrize(
    "record",
    [
        None,
        "restart",
        {},
        outcome_record(OUTCOME) | {"at": 5},
        outcome_record(OUTCOME) | {"at": "now"},
        outcome_record(OUTCOME) | {"durationMs": None},
        outcome_record(OUTCOME) | {"durationMs": float("inf")},
    ],
)
def test_what_is_no_outcome_is_damaged(record: object) -> None:
    with pytest.raises(RecordDamaged, match=r"^outcomes: not an outcome: "):
        outcome_from_record(record, "outcomes")


def test_the_line_that_says_so_is_short_whatever_the_file_holds() -> None:
    for record in ({"schema": "x" * 10_000}, good() | {"status": "x" * 10_000}):
        with pytest.raises(RecordDamaged) as caught:
            read(record, "report.json")
        assert len(str(caught.value)) < 300
