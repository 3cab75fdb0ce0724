"""Laws of the report: it is read back as it was written, and nothing in its place stops a reader."""

from __future__ import annotations

import json
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from automation.core.errors import RecordDamaged, RecordNewer
from automation.core.finding import Finding, Mode, Severity, Status
from automation.core.reading import FindingLine, Reading, findings_of, read
from automation.core.report import (
    Active,
    Heartbeat,
    Outcome,
    Recovery,
    Report,
    outcome_from_record,
    outcome_record,
    to_record,
)

LAW = settings(deadline=None)
moments = st.integers(0, 4_000_000_000_000).map(lambda moment_ms: moment_ms / 1000)
counts = st.integers(0, 10**9)
texts = st.text(max_size=10)
findings = st.builds(Finding, texts, texts, st.sampled_from(Severity), texts, texts)
outcomes = st.builds(Outcome, moments, texts, texts, texts, st.booleans(), texts, counts, texts)
lines = st.builds(FindingLine, findings, moments, counts)
heartbeats = st.builds(
    Heartbeat,
    texts,
    texts,
    counts,
    texts,
    texts,
    moments,
    moments,
    moments,
    st.none() | moments,
    counts,
    counts,
)
recoveries = st.builds(
    Recovery,
    counts,
    counts,
    counts,
    st.lists(st.builds(Active, texts, texts, texts, counts, moments), max_size=3).map(tuple),
    st.lists(findings, max_size=3).map(tuple),
    st.lists(outcomes, max_size=3).map(tuple),
    texts,
)
reports = st.builds(
    Report,
    heartbeats,
    st.sampled_from(Status),
    st.sampled_from(Mode),
    st.none() | st.floats(0.0, 1.0),
    st.tuples(counts, counts),
    st.lists(lines, max_size=3).map(tuple),
    recoveries,
)


def assert_one_line(error: Exception) -> None:
    assert len(str(error).splitlines()) == 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@LAW
@given(reports)
def test_what_is_judged_by_is_read_back_as_it_was_written(report: Report) -> None:
    reading = read(json.loads(json.dumps(to_record(report))), "report")
    beat = report.heartbeat

    assert (reading.status, reading.mode, reading.version) == (report.status, report.mode, beat.version)
    assert (reading.checked_at_s, reading.next_check_at_s) == (beat.checked_at_s, beat.next_check_at_s)
    assert reading.busy_until_s == beat.busy_until_s
    assert findings_of(reading) == report.findings
    assert (reading.score is None) == (report.score is None)
    if reading.score is not None and report.score is not None:
        assert math.isclose(reading.score, report.score, abs_tol=0.00005001)


@LAW
@given(reports)
def test_the_last_outcomes_are_read_back_as_they_were_written(report: Report) -> None:
    record = json.loads(json.dumps(to_record(report)))

    assert (
        tuple(outcome_from_record(one, "r") for one in record["recovery"]["recent"]) == report.recovery.recent
    )


@LAW
@given(recoveries)
def test_a_success_rate_is_a_share(recovery: Recovery) -> None:
    rate = recovery.success_rate

    assert (rate is None) == (recovery.succeeded + recovery.failed == 0)
    assert rate is None or 0.0 <= rate <= 1.0


@LAW
@given(json_values)
def test_whatever_lies_in_its_place_it_is_a_report_or_said_to_be_none_in_one_line(record: object) -> None:
    for take in (read, outcome_from_record):
        try:
            take(record, "report.json")
        except (RecordDamaged, RecordNewer) as error:
            assert_one_line(error)


@LAW
@given(reports, st.data())
def test_a_report_with_one_part_exchanged_is_read_or_refused(report: Report, data: st.DataObject) -> None:
    record = json.loads(json.dumps(to_record(report)))
    inside = data.draw(st.sampled_from([record, *record["findings"]]))
    inside[data.draw(st.sampled_from(sorted(inside)))] = data.draw(json_values)
    try:
        reading = read(record, "report.json")
    except (RecordDamaged, RecordNewer) as error:
        assert_one_line(error)
    else:
        assert reading.score is None or 0.0 <= reading.score <= 1.0


@LAW
@given(outcomes, st.sampled_from(sorted(outcome_record(Outcome(0.0, "", "", "", True, "", 0)))), json_values)  # noqa: FBT003  # any outcome
def test_an_outcome_with_one_part_exchanged_is_read_or_refused(
    outcome: Outcome, key: str, value: object
) -> None:
    try:
        outcome_from_record(outcome_record(outcome) | {key: value}, "outcomes")
    except RecordDamaged as error:
        assert_one_line(error)


readings = st.builds(
    Reading,
    status=st.just(Status.HEALTHY),
    mode=st.just(Mode.ACTIVE),
    score=st.none(),
    checked_at_s=st.just(1000.0),
    next_check_at_s=st.sampled_from([1000.0, 1001.0, 1030.0]) | st.floats(1000.0, 1100.0),
    busy_until_s=st.none() | st.sampled_from([0.0, 1000.0, 1500.0]),
    version=st.just("0.1.0"),
    record=st.just({}),
)
after = st.sampled_from([0.0, 1.0, 3.0, 3.125, 4.0, 90.0, 120.0, 120.125, 1e5]) | st.floats(0.0, 2000.0)


@LAW
@given(readings)
def test_a_report_is_fresh_when_it_is_written(reading: Reading) -> None:
    assert not reading.stale(reading.checked_at_s)


@LAW
@given(readings, after, after)
def test_what_is_stale_stays_stale(reading: Reading, first_s: float, then_s: float) -> None:
    moment_s = reading.checked_at_s + first_s

    assert reading.stale(moment_s + then_s) or not reading.stale(moment_s)


@LAW
@given(readings, after)
def test_who_says_that_it_is_busy_is_never_stale_sooner(reading: Reading, after_s: float) -> None:
    idle = Reading(
        reading.status, reading.mode, None, reading.checked_at_s, reading.next_check_at_s, None, "", {}
    )
    moment_s = reading.checked_at_s + after_s

    assert idle.stale(moment_s) or not reading.stale(moment_s)
