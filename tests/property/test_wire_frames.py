"""Laws of the frames: pieces do not matter, and no bytes bring down the reader."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from automation.systems.pm2.wire.bus import bus_event
from automation.systems.pm2.wire.door import BusEvent, Garbled
from automation.systems.pm2.wire.frames import FrameInvalid, FrameReader, encode, json_part, text_part

CAP = 64
parts = st.lists(st.binary(max_size=20), min_size=1, max_size=15)
frames = st.lists(parts.filter(lambda kept: sum(map(len, kept)) <= CAP), max_size=5)
streams = st.one_of(
    frames.map(lambda many: b"".join(encode(*each) for each in many)),
    st.builds(
        lambda many, rest: b"".join(encode(*each) for each in many) + rest, frames, st.binary(max_size=30)
    ),
    st.binary(max_size=100),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def skips(topic: bytes) -> bool:
    return len(topic) % 2 == 1


def read(pieces: list[bytes]) -> tuple[list[tuple[bytes, ...]], bool]:
    """Return the frames in a stream that comes in pieces, byte by byte counted, and whether it broke."""
    reader = FrameReader(CAP, skip=skips)
    found: list[tuple[bytes, ...]] = []
    for piece in pieces:
        try:
            found += reader.feed(piece)
        except FrameInvalid:
            return found, True
        assert len(reader._part) + sum(map(len, reader._parts)) <= CAP
    return found, False


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(stream) + 1) for place in places} | {0, len(stream)})
    return [stream[start:end] for start, end in pairwise(ends)]


@given(frames)
def test_what_was_encoded_is_read_back(many: list[list[bytes]]) -> None:
    stream = b"".join(encode(*each) for each in many)

    assert FrameReader(CAP).feed(stream) == [tuple(each) for each in many]


@given(streams, st.lists(st.integers(min_value=0)))
def test_any_split_of_any_stream_gives_the_same_frames(stream: bytes, places: list[int]) -> None:
    bytewise, broken = read([stream[at : at + 1] for at in range(len(stream))])
    whole, whole_broken = read([stream])
    pieces, pieces_broken = read(cut(stream, places))

    assert broken == whole_broken == pieces_broken
    assert pieces == bytewise[: len(pieces)]
    assert whole == ([] if broken else bytewise)


@given(
    st.lists(
        st.one_of(st.binary(), st.text().map(lambda said: b"j:" + said.encode("utf-8", "surrogatepass"))),
        min_size=1,
        max_size=3,
    )
)
def test_arbitrary_frames_on_the_bus_are_events_nothing_or_garbled(frame: list[bytes]) -> None:
    for first in (frame[0], b"s:process:event"):
        try:
            event = bus_event((first, *frame[1:]))
        except Garbled:
            continue
        assert event is None or isinstance(event, BusEvent)


@given(json_values, st.dictionaries(st.sampled_from(["event", "at", "process", "manually"]), json_values))
def test_arbitrary_json_on_the_bus_makes_an_event_of_the_right_types(
    process: object, said: dict[str, object]
) -> None:
    event = bus_event((text_part("process:event"), json_part({"process": process} | said)))

    assert event is not None
    assert isinstance(event.kind + event.name + event.unique_id + event.status, str)
    assert isinstance(event.at_ms, int)
    assert isinstance(event.pm_id, int | str)
