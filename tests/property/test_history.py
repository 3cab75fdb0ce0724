"""Laws of the history on disk and of moments that lie ahead."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from automation.core.errors import RecordDamaged, RecordNewer
from automation.core.history import Climb, History, Totals, clamped, from_record, to_record

moments = st.sampled_from([0.0, 100.0, 1e9]) | st.floats(0.0, 1e11)
counts = st.integers(0, 2**60)
climbs = st.builds(Climb, moments, moments, counts, counts, counts, moments, moments, moments)
# Two halves of a pair, side by side, are one character to JSON; no name from outside holds them so.
texts = st.text(st.characters() | st.characters(categories=["Cs"])).map(
    lambda text: text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
)
histories = st.builds(
    History,
    st.dictionaries(st.tuples(texts, texts), climbs, max_size=5),
    st.builds(Totals, counts, counts, counts),
    st.none() | st.floats(0.0, 1.0),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
LAW = settings(deadline=None)


def assert_one_line(error: Exception) -> None:
    assert len(str(error).splitlines()) == 1


@LAW
@given(histories)
def test_a_history_survives_the_disk(history: History) -> None:
    assert from_record(json.loads(json.dumps(to_record(history))), "history.json") == history


@LAW
@given(histories, moments)
def test_no_moment_is_left_ahead_and_none_is_moved_ahead(history: History, now_s: float) -> None:
    after = clamped(history, now_s)

    assert clamped(after, now_s) == after
    assert after.totals == history.totals
    for key, climb in history.climbs.items():
        for name in ("since_s", "seen_at_s", "tried_at_s", "out_at_s", "told_at_s"):
            assert getattr(after.climbs[key], name) == min(getattr(climb, name), now_s)


@LAW
@given(json_values)
def test_whatever_the_file_holds_it_is_a_history_or_said_to_be_none_in_one_line(record: object) -> None:
    try:
        from_record(record, "history.json")
    except (RecordDamaged, RecordNewer) as error:
        assert_one_line(error)


@LAW
@given(histories, st.data())
def test_a_history_with_one_part_exchanged_is_read_soundly_or_refused(
    history: History, data: st.DataObject
) -> None:
    record = json.loads(json.dumps(to_record(history)))
    inside = data.draw(st.sampled_from([record, record["totals"], *record["climbs"]]))
    inside[data.draw(st.sampled_from(sorted(inside)))] = data.draw(json_values)
    try:
        read = from_record(record, "history.json")
    except (RecordDamaged, RecordNewer) as error:
        assert_one_line(error)
    else:
        assert from_record(json.loads(json.dumps(to_record(read))), "history.json") == read
