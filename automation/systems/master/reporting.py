"""`report`: the whole report for people, with a line for each system and the emergency's story."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from automation.engine.calling import Call
from automation.engine.commands import report as common
from automation.engine.terminal import coloured, safe, say
from automation.engine.whereabouts import layout_of
from automation.stores.reports import find


def report(call: Call) -> int:
    """Print the report; 0 when there is one that can be read."""
    status = common.report(call)
    reading = find(layout_of(call.system, call.workspace, call.environment).report).reading
    if status == 0 and reading is not None and not call.flag("json"):
        for line in (*_systems(reading.record.get("systems")), *_emergency(reading.record.get("emergency"))):
            say(line)
    return status


def _systems(systems: object) -> Iterator[str]:
    if not isinstance(systems, Mapping):
        return
    yield ""
    yield coloured("systems", "bold")
    for name, row in systems.items():
        if isinstance(row, Mapping):
            status, score = str(row.get("status")), row.get("score")
            shown = f"{score:.2f}" if isinstance(score, int | float) else "none"
            stale = ", stale" if row.get("stale") else ""
            head = (
                f"  {safe(str(name)):<8} {coloured(safe(status), status)}, mode {safe(str(row.get('mode')))}"
            )
            yield f"{head}, score {shown}, seen {row.get('ageS')} s ago{stale}"


def _emergency(said: object) -> Iterator[str]:
    if not isinstance(said, Mapping) or not said.get("since"):
        return
    causes, story = said.get("causes"), said.get("story")
    names = ", ".join(safe(str(one)) for one in causes) if isinstance(causes, list) else ""
    active = coloured("active", "critical") if said.get("active") else "over"
    yield ""
    yield coloured(
        f"emergency: {active}, of {names}, since {said.get('since')}, run {said.get('runs')}", "bold"
    )
    lease = said.get("lease")
    if isinstance(lease, Mapping):
        yield f"  the guards are held back until {lease.get('deadline')} at the latest"
    for line in story if isinstance(story, list) else ():
        if isinstance(line, Mapping):
            how = "" if line.get("ok") else "FAILED: "
            yield f"  {line.get('at')}  {safe(str(line.get('step')))}: {how}{safe(str(line.get('detail')))}"
