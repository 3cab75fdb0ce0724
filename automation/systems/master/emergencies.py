"""What is known of the emergency: its record in the master's private state, and how the report shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from automation.core.errors import EffectFailed, RecordDamaged
from automation.core.moments import from_text, to_text
from automation.stores.layout import Layout
from automation.stores.leases import Lease
from automation.stores.records import read_record, write_record

OVER_AT = 0.8  # the score at which an emergency is over (safety S29)
MOST_STORY = 50


@dataclass(frozen=True, slots=True)
class Emergency:
    """The last emergency: whether it is still on, since when, what caused it, and what was done.

    `active` lasts until the scores are back; `running` only while a program takes the four steps. `runs`
    counts these programs since the installation. `since` is ISO 8601.
    """

    active: bool = False
    running: bool = False
    since: str | None = None
    causes: tuple[str, ...] = ()
    step: str | None = None
    runs: int = 0
    by: str = ""
    story: tuple[Mapping[str, object], ...] = ()

    def told(self, at_s: float, step: str, detail: str, *, ok: bool) -> Emergency:
        """Return the emergency with one more line in its story."""
        line = {"at": to_text(at_s), "step": step, "ok": ok, "detail": detail}
        return replace(self, step=step, story=(*self.story, line)[-MOST_STORY:])

    def last_told_at_s(self) -> float:
        """Return when its story last went on; the beginning of time where that is not known."""
        try:
            return from_text(str(self.story[-1]["at"]))
        except (IndexError, KeyError, ValueError):
            return 0.0


def begun(before: Emergency, causes: tuple[str, ...], by: str, at_s: float) -> Emergency:
    """Return the emergency of a run that begins: the one that is still on goes on, with its story."""
    runs = before.runs + 1
    if not before.active:
        return Emergency(active=True, running=True, since=to_text(at_s), causes=causes, runs=runs, by=by)
    together = tuple(dict.fromkeys((*before.causes, *causes)))
    return replace(before, running=True, causes=together, runs=runs, by=by)


def record_path(layout: Layout) -> Path:
    """Return where the record lies."""
    return layout.state / "emergency.json"


def lock_path(layout: Layout) -> Path:
    """Return the lock that a run holds from beginning to end; the first in the order of locks."""
    return layout.state / "emergency.lock"


def load(layout: Layout) -> Emergency:
    """Return what is known; nothing where the record is damaged: it is history, and holds nothing up."""
    try:
        record = read_record(record_path(layout))
    except (RecordDamaged, EffectFailed):
        record = None
    said = record if isinstance(record, dict) else {}
    causes, story, runs = said.get("causes"), said.get("story"), said.get("runs")
    return Emergency(
        active=said.get("active") is True,
        running=said.get("running") is True,
        since=_text(said.get("since")),
        causes=tuple(str(one) for one in causes) if isinstance(causes, list) else (),
        step=_text(said.get("step")),
        runs=runs if isinstance(runs, int) else 0,
        by=str(said.get("by") or ""),
        story=tuple(one for one in story if isinstance(one, dict)) if isinstance(story, list) else (),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def save(layout: Layout, emergency: Emergency) -> None:
    """Write the record.

    Raises:
        EffectFailed: The disk said no.
    """
    write_record(record_path(layout), {"schema": 1, "running": emergency.running} | section(emergency, None))


def section(emergency: Emergency, lease: Mapping[str, object] | None) -> dict[str, object]:
    """Return the report's `emergency`."""
    return {
        "active": emergency.active,
        "since": emergency.since,
        "causes": list(emergency.causes),
        "step": emergency.step,
        "runs": emergency.runs,
        "by": emergency.by,
        "lease": lease,
        "story": [dict(line) for line in emergency.story],
    }


def lease_section(lease: Lease | None, now_s: float, elapsed_s: float) -> dict[str, object] | None:
    """Return the report's `emergency.lease`: its deadline, kept in seconds since boot, as a moment."""
    if lease is None:
        return None
    return {
        "systems": list(lease.systems),
        "bootId": lease.boot_id,
        "deadline": to_text(now_s + lease.deadline_s - elapsed_s),
        "epoch": lease.epoch,
    }
