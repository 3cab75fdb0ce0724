"""The audit log (safety S33): each act is one line before it is done and one after, chained by hashes.

Each line carries the hash of the one before, so that a line taken out or changed later shows.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from automation.ports.files import append_whole, cannot
from automation.ports.locks import locked

TAIL_BYTES = 256 * 1024
ROTATE_BYTES = 10 * 1024 * 1024
KEPT_FILES = 10


def append(path: Path, line: Mapping[str, object], since: str) -> None:
    """Add one line, and put it on disk before anything else is done.

    Raises:
        EffectFailed: The disk said no; then the act must not be done.
        LockBusy: Somebody held the audit's lock for ten seconds.
    """
    with locked(path.with_name(f"{path.name}.lock"), purpose="writing the audit log", since=since):
        try:
            previous = _last_line(path)
            _rotate(path)
            text = json.dumps({**line, "previous": digest(previous)}, ensure_ascii=False)
            torn = bool(previous) and not previous.endswith(b"\n")
            append_whole(path, (b"\n" if torn else b"") + text.encode("utf-8", "backslashreplace") + b"\n")
        except OSError as error:
            raise cannot("write", path, error) from error


def digest(line: bytes) -> str:
    """Return the hash that the next line carries of this one; empty before the first."""
    return hashlib.sha256(line.rstrip(b"\n")).hexdigest() if line else ""


def broken_links(lines: Iterator[bytes]) -> Iterator[int]:
    """Yield the number (from 1) of each line that does not carry the hash of the one before it."""
    previous = b""
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
            said = record.get("previous") if isinstance(record, dict) else None
        except ValueError:
            said = None
        if said != digest(previous) and number > 1:
            yield number
        previous = line


def _last_line(path: Path) -> bytes:
    """Return the last line as its bytes are, torn or whole; an act's line is never near the cap."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - TAIL_BYTES, 0))
            tail = file.read(TAIL_BYTES)
    except FileNotFoundError:
        return b""
    lines = tail.splitlines(keepends=True)
    return lines[-1] if lines else b""


def _rotate(path: Path) -> None:
    """Begin a new file above the limit; its first line still carries the hash of the old one's last."""
    if not path.exists() or path.stat().st_size < ROTATE_BYTES:
        return
    for number in range(KEPT_FILES - 1, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.replace(path.with_name(f"{path.name}.{number + 1}"))
    path.replace(path.with_name(f"{path.name}.1"))
