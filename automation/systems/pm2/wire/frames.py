"""The frames on PM2's sockets, as values: what is written, and what arrives in pieces.

A frame is one byte (version 1 in its high half, the number of parts in its low one), then each part: its
length (4 bytes, big-endian) and its bytes. A part is text (`s:` and UTF-8), JSON (`j:`), or neither.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from automation.core.errors import StepRefused
from automation.systems.pm2.wire.door import Garbled

MAX_FRAME_BYTES = 64 * 1024 * 1024
MAX_PARTS = 15
LENGTH_BYTES = 4


class FrameInvalid(Garbled):
    """Bytes that are no frame of PM2's protocol."""


def encode(*parts: bytes) -> bytes:
    """Return the frame of 1 to 15 parts."""
    if not 1 <= len(parts) <= MAX_PARTS:
        raise ValueError(f"a frame has 1 to {MAX_PARTS} parts, not {len(parts)}")
    head = bytes([1 << 4 | len(parts)])
    return head + b"".join(len(part).to_bytes(LENGTH_BYTES, "big") + part for part in parts)


class FrameReader:
    """Puts frames together from bytes that arrive in any pieces.

    Args:
        max_frame_bytes: How many bytes of one frame's parts are kept at most.
        skip: Called with a frame's first part. When it says True, the parts after it are dropped while they
            arrive, whatever their size, and appear as empty.
    """

    def __init__(
        self, max_frame_bytes: int = MAX_FRAME_BYTES, *, skip: Callable[[bytes], bool] | None = None
    ) -> None:
        self._max_frame_bytes = max_frame_bytes
        self._skip = skip
        self._parts: list[bytes] = []
        self._parts_left = 0
        self._length = bytearray()
        self._part = bytearray()
        self._part_left = 0
        self._kept_bytes = 0
        self._skipping = False

    def feed(self, data: bytes) -> list[tuple[bytes, ...]]:
        """Take the next bytes of the stream and return the frames that they complete.

        Raises:
            FrameInvalid: They are no frame, or one that is too large; the stream is of no more use.
        """
        frames = []
        at = 0
        while at < len(data):
            at += self._consume(data, at)
            if self._parts_left == 0:
                frames.append(tuple(self._parts))
                self._parts = []  # a large answer: not held until the next one
        return frames

    def _consume(self, data: bytes, at: int) -> int:
        """Take one piece (a head, some of a length, some of a part), and return how many bytes it had."""
        if self._parts_left == 0:
            self._begin_frame(data[at])
            return 1
        if self._part_left == 0:
            piece = data[at : at + LENGTH_BYTES - len(self._length)]
            self._length += piece
            if len(self._length) == LENGTH_BYTES:
                self._begin_part(int.from_bytes(self._length, "big"))
            return len(piece)
        return self._consume_part(data, at)

    def _consume_part(self, data: bytes, at: int) -> int:
        taken = min(self._part_left, len(data) - at)
        if not self._skipping:
            self._part += data[at : at + taken]
        self._part_left -= taken
        if self._part_left == 0:
            self._end_part()
        return taken

    def _begin_frame(self, head: int) -> None:
        version, count = head >> 4, head & 0xF
        if version != 1 or count == 0:
            raise FrameInvalid(
                f"expected a frame of PM2's protocol version 1, got byte 0x{head:02x}; is this PM2's socket?"
            )
        self._parts = []
        self._parts_left = count
        self._kept_bytes = 0
        self._skipping = False

    def _begin_part(self, length: int) -> None:
        self._length.clear()
        if not self._skipping:
            self._kept_bytes += length
            if self._kept_bytes > self._max_frame_bytes:
                raise FrameInvalid(
                    f"a frame of {self._kept_bytes} bytes or more; {self._max_frame_bytes} are read at most"
                )
        self._part_left = length
        if length == 0:
            self._end_part()

    def _end_part(self) -> None:
        self._parts.append(bytes(self._part))
        self._part = bytearray()
        self._parts_left -= 1
        if len(self._parts) == 1 and self._skip is not None:
            self._skipping = self._skip(self._parts[0])


def json_part(value: object) -> bytes:
    """Return a value as a JSON part: ASCII, and JSON in the strict sense, for PM2's daemon dies of any other.

    Raises:
        StepRefused: The value cannot be said in JSON (NaN, bytes, too deep, …).
    """
    try:
        return b"j:" + json.dumps(value, allow_nan=False, separators=(",", ":")).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise StepRefused(f"this cannot be sent to PM2 as JSON: {error}") from error


def text_part(text: str) -> bytes:
    """Return a text part."""
    return b"s:" + text.encode()


def as_json(part: bytes) -> object:
    """Return what a JSON part says.

    Raises:
        FrameInvalid: It is no JSON part.
    """
    if not part.startswith(b"j:"):
        raise FrameInvalid(f"expected JSON from PM2, got {part[:40]!r}")
    try:
        value: object = json.loads(part[2:])
    except (ValueError, RecursionError) as error:
        raise FrameInvalid(f"PM2 sent JSON that cannot be read: {error}") from error
    return value


def as_text(part: bytes) -> str:
    """Return what a text part says; bytes that are no UTF-8 become U+FFFD.

    Raises:
        FrameInvalid: It is no text part.
    """
    if not part.startswith(b"s:"):
        raise FrameInvalid(f"expected text from PM2, got {part[:40]!r}")
    return part[2:].decode("utf-8", "replace")
