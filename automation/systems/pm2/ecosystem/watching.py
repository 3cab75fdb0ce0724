"""Watching the ecosystem files of the workspace: each is evaluated when it changed, beside the loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from automation.ports.clock import Clock
from automation.systems.pm2.ecosystem.declared import Evaluated, entry_in, is_configuration
from automation.systems.pm2.ecosystem.drift import Drift, drifts, running
from automation.systems.pm2.ecosystem.evaluating import Evaluation, Outcome, Programs, begin

MOST_FILES = 20
YOUNG_S = 2.0  # an editor may still be at it
FIRST_LOOK_S = 0.8  # a loop blocks for less than a second
STEP_S = 0.02

Stamp = tuple[int, int, int, int]
Start = Callable[[str, str, str], str]
Entries = Sequence[Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Ecosystem:
    """One look at the ecosystem files.

    `files` are those that were evaluated, as they are now; `under_way` says that more will be known soon.
    """

    files: tuple[Evaluated, ...] = ()
    drifts: tuple[Drift, ...] = ()
    under_way: bool = False


@dataclass(frozen=True, slots=True)
class _Known:
    """What came of a file in one state."""

    stamp: Stamp
    outcome: Outcome


class EcosystemWatch:
    """What is known of the workspace's ecosystem files."""

    def __init__(
        self, workspace: Path, clock: Clock, programs: Callable[[], Programs | None], start: Start
    ) -> None:
        """Begin to know nothing.

        Args:
            workspace: Where the files lie.
            clock: For the time limit.
            programs: Says with what files are evaluated; None where no installation names it.
            start: Starts an app of a file, with a block of variables, by PM2's command line.
        """
        self.workspace = workspace
        self.start = start
        self._clock = clock
        self._programs = programs
        self._known: dict[str, _Known] = {}
        self._waiting: dict[str, Stamp] = {}
        self._evaluation: Evaluation | None = None
        self._evaluated_stamp: Stamp = (0, 0, 0, 0)
        self._once: dict[tuple[str, str], frozenset[str]] = {}
        self._compared: tuple[object, tuple[Drift, ...]] = (None, ())
        self._looked = False

    def look(self, paths: Sequence[str], entries: Entries) -> Ecosystem:
        """Compare what is known of these files with PM2's list, and see to those that changed.

        The first look waits for a moment, so that a command which looks once sees something.
        """
        young = self._take_stamps([path for path in paths if is_configuration(path)][:MOST_FILES])
        self.pump()
        if not self._looked:
            self._looked = True
            self.settle(FIRST_LOOK_S)
        files = tuple(one.outcome.evaluated for _, one in sorted(self._known.items()))
        return Ecosystem(files, self._compare(files, entries), young or bool(self.fds()))

    def settle(self, seconds: float) -> bool:
        """Wait, that long at most, until every file is evaluated; tell whether that is so."""
        left_s = seconds
        while self.fds() and left_s > 0:
            self._clock.wait(STEP_S)
            left_s -= STEP_S
            self.pump()
        return not self.fds() and not self._waiting

    def entry(self, path: str, name: str, block: str) -> dict[str, object] | None:
        """Return what PM2's command line would send to start an app of a file; None where nobody knows."""
        known = self._known.get(path)
        return None if known is None else entry_in(known.outcome.output, name, block)

    def declaring(self, name: str) -> tuple[Evaluated, ...]:
        """Return the files that declare an app."""
        files = (one.outcome.evaluated for _, one in sorted(self._known.items()))
        return tuple(file for file in files if any(app.name == name for app in file.apps))

    def fds(self) -> tuple[int, ...]:
        """Return what becomes readable when an evaluation goes on."""
        return self._evaluation.fds if self._evaluation is not None else ()

    def pump(self) -> bool:
        """See how the evaluation is doing, begin the next one; tell whether one has ended."""
        ended = False
        if self._evaluation is not None:
            outcome = self._evaluation.go_on(self._clock)
            if outcome is None:
                return False
            self._learn(self._evaluation.path, self._evaluated_stamp, outcome)
            self._evaluation, ended = None, True
        self._begin_next()
        return ended

    def close(self) -> None:
        """End what is under way."""
        if self._evaluation is not None:
            self._evaluation.close()
            self._evaluation = None

    def _take_stamps(self, paths: Sequence[str]) -> bool:
        """Note which files changed; tell whether one is too young to be read."""
        young = False
        stamps = {path: stamp for path in paths if (stamp := self._stamp(path)) is not None}
        self._known = {path: one for path, one in self._known.items() if stamps.get(path) == one.stamp}
        self._waiting = {}
        for path, stamp in stamps.items():
            if path in self._known:
                continue
            if 0 <= self._clock.now_s() - stamp[1] / 1e9 < YOUNG_S:
                young = True
            else:
                self._waiting[path] = stamp
        return young

    def _stamp(self, path: str) -> Stamp | None:
        try:
            status = (self.workspace / path).stat()
        except OSError:
            return None
        return status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns

    def _learn(self, path: str, stamp: Stamp, outcome: Outcome) -> None:
        """Keep what came of a file, unless it was changed meanwhile: then the next look sees to it."""
        if self._waiting.get(path) == stamp:
            del self._waiting[path]
        if stamp != self._stamp(path):
            return
        self._known[path] = _Known(stamp, outcome)
        for app in outcome.evaluated.apps:
            key = (path, app.name)
            self._once[key] = self._once.get(key, frozenset()) | app.names

    def _begin_next(self) -> None:
        programs = self._programs() if self._waiting else None
        if programs is None:
            return
        path = min(self._waiting)
        self._evaluated_stamp = stamp = self._waiting[path]
        self._evaluation = begin(path, self.workspace, programs, self._clock)
        if self._evaluation is None:
            self._learn(path, stamp, Outcome(Evaluated(path, unknown=f"{programs.node} cannot be started")))

    def _compare(self, files: tuple[Evaluated, ...], entries: Entries) -> tuple[Drift, ...]:
        """Compare anew only where a file or an entry of its apps has changed."""
        names = frozenset(app.name for file in files for app in file.apps)
        runs = tuple(_run(one) for one in entries if one.get("name") in names)
        key = (files, runs)
        if self._compared[0] != key:
            self._compared = (key, drifts(files, running(entries, names), self._once))
        return self._compared[1]


def _run(entry: Mapping[str, object]) -> tuple[str, ...]:
    """Return what changes when an entry is started with other things than before."""
    env = entry.get("pm2_env")
    keys = ("unique_id", "pm_uptime", "restart_time", "created_at")
    return (str(entry.get("name")), *(str(env.get(key)) if isinstance(env, Mapping) else "" for key in keys))
