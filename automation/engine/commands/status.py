"""`status`: what the last report says, and how old it is. Formatted by hand, because it must be quick."""

from __future__ import annotations

from automation.core.finding import Mode, Status
from automation.core.moments import spoken
from automation.core.reading import FindingLine, Reading, findings_of
from automation.engine.calling import Call
from automation.engine.terminal import coloured, safe, say, say_json
from automation.engine.whereabouts import layout_of
from automation.stores.reports import Found, find

EXIT = {Status.HEALTHY: 0, Status.DISABLED: 0, Status.WARNING: 1, Status.CRITICAL: 2, Status.UNKNOWN: 3}
MOST_SHOWN = 20


def status(call: Call) -> int:
    """Say how the system is, and return the monitoring-plugin code."""
    found = find(layout_of(call.system, call.workspace, call.environment).report)
    now_s = call.clock.now_s()
    stale = found.reading is not None and found.reading.stale(now_s)
    if call.flag("json"):
        say_json(_document(call, found, now_s, stale=stale))
    elif found.reading is None:
        say(f"{call.system.app}: {coloured('unknown', 'unknown')}: {found.problem}")
    else:
        show(call.system.app, found.reading, now_s, stale=stale)
    return _code(found.reading, stale=stale)


def _code(reading: Reading | None, *, stale: bool) -> int:
    if reading is None or stale:
        return EXIT[Status.UNKNOWN]
    if reading.mode is Mode.EMERGENCY:
        return EXIT[Status.CRITICAL]
    return EXIT[reading.status]


def _document(call: Call, found: Found, now_s: float, *, stale: bool) -> dict[str, object]:
    reading = found.reading
    if reading is None:
        return {"system": call.system.name, "status": "unknown", "problem": found.problem}
    return dict(reading.record) | {
        "ageS": round(max(now_s - reading.checked_at_s, 0.0), 1),
        "stale": stale,
        "status": "unknown" if stale else reading.status.value,
        "lastStatus": reading.status.value,
    }


def show(app: str, reading: Reading, now_s: float, *, stale: bool) -> None:
    """Say what a report says, in a few lines."""
    age = spoken(now_s - reading.checked_at_s)
    shown = Status.UNKNOWN if stale else reading.status
    score = "no score" if reading.score is None else f"score {reading.score:.2f}"
    mode = "" if reading.mode is Mode.ACTIVE else f", {reading.mode.value}"
    head = coloured(shown.value, shown.value)
    say(f"{app}: {head}{mode}, {score}, {_counts(reading)}, seen {age} ago")
    if stale:
        say(f"  {_why_stale(reading)}")
    held_back = _recovery(reading).get("heldBack")
    if isinstance(held_back, str) and held_back:
        say(f"  not acting: {safe(held_back)}")
    lines = findings_of(reading)
    for line in lines[:MOST_SHOWN]:
        say(_line(line, now_s))
    if len(lines) > MOST_SHOWN:
        say(f"  … and {len(lines) - MOST_SHOWN} more: see `{app} report`")


def _counts(reading: Reading) -> str:
    subjects = reading.record.get("subjects")
    if not isinstance(subjects, dict) or not subjects.get("total"):
        return "nothing to guard"
    return f"{subjects.get('healthy')} of {subjects.get('total')} healthy"


def _recovery(reading: Reading) -> dict[str, object]:
    recovery = reading.record.get("recovery")
    return recovery if isinstance(recovery, dict) else {}


def _why_stale(reading: Reading) -> str:
    stopped = reading.record.get("stopped")
    if isinstance(stopped, dict):
        return f"nobody guards: it stopped at {stopped.get('at')} ({safe(str(stopped.get('reason')))})"
    pid = reading.record.get("pid")
    return f"stale: its writer (pid {pid}) has missed three looks; the last status was {reading.status.value}"


def _line(line: FindingLine, now_s: float) -> str:
    finding = line.finding
    head = f"{finding.severity.value}: {safe(finding.subject)}" if finding.subject else finding.severity.value
    head = coloured(head, finding.severity.value)
    return f"  {head}: {finding.problem}: {safe(finding.message)} (for {spoken(now_s - line.since_s)})"
