"""`logs`: this system's log, readable."""

from __future__ import annotations

import collections
import json
import os
from collections.abc import Iterator
from pathlib import Path

from automation.core.errors import UsageInvalid
from automation.engine.calling import Call
from automation.engine.terminal import coloured, complain, safe, say
from automation.engine.whereabouts import layout_of
from automation.ports.clock import Clock
from automation.ports.files import cannot

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
DEFAULT_LINES, MOST_LINES = 50, 100_000
TAIL_BYTES = 32 * 1024 * 1024
FOLLOW_S = 0.5
_COLOUR = {"WARNING": "warning", "ERROR": "critical", "CRITICAL": "critical"}


def logs(call: Call) -> int:
    """Print the last lines, and with --follow what comes, until Ctrl-C."""
    level = (call.text("level") or "DEBUG").upper()
    if level not in LEVELS:
        raise UsageInvalid(f"--level: expected one of {', '.join(LEVELS)}, got {call.text('level')!r}")
    count = call.text("lines") or str(DEFAULT_LINES)
    if not count.isdecimal() or not 0 <= int(count) <= MOST_LINES:
        raise UsageInvalid(f"--lines: expected a whole number from 0 to {MOST_LINES}, got {count!r}")
    layout = layout_of(call.system, call.workspace, call.environment)
    follow = call.flag("follow")
    paths = [path for path in (layout.out_log, layout.orphan_log) if path.exists()]
    if not paths and not follow:
        complain(f"no log yet: {layout.out_log}")
        return 1
    tails = {path: _tail(path, whole_lines=follow) for path in paths}
    shown = [line for raws, _ in tails.values() for line in _dated(raws, level)]
    for _, line in collections.deque(sorted(shown, key=lambda one: one[0]), maxlen=int(count)):
        say(line)
    if follow:
        _, position = tails.get(layout.out_log, ([], 0))
        for raw in _follow(layout.out_log, position, call.clock):
            new = _shown(raw, level)
            if new and not say(new[1]):
                break  # nobody reads us any more
    return 0


def _dated(raws: list[bytes], level: str) -> Iterator[tuple[str, str]]:
    """Yield the lines with their moments; one that says none (a traceback) belongs to the one before it."""
    moment = ""
    for raw in raws:
        line = _shown(raw, level)
        if line is not None:
            moment = line[0] or moment
            yield moment, line[1]


def _tail(path: Path, *, whole_lines: bool) -> tuple[list[bytes], int]:
    """Return the last lines of a file, and the position after them; without a torn last one if so wanted."""
    try:
        with path.open("rb") as file:
            start = file.seek(max(file.seek(0, os.SEEK_END) - TAIL_BYTES, 0))
            if start:
                start += len(file.readline())  # torn
            data = file.read(TAIL_BYTES)
    except OSError as error:
        raise cannot("read", path, error) from error
    if whole_lines:
        data = data[: data.rfind(b"\n") + 1]
    return data.split(b"\n"), start + len(data)


def _shown(raw: bytes, level: str) -> tuple[str, str] | None:
    """Return moment and readable form of a line, or None where it is less important than asked for."""
    text = raw.decode("utf-8", "replace").rstrip("\n")
    try:
        record = json.loads(text)
    except ValueError:
        record = None
    if not isinstance(record, dict):
        return ("", safe(text)) if text and level == "DEBUG" else None
    said = str(record.pop("level", "INFO"))
    if said in LEVELS and LEVELS.index(said) < LEVELS.index(level):
        return None
    moment, event = str(record.pop("time", "")), str(record.pop("event", ""))
    record.pop("system", None)
    fields = " ".join(f"{key}={safe(str(value))}" for key, value in record.items())
    return moment, f"{moment} {coloured(f'{said:<8}', _COLOUR.get(said, ''))} {safe(event)} {fields}".rstrip()


def _follow(path: Path, position: int, clock: Clock) -> Iterator[bytes]:
    """Yield new lines for ever; a file that shrank was rotated in place and is read from its start."""
    rest = b""
    while True:
        if path.exists():
            with path.open("rb") as file:
                if file.seek(0, os.SEEK_END) < position:
                    position, rest = 0, b""
                file.seek(position)
                data = file.read(1024 * 1024)
                position = file.tell()
            *lines, rest = (rest + data).split(b"\n")
            yield from lines
        clock.wait(FOLLOW_S)
