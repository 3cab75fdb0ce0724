"""What commands did by hand, appended under the action lock and taken from there by the loop."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from automation.core.errors import RecordDamaged
from automation.core.report import Outcome, outcome_from_record, outcome_record
from automation.ports.files import append_whole, cannot, read_whole


def append(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Add outcomes; the caller holds the action lock.

    Raises:
        EffectFailed: The disk said no.
    """
    if not outcomes:
        return
    # An empty line first: a torn one that lies there must not swallow ours.
    lines = ["", *(json.dumps(outcome_record(one), ensure_ascii=False) for one in outcomes), ""]
    try:
        append_whole(path, "\n".join(lines).encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise cannot("write", path, error) from error


def waiting(path: Path) -> bool:
    """Tell whether there is anything to take."""
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


def take(path: Path) -> tuple[Outcome, ...]:
    """Return what was appended and empty the file; the caller holds the action lock. Torn lines are dropped.

    Raises:
        EffectFailed: The file cannot be read or emptied.
    """
    taken = []
    for line in (read_whole(path) or b"").splitlines():
        try:
            taken.append(outcome_from_record(json.loads(line), str(path)))
        except (ValueError, RecordDamaged):
            continue
    try:
        os.truncate(path, 0)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise cannot("empty", path, error) from error
    return tuple(taken)
