"""The connection to pub.sock, where PM2 announces what happens, and every line that any app logs.

PM2 keeps for a reader what the reader does not take, without limit: the bus is drained or closed, never left.
"""

from __future__ import annotations

import socket

from automation.systems.pm2.wire.door import BusEvent, Garbled
from automation.systems.pm2.wire.frames import FrameReader, as_json, as_text

PROCESS_EVENT = "process:event"
DAEMON_ENDS = "pm2:kill"
EVENTS_CAP = 10_000
READ_BYTES = 256 * 1024
READS_CAP = 16  # 4 MiB at one go, well under a second; what is still there wakes the selector again


class Bus:
    """Reads PM2's announcements, and never blocks.

    `ended` says that no more will come, `overflowed` that the last drain lacks what there was no room for.

    Args:
        peer: A connection that does not block; it is ours from now on.
        events_cap: How many events are kept between two drains.
    """

    def __init__(self, peer: socket.socket, *, events_cap: int = EVENTS_CAP) -> None:
        self._peer = peer
        self._events_cap = events_cap
        self._reader = FrameReader(skip=_unused)
        self._events: list[BusEvent] = []
        self._dropped = False
        self.ended = False
        self.overflowed = False

    def fileno(self) -> int:
        """Return what a selector watches for reading."""
        return self._peer.fileno()

    def take_in(self) -> None:
        """Read everything that is there and keep its events for the next drain."""
        for _ in range(READS_CAP):
            if self.ended or not self._read_once():
                return

    def drain(self) -> list[BusEvent]:
        """Read everything that is there; return the events since the last drain, in order."""
        self.take_in()
        events, self._events = self._events, []
        self.overflowed, self._dropped = self._dropped, False
        return events

    def close(self) -> None:
        """Close the connection."""
        self._peer.close()

    def _read_once(self) -> bool:
        """Read what fits at once; tell whether there may be more."""
        try:
            data = self._peer.recv(READ_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self.ended = True
            return False
        try:
            for frame in self._reader.feed(data):
                self._keep(frame)
        except Garbled:
            self.ended = True  # after bytes that are no frame, nobody knows where the next one begins
        return True

    def _keep(self, frame: tuple[bytes, ...]) -> None:
        event = bus_event(frame)
        if event is None:
            return
        if len(self._events) >= self._events_cap:
            self._dropped = True
            return
        self._events.append(event)


def bus_event(frame: tuple[bytes, ...]) -> BusEvent | None:
    """Return what a frame of the bus announces; None if it is of no interest.

    Raises:
        Garbled: It is not what PM2 sends.
    """
    topic = as_text(frame[0])
    if topic == DAEMON_ENDS:
        return BusEvent(DAEMON_ENDS, manually=False, at_ms=0, pm_id=0, name="", unique_id="", status="")
    if topic != PROCESS_EVENT:
        return None
    said = as_json(frame[1]) if len(frame) > 1 else None
    if not isinstance(said, dict):
        raise Garbled(f"{PROCESS_EVENT} without what happened")
    process = said.get("process")
    about = process if isinstance(process, dict) else {}
    pm_id = about.get("pm_id")
    at_ms = said.get("at")
    return BusEvent(
        kind=_text(said.get("event")),
        manually=said.get("manually") is True,
        at_ms=at_ms if isinstance(at_ms, int) else 0,
        pm_id=pm_id if isinstance(pm_id, int | str) else "",
        name=_text(about.get("name")),
        unique_id=_text(about.get("unique_id")),
        status=_text(about.get("status")),
    )


def _unused(topic: bytes) -> bool:
    """Tell whether a topic's payload is of no use; PM2's own events are a trickle, logs may be a flood."""
    return topic != b"s:" + PROCESS_EVENT.encode()


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
