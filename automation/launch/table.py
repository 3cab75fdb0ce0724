"""The status table: plain text, aligned by hand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from automation.core import reading as reports
from automation.core.errors import AutomationError
from automation.core.moments import spoken
from automation.launch.apps import App
from automation.launch.holders import Entry
from automation.ports.files import read_whole

HEAD = ("NAME", "PM2", "STATUS", "SCORE", "AGE", "SINCE")
# As for monitoring plugins; the worst of the apps counts.
EXIT_CODES = {"healthy": 0, "disabled": 0, "warning": 1, "critical": 2, "unknown": 3}
_WORST_FIRST = (2, 3, 1, 0)


@dataclass(frozen=True, slots=True)
class Row:
    """One app as the table shows it."""

    name: str
    pm2: str
    status: str
    score: str
    age: str
    since: str
    exit_code: int


def read_report(path: Path) -> reports.Reading | None:
    """Return a report; None where there is none that can be used."""
    try:
        data = read_whole(path)
        return None if data is None else reports.read(json.loads(data), path.name)
    except (AutomationError, ValueError, RecursionError):
        return None


def row(app: App, entry: Entry | None, reading: reports.Reading | None, now_s: float) -> Row:
    """Put together what PM2 and the app's report say; what does not run is unknown, whatever it last said."""
    pm2 = "not started" if entry is None else "refused settings" if entry.refused else entry.status
    if reading is None:
        return Row(app.name, pm2, "unknown", "-", "no report", "-", EXIT_CODES["unknown"])
    stale = reading.stale(now_s) or entry is None or not entry.running
    status = reading.status.value
    return Row(
        app.name,
        pm2,
        f"unknown (was {status})" if stale else _with_mode(status, reading.mode.value),
        "-" if reading.score is None else f"{reading.score:.2f}",
        spoken(now_s - reading.checked_at_s),
        str(reading.record.get("startedAt", "-"))[:19].replace("T", " "),
        EXIT_CODES["unknown"] if stale else EXIT_CODES[status],
    )


def _with_mode(status: str, mode: str) -> str:
    return status if mode == "active" else f"{status} ({mode})"


def rows(
    apps: Iterable[App],
    mine: Mapping[str, Entry],
    readings: Mapping[str, reports.Reading | None],
    now_s: float,
) -> tuple[Row, ...]:
    """Return the table's rows in the order of the apps."""
    return tuple(row(app, mine.get(app.name), readings.get(app.name), now_s) for app in apps)


def render(lines: Sequence[Row]) -> str:
    """Return the table as text, each column as wide as its widest cell."""
    cells = [HEAD, *((one.name, one.pm2, one.status, one.score, one.age, one.since) for one in lines)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )


def exit_code(lines: Sequence[Row]) -> int:
    """Return the code of the worst row: critical, unknown, warning, healthy."""
    codes = {line.exit_code for line in lines}
    return next((code for code in _WORST_FIRST if code in codes), EXIT_CODES["unknown"])
