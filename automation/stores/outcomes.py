"""What commands did by hand, appended under the action lock and taken from there by the loop."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from automation.core.errors import RecordDamaged
from automation.core.report import Outcome, outcome_from_record, outcome_record
from automation.ports.files import cannot, read_whole


def append(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Add outcomes; the caller holds the action lock.

    Raises:
        EffectFailed: The disk said no.
    """
    text = "".join(json.dumps(outcome_record(one), ensure_ascii=False) + "\n" for one in outcomes)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        try:
            os.write(descriptor, text.encode("utf-8", "surrogateescape"))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
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
