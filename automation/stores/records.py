"""JSON records in files: read with care, written whole or not at all, damaged ones kept as evidence."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from automation.core.errors import RecordDamaged
from automation.ports.files import read_whole, write_whole_from


def read_record(path: Path) -> object | None:
    """Return the JSON value in a file, or None where there is no such file.

    Raises:
        RecordDamaged: It holds no JSON.
        EffectFailed: It cannot be read.
    """
    data = read_whole(path)
    if data is None:
        return None
    try:
        value: object = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise RecordDamaged(str(path), f"not JSON ({len(data)} bytes): {error}") from error
    return value


def write_record(
    path: Path, value: object, *, mode: int = 0o600, group_id: int | None = None, indent: int | None = None
) -> None:
    """Replace a file by a JSON value (see ports.files.write_whole_from).

    A list in a record may be long: without `indent` its elements are written one by one, so that the whole
    text is never in memory.

    Raises:
        EffectFailed: The disk said no.
    """
    if indent is None:
        pieces = _pieces(value)
    else:
        pieces = iter((json.dumps(value, ensure_ascii=False, indent=indent),))
    write_whole_from(path, _lines(pieces), mode=mode, group_id=group_id)


def _lines(pieces: Iterator[str]) -> Iterator[bytes]:
    """Encode a text and end its line."""
    for piece in pieces:
        # Half a surrogate pair, which JSON may hold and UTF-8 not, becomes its JSON escape again.
        yield piece.encode("utf-8", "backslashreplace")
    yield b"\n"


def _pieces(value: object) -> Iterator[str]:
    """Yield the shortest JSON text of a value: an object key by key, a list in it element by element."""
    if not isinstance(value, Mapping) or not value:
        yield _text(value)
        return
    before = "{"
    for key, one in value.items():
        yield f"{before}{_text(key)}:"
        before = ","
        if isinstance(one, list) and one:
            for number, element in enumerate(one):
                yield f"{',' if number else '['}{_text(element)}"
            yield "]"
        else:
            yield _text(one)
    yield "}"


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def keep_evidence(path: Path) -> None:
    """Keep a damaged file beside itself, once: the first damage is the one worth looking at."""
    evidence = path.with_name(f"{path.name}.damaged")
    if not evidence.exists():
        with contextlib.suppress(OSError):
            path.replace(evidence)
