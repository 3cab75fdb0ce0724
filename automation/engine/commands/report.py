"""`report`: the whole report, for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from automation.core.moments import spoken
from automation.core.reading import Reading, findings_of
from automation.engine.calling import Call
from automation.engine.terminal import coloured, complain, safe, say, say_json
from automation.engine.whereabouts import layout_of
from automation.stores.reports import find


def report(call: Call) -> int:
    """Print the report; 0 when there is one that can be read."""
    found = find(layout_of(call.system, call.workspace, call.environment).report)
    if found.reading is None:
        complain(found.problem)
        return 1
    if call.flag("json"):
        say_json(found.reading.record)
        return 0
    now_s = call.clock.now_s()
    reading = found.reading
    for part in (_head(reading, now_s), _findings(reading, now_s), _recovery(reading), _backup(reading)):
        for line in part:
            say(line)
    return 0


def _head(reading: Reading, now_s: float) -> Iterator[str]:
    record = reading.record
    score = "none" if reading.score is None else f"{reading.score:.4f}"
    subjects = record.get("subjects")
    yield coloured(f"{record.get('system')} on {safe(str(record.get('host')))}", "bold")
    stale = " (stale: nobody has written it since)" if reading.stale(now_s) else ""
    status = reading.status.value
    yield f"  status    {coloured(status, status)}, mode {reading.mode.value}{stale}"
    yield f"  score     {score}"
    if isinstance(subjects, Mapping):
        yield f"  subjects  {subjects.get('total')}, healthy {subjects.get('healthy')}"
    ago = spoken(now_s - reading.checked_at_s)
    yield f"  looked    {record.get('checkedAt')} ({ago} ago), look {record.get('cycle')}"
    yield f"  by        pid {record.get('pid')}, version {reading.version}, since {record.get('startedAt')}"
    yield f"  workspace {safe(str(record.get('workspace')))}"


def _findings(reading: Reading, now_s: float) -> Iterator[str]:
    lines = findings_of(reading)
    yield ""
    yield coloured(f"findings: {len(lines)}" if lines else "findings: none", "bold")
    for line in lines:
        finding = line.finding
        severity = finding.severity.value
        yield f"  {coloured(severity, severity)}  {finding.problem}  {safe(finding.subject)}"
        yield f"            {safe(finding.message)}"
        yield f"            for {spoken(now_s - line.since_s)}, seen {line.count} times"
        if finding.advice:
            yield f"            do: {safe(finding.advice)}"


def _recovery(reading: Reading) -> Iterator[str]:
    recovery = reading.record.get("recovery")
    if not isinstance(recovery, Mapping):
        return
    rate = recovery.get("successRate")
    rated = "" if rate is None else f", success rate {rate}"
    yield ""
    yield coloured("recovery", "bold")
    tries, good, bad = (recovery.get(key) for key in ("attempts", "succeeded", "failed"))
    yield f"  {tries} tries, {good} recovered, {bad} given up{rated}"
    if recovery.get("heldBack"):
        yield f"  not acting: {safe(str(recovery.get('heldBack')))}"
    for one in _records(recovery.get("active")):
        next_try = f"(try {one.get('attempt')}) at {one.get('nextAt')}"
        yield f"  next: {one.get('step')} {safe(str(one.get('subject')))} {next_try}"
    for one in _records(recovery.get("needsHuman")):
        human = coloured("needs a human", "critical")
        yield f"  {human}: {safe(str(one.get('subject')))}: {safe(str(one.get('message')))}"
    for one in _records(recovery.get("recent")):
        how = "done" if one.get("ok") else "failed"
        yield (
            f"  {one.get('at')}  {one.get('step')} {safe(str(one.get('subject')))}: {how}: "
            f"{safe(str(one.get('detail')))} ({one.get('durationMs')} ms, by {safe(str(one.get('by')))})"
        )


def _backup(reading: Reading) -> Iterator[str]:
    said = reading.record.get("backup")
    if not isinstance(said, Mapping):
        return
    yield ""
    yield coloured("backups", "bold")
    yield f"  {said.get('count') or 0} snapshots, {said.get('bytes') or 0} bytes"
    yield f"  last backup   {said.get('lastAt') or 'none yet'}; newest: {said.get('lastId') or 'none'}"
    yield f"  last verified {said.get('lastVerifiedAt') or 'never'}"
    if said.get("failure"):
        yield f"  {coloured('failed', 'critical')}: {safe(str(said.get('failure')))}"


def _records(value: object) -> list[Mapping[str, object]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
