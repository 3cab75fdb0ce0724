"""Which apps PM2 restarts again and again: the growth of their restart counters over a window. Pure.

PM2's own limit counts only in the first seconds of an app's life (`min_uptime` times `max_restarts`, 16 s as
it comes); an app that begins to die later is restarted for ever, more than a hundred times a second.

What somebody wanted is told from what just happened by `created_at`: PM2 sets it anew when a person, a
deploy, a watched file, a clock or we restart an app, and leaves it when it restarts what has died.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from automation.systems.pm2.app_rules import Flap
from automation.systems.pm2.process import Process

SLOTS = 12  # marks within one window: what is kept of an app is bounded, however often it dies
MARK_ONLY = 2

Id = int | str


@dataclass(frozen=True, slots=True)
class Mark:
    """How far the counter of an app had come at a moment (seconds since boot)."""

    at_s: float
    restarts: int


@dataclass(frozen=True, slots=True)
class Course:
    """The counter of one run of one entry: a mark where it was first seen, and where it changed since."""

    unique_id: str
    created_at_ms: int | None
    marks: tuple[Mark, ...]

    @property
    def last(self) -> Mark:
        """The newest mark."""
        return self.marks[-1]


Courses = Mapping[Id, Course]


def learn(courses: Courses, processes: Sequence[Process], now_s: float, flap: Flap) -> Courses:
    """Return the courses after a look; `now_s` is in seconds since boot."""
    return {
        one.pm_id: _course(courses.get(one.pm_id), one, now_s, flap.window_s)
        for one in processes
        if not one.ours and not one.twin
    }


def _course(before: Course | None, process: Process, now_s: float, window_s: float) -> Course:
    mark = Mark(now_s, process.restarts)
    if before is None or before.unique_id != process.unique_id or process.restarts < before.last.restarts:
        return Course(process.unique_id, process.created_at_ms, (mark,))
    if before.created_at_ms != process.created_at_ms:
        if not process.cron:
            return Course(process.unique_id, process.created_at_ms, (mark,))
        before = _forgiven(before, process)
    if process.restarts == before.last.restarts:
        return before
    return replace(before, marks=_kept((*before.marks, mark), now_s, window_s))


def _forgiven(before: Course, process: Process) -> Course:
    """Return the course as if the counter had not grown since the last look: a clock did that.

    Its restarts by cron must neither count nor hide what else happens between them.
    """
    more = process.restarts - before.last.restarts
    marks = tuple(Mark(one.at_s, one.restarts + more) for one in before.marks)
    return Course(before.unique_id, process.created_at_ms, marks)


def _kept(marks: tuple[Mark, ...], now_s: float, window_s: float) -> tuple[Mark, ...]:
    """Return what the window needs: the last mark before it, and one for each slot of time within it."""
    begin = max((number for number, one in enumerate(marks) if one.at_s <= now_s - window_s), default=0)
    marks = marks[begin:]
    if len(marks) <= MARK_ONLY:
        return marks
    slot_s = window_s / SLOTS
    *earlier, before, last = marks
    if slot_s and before.at_s // slot_s == last.at_s // slot_s:
        return (*earlier, Mark(before.at_s, last.restarts))
    return marks


def growth(course: Course, now_s: float, window_s: float) -> int:
    """Return by how much a counter has grown within the window that ends now."""
    before = [one for one in course.marks if one.at_s <= now_s - window_s]
    base = before[-1] if before else course.marks[0]
    return course.last.restarts - base.restarts


def flapping(courses: Courses, now_s: float, flap: Flap) -> Mapping[Id, int]:
    """Return the entries that flap, and how often PM2 restarted each within the window."""
    grown = {pm_id: growth(course, now_s, flap.window_s) for pm_id, course in courses.items()}
    return {pm_id: count for pm_id, count in grown.items() if count >= flap.restarts}
