"""The probes of all apps: who is asked when, what came of it, and what that says of each process.

Loaded when the settings give the first app a probe, and not before.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from automation.core.errors import EffectFailed
from automation.engine.loading import load
from automation.ports.asking import Answer, Asking
from automation.ports.clock import Clock
from automation.ports.talking import Said, Verdict
from automation.systems.pm2.app_rules import AppRules, Probe
from automation.systems.pm2.probes.checks import HUNG, Probed
from automation.systems.pm2.probes.files import changed
from automation.systems.pm2.probes.history import (
    Begun,
    Pace,
    Track,
    begun,
    failures,
    hung,
    learned,
    pace,
    word,
)
from automation.systems.pm2.probes.kept import Kept
from automation.systems.pm2.probes.targets import Target, target
from automation.systems.pm2.process import Process

LISTEN_TIMEOUT_MS = 3000  # PM2's own default
NOT_UNDERSTOOD = "its probe's target cannot be understood"
SECURE = "automation.ports.asking_tls:secured"

Pair = tuple[Process, Mapping[str, Any]]
Id = int | str


@dataclass(frozen=True, slots=True)
class Asked:
    """One app that is asked: its probe, what that asks, how, and since when its youngest process runs."""

    probe: Probe
    target: Target
    pace: Pace
    started_at_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Subject:
    """One process of an app that is asked."""

    name: str
    begun: Begun


class Probes:
    """Asks the apps, each at its own period, and remembers their answers.

    Args:
        clock: For periods and time limits.
        check_interval_s: The period of a probe that has none of its own.
        workspace: Where the relative paths of `file` probes begin.
        kept: Which processes hung when this was last written down.
    """

    def __init__(self, clock: Clock, check_interval_s: float, workspace: Path, kept: Kept) -> None:
        self._clock = clock
        self._check_interval_s = check_interval_s
        self._workspace = workspace
        self._kept = kept
        self._asking = Asking(clock, lambda: load(SECURE))
        self._asked: dict[str, Asked] = {}
        self._tracks: dict[str, Track] = {}
        self._subjects: dict[Id, Subject] = {}
        self._of_name: dict[str, list[Id]] = {}
        self._changed = False
        self._wrote = False

    def look(self, pairs: Iterable[Pair], rules: AppRules) -> dict[Id, Probed]:
        """Take over who runs now, and return how those answer that have a probe."""
        self._take_in()
        elapsed_s = self._clock.elapsed_s()
        before, probed = self._subjects, dict[Id, Probed]()
        self._asked, self._subjects = {}, {}
        for process, entry in pairs:
            probe = probe_of(process, rules)
            if probe is None:
                continue
            found = target(probe)
            if found is None:
                probed[process.pm_id] = Probed("unknown", probe.kind, why=NOT_UNDERSTOOD)
                continue
            self._note(process, entry, Asked(probe, found, pace(probe, self._check_interval_s)), before)
        self._tracks = {name: self._tracks.get(name, Track(elapsed_s)) for name in self._asked}
        self._of_name = {name: [] for name in self._asked}
        for pm_id, one in self._subjects.items():
            self._of_name[one.name].append(pm_id)
        self._changed = False
        return probed | {pm_id: self._probed(pm_id, one) for pm_id, one in self._subjects.items()}

    def remember(self) -> None:
        """Write down which processes hang, for commands that have not asked themselves.

        Raises:
            EffectFailed: The disk said no.
        """
        self._wrote = True
        self._kept.save({pm_id: one.begun.run for pm_id, one in self._subjects.items() if self._hangs(pm_id)})

    def ask_again(self, process: Process, wait_s: float) -> Said | None:
        """Ask once more, before something is done; None where no answer came within that time.

        A good answer to an ask that was under way already is as welcome; any other came from before.
        """
        name, began_s = process.name, self._clock.elapsed_s()
        asked, until_s = self._asked.get(name), began_s + wait_s
        if asked is None:
            return None
        self._begin(name, asked)
        while True:
            for answer in self._take_in():
                fresh = answer.asked_s >= began_s or answer.said.verdict is Verdict.WELL
                if answer.key == name and fresh:
                    return answer.said
            left_s = until_s - self._clock.elapsed_s()
            if left_s <= 0:
                return None
            self._asking.wait(left_s)

    def fds(self) -> tuple[int, ...]:
        """Return what becomes readable when an app answers."""
        return self._asking.fds()

    def next_s(self) -> float | None:
        """Return when `pump` should be called at the latest, in seconds since boot."""
        under_way = self._asking.under_way()
        due = [track.due_s for name, track in self._tracks.items() if name not in under_way]
        limit_s = self._asking.next_s()
        wanted = [min(due)] if due and self._asking.places() > 0 else []
        return min((*wanted, *([] if limit_s is None else [limit_s])), default=None)

    def pump(self) -> bool:
        """Take in answers and ask who is due; tell whether an app answers otherwise than at the last look."""
        self._take_in()
        now_s, under_way = self._clock.elapsed_s(), self._asking.under_way()
        due = [name for name, track in self._tracks.items() if track.due_s <= now_s and name not in under_way]
        due.sort(key=lambda name: self._tracks[name].due_s)
        for name in due[: max(self._asking.places(), 0)]:
            self._begin(name, self._asked[name])
        return self._changed

    def close(self) -> None:
        """Break off what is under way; what was written down is of no value when nobody looks any more."""
        self._asking.close()
        if self._wrote:
            with contextlib.suppress(EffectFailed):
                self._kept.save({})

    def _note(
        self, process: Process, entry: Mapping[str, Any], asked: Asked, before: Mapping[Id, Subject]
    ) -> None:
        """Note that a process runs; one that is known keeps the moments it was given when first seen."""
        started_at_s = (process.started_at_ms or 0) / 1000
        others = self._asked.get(process.name, asked)
        youngest_s = max(others.started_at_s, started_at_s)
        self._asked[process.name] = Asked(asked.probe, asked.target, asked.pace, youngest_s)
        known = before.get(process.pm_id)
        if known is None or known.begun.run != process.run:
            age_s = self._clock.now_s() - started_at_s
            run = begun(process.run, age_s, listen_timeout_s(entry), self._clock.elapsed_s())
            known = Subject(process.name, run)
        self._subjects[process.pm_id] = known

    def _begin(self, name: str, asked: Asked) -> None:
        if asked.target.question is not None:
            self._asking.ask(name, asked.target.question, asked.pace.limit_s)
            return
        path, within_s = self._workspace / asked.target.path, asked.probe.timeout_ms / 1000
        work = partial(changed, path, within_s, asked.started_at_s, self._clock.now_s())
        self._asking.work(name, work, asked.pace.limit_s)

    def _take_in(self) -> list[Answer]:
        answers = self._asking.pump()
        now_s = self._clock.elapsed_s()
        for one in answers:
            asked, track = self._asked.get(one.key), self._tracks.get(one.key)
            if asked is None or track is None:  # it runs no longer
                continue
            before = self._words(one.key)
            self._tracks[one.key] = learned(track, one.key, one.asked_s, one.said, asked.pace, now_s)
            self._changed = self._changed or self._words(one.key) != before
        return answers

    def _words(self, name: str) -> list[str]:
        return [self._word(pm_id) for pm_id in self._of_name[name]]

    def _word(self, pm_id: Id) -> str:
        subject = self._subjects[pm_id]
        if self._hangs(pm_id):
            return HUNG
        return word(self._tracks[subject.name], subject.begun, self._asked[subject.name].pace)

    def _hangs(self, pm_id: Id) -> bool:
        """Tell whether a process hangs: by its answers, or before there are any by what was written down."""
        subject = self._subjects[pm_id]
        track = self._tracks[subject.name]
        if track.verdict is None:
            return self._kept.hung(pm_id, subject.begun.run)
        return hung(track, subject.begun, self._asked[subject.name].pace)

    def _probed(self, pm_id: Id, subject: Subject) -> Probed:
        track, asked = self._tracks[subject.name], self._asked[subject.name]
        return Probed(
            self._word(pm_id),
            asked.target.shown,
            failures(track, subject.begun) if track.verdict is not None else asked.pace.failures,
            track.why or "no answer, as the guard wrote down before",
            asked.target.own_port,
        )


def probe_of(process: Process, rules: AppRules) -> Probe | None:
    """Return the probe of a process that is to be asked: one that PM2 calls online, and that is a subject."""
    if process.status != "online" or process.ours or process.twin:
        return None
    rule = rules.of(process.name)
    return None if rule.ignore else rule.probe


def listen_timeout_s(entry: Mapping[str, Any]) -> float:
    """Return how long a process may take to start, as PM2 knows it."""
    said = entry["pm2_env"].get("listen_timeout")
    plain = isinstance(said, int | float) and not isinstance(said, bool) and 0 < said < 86_400_000  # noqa: PLR2004  # a day
    return (said if plain else LISTEN_TIMEOUT_MS) / 1000
