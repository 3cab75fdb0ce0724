"""JSON records in files: read with care, written whole or not at all, damaged ones kept as evidence."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from automation.core.errors import RecordDamaged
from automation.ports.files import read_whole, write_whole


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
    """Replace a file by a JSON value (see ports.files.write_whole).

    Raises:
        EffectFailed: The disk said no.
    """
    text = json.dumps(value, ensure_ascii=False, indent=indent, separators=None if indent else (",", ":"))
    # Half a surrogate pair, which JSON may hold and UTF-8 not, becomes its JSON escape again.
    write_whole(path, text.encode("utf-8", "backslashreplace") + b"\n", mode=mode, group_id=group_id)


def keep_evidence(path: Path) -> None:
    """Keep a damaged file beside itself, once: the first damage is the one worth looking at."""
    evidence = path.with_name(f"{path.name}.damaged")
    if not evidence.exists():
        with contextlib.suppress(OSError):
            path.replace(evidence)
