"""The frames on PM2's sockets."""

from __future__ import annotations

import math

import pytest

from automation.core.errors import StepRefused
from automation.systems.pm2.wire.bus import bus_event
from automation.systems.pm2.wire.door import BusEvent
from automation.systems.pm2.wire.frames import (
    FrameInvalid,
    FrameReader,
    as_json,
    as_text,
    encode,
    json_part,
    text_part,
)


def test_a_frame_is_version_and_count_then_each_length_and_part() -> None:
    frame = encode(b"s:a", b"")

    assert frame == b"\x12\x00\x00\x00\x03s:a\x00\x00\x00\x00"


@pytest.mark.parametrize("count", [0, 16])
def test_a_frame_has_one_to_fifteen_parts(count: int) -> None:
    with pytest.raises(ValueError, match=f"not {count}"):
        encode(*[b""] * count)


@pytest.mark.parametrize("head", [0x00, 0x01, 0x10, 0x22, ord("H")])
def test_a_head_of_another_protocol_is_refused(head: int) -> None:
    with pytest.raises(FrameInvalid, match=f"0x{head:02x}"):
        FrameReader().feed(bytes([head]))


def test_a_frame_as_large_as_the_cap_is_read() -> None:
    assert FrameReader(10).feed(encode(b"12345", b"67890")) == [(b"12345", b"67890")]


def test_a_frame_above_the_cap_is_refused_before_its_bytes_arrive() -> None:
    with pytest.raises(FrameInvalid, match="11 bytes or more; 10"):
        FrameReader(10).feed(encode(b"12345", b"678901")[:-6])


def test_each_frame_has_the_whole_cap() -> None:
    assert len(FrameReader(10).feed(encode(b"1234567890") * 3)) == 3


def test_a_length_of_four_gigabytes_is_refused() -> None:
    with pytest.raises(FrameInvalid, match="4294967295"):
        FrameReader().feed(b"\x11\xff\xff\xff\xff")


def test_parts_after_a_skipped_first_part_are_dropped_and_may_exceed_the_cap() -> None:
    reader = FrameReader(10, skip=lambda topic: topic == b"log")

    frames = reader.feed(encode(b"log", b"x" * 100, b"y") + encode(b"event", b"kept"))

    assert frames == [(b"log", b"", b""), (b"event", b"kept")]


def test_only_the_first_part_says_whether_the_others_are_dropped() -> None:
    reader = FrameReader(skip=lambda topic: topic == b"log")

    assert reader.feed(encode(b"event", b"log", b"kept")) == [(b"event", b"log", b"kept")]


def test_what_pm2_says_of_a_process_becomes_an_event() -> None:
    said = {"event": "stop", "manually": True, "at": 5, "process": {"pm_id": "_old_1", "name": "a"}}
    event = bus_event((text_part("process:event"), json_part(said)))

    assert event == BusEvent(
        "stop", manually=True, at_ms=5, pm_id="_old_1", name="a", unique_id="", status=""
    )


def test_what_is_skipped_is_never_kept() -> None:
    reader = FrameReader(skip=lambda _: True)
    reader.feed(encode(b"log", b"x" * 100_000)[:-1])

    assert len(reader._part) == 0


def test_a_frame_that_was_handed_out_is_not_held() -> None:
    reader = FrameReader()
    reader.feed(encode(b"a large answer"))

    assert reader._parts == []


def test_json_and_text_come_back_as_they_were_said() -> None:
    said = {"name": "a 'b' \"c\" -d é \U0001f600 \ud800", "n": [1, None, True]}

    assert as_json(json_part(said)) == said
    assert as_text(text_part("é")) == "é"


def test_json_is_sent_as_ascii() -> None:
    assert json_part("é") == b'j:"\\u00e9"'


@pytest.mark.parametrize("value", [math.nan, math.inf, b"bytes", {1, 2}])
def test_what_json_cannot_say_is_not_sent(value: object) -> None:
    with pytest.raises(StepRefused, match="as JSON"):
        json_part(value)


@pytest.mark.parametrize("part", [b"", b"s:{}", b"j:", b"j:{", b"j:\xff", b"j:" + b"[" * 100_000])
def test_what_is_no_json_is_garbled(part: bytes) -> None:
    with pytest.raises(FrameInvalid):
        as_json(part)


def test_what_is_no_text_is_garbled() -> None:
    with pytest.raises(FrameInvalid, match="expected text"):
        as_text(b"j:1")


def test_text_that_is_no_utf8_is_still_read() -> None:
    assert as_text(b"s:a\xff") == "a�"
