"""Laws of records on disk: what is written comes back, whatever its texts hold."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from automation.core.history import Climb, History
from automation.core.report import Outcome
from automation.stores import histories, outcomes
from automation.stores.records import read_record, write_record

texts = st.text(st.characters() | st.characters(categories=["Cs"]), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
climbs = st.just(Climb(since_s=1.0, seen_at_s=2.0))
file_names = st.binary(max_size=8).map(os.fsdecode)  # a byte that is no UTF-8 is half a pair in Python
LAW = settings(deadline=None, max_examples=60)


def paired(value: object) -> object:
    """Return a value in which two halves of a pair, side by side, are the one character that they mean."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    if isinstance(value, dict):
        return {paired(key): paired(one) for key, one in value.items()}
    return [paired(one) for one in value] if isinstance(value, list) else value


@LAW
@given(values, st.sampled_from([None, 1]))
@example({"name": "\ud83d"}, None)
@example({"\\\udcff": "\\\ud83d\\"}, None)
@example(["\ud83d\ude00", {"\ud83d\ude00": 1, "\U0001f600": 2}], 1)
def test_every_value_survives_the_disk(value: object, indent: int | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "record.json"
        write_record(path, value, indent=indent)
        once = read_record(path)
        write_record(path, once, indent=indent)

        assert once == paired(value)
        assert read_record(path) == once


@LAW
@given(values)
@example({"a": [{"b": [1]}, []], "c": {}, "d": []})
def test_a_record_is_written_in_pieces_as_if_it_were_written_at_once(value: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "record.json"
        write_record(path, value)
        whole = json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"

        assert path.read_bytes() == whole.encode("utf-8", "backslashreplace")


@LAW
@given(
    st.dictionaries(
        st.tuples(st.just("file-wiped"), file_names), st.builds(Climb, st.just(1.0), st.just(2.0))
    )
)
def test_a_climb_of_a_file_is_found_again_whatever_bytes_its_name_is_made_of(
    climbs: dict[tuple[str, str], Climb],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.json"
        histories.save(path, History(climbs))

        assert histories.load(path) == History(climbs)


@LAW
@given(file_names, texts)
def test_an_outcome_is_taken_over_whatever_its_texts_hold(subject: str, detail: str) -> None:
    told = Outcome(0.0, "file-wiped", subject, "restore-file", ok=True, detail=detail, duration_ms=1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "outcomes.jsonl"
        outcomes.append(path, [told, told])
        (first, second) = outcomes.take(path)

        assert first == second
        assert (first.subject, first.detail) == (subject, paired(detail))
