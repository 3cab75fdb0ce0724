"""Starting what is not running, and waiting until each app has written a fresh report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from automation.core.errors import NotAllowed
from automation.core.finding import Mode
from automation.launch import holders
from automation.launch.apps import App
from automation.launch.claim import check, record
from automation.launch.doors import Doors, start_with_pm2
from automation.launch.places import Places
from automation.launch.table import read_report
from automation.stores import shutdowns
from automation.stores.installation import Installation, Verdict

REPORT_TIMEOUT_S = 60.0
LOOK_EVERY_S = 0.25


@dataclass(frozen=True, slots=True)
class Started:
    """Which apps were started, what went wrong, and what a person should know; one line each."""

    names: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Claimed:
    """PM2's list once it is sure that we may change it, and what a person should know."""

    entries: tuple[holders.Entry, ...]
    notes: tuple[str, ...] = ()


def start(places: Places, doors: Doors, apps: Sequence[App], *, all_of_them: bool) -> Started:
    """Start what is not running, and wake what idles because of a shutdown.

    Args:
        places: The installation.
        doors: The outside world.
        apps: Which apps; for these a shutdown ends, by the stamp that the ecosystem file gives them.
        all_of_them: Whether these are all; then the record of a shutdown is removed.

    Raises:
        NotAllowed: This user or workspace may not, or somebody else holds our names.
        AutomationError: PM2 cannot be asked, or says no.
    """
    claimed = _claimed(places, doors, apps)
    mine = holders.ours(claimed.entries, apps, str(places.suite))
    chosen = holders.to_start(apps, mine, _passive(places, apps))
    if all_of_them:
        shutdowns.clear(places.shutdown)
    return replace(_start_and_wait(places, doors, chosen), notes=claimed.notes)


def restart(places: Places, doors: Doors, apps: Sequence[App], *, all_of_them: bool) -> Started:
    """Start or restart these apps, with the settings of now (arguments and errors as for `start`)."""
    claimed = _claimed(places, doors, apps)
    if all_of_them:
        shutdowns.clear(places.shutdown)
    return replace(_start_and_wait(places, doors, apps), notes=claimed.notes)


def ensure(places: Places, doors: Doors, apps: Sequence[App]) -> Started:
    """Start what is missing and leave a recorded shutdown as it is (errors as for `start`)."""
    claimed = _claimed(places, doors, apps)
    mine = holders.ours(claimed.entries, apps, str(places.suite))
    chosen = holders.to_ensure(apps, mine)
    refused = tuple(
        f"{app.name} refused its settings and was left stopped; see {places.error_log(app)}"
        for app in apps
        if app.name in mine and mine[app.name].refused
    )
    started = _start_and_wait(places, doors, chosen, keep_shutdown=True)
    return Started(started.names, (*refused, *started.problems), claimed.notes)


def _claimed(places: Places, doors: Doors, apps: Sequence[App]) -> _Claimed:
    """Refuse what is not ours to touch, follow a moved folder, and write the installation down.

    Nothing is written before everything was looked at.
    """
    verdict, known = check(places)
    entries = doors.entries()
    suites = [str(places.suite), *_old_suite(verdict, known)]
    strangers = holders.strangers(entries, apps, suites)
    if strangers:
        raise NotAllowed("\n".join(holders.way_out(stranger) for stranger in strangers))
    record(places, doors, verdict, known)
    for suite in suites[1:]:
        for entry in holders.ours(entries, apps, suite).values():
            doors.supervisor.delete(entry.pm_id)
            entries = tuple(other for other in entries if other != entry)
    return _Claimed(entries, _notes(places, verdict, known))


def _notes(places: Places, verdict: Verdict, known: Installation | None) -> tuple[str, ...]:
    """Say that a living daemon runs from files that are gone; ending it would touch everybody's apps."""
    if verdict is not Verdict.MOVED or known is None or not known.pm2.startswith(known.suite + "/"):
        return ()
    moved = f"this folder was moved from {known.suite}, and PM2's daemon was started from there"
    return (f"{moved}: before you start other apps with it, run: {places.pm2} update",)


def _old_suite(verdict: Verdict, known: Installation | None) -> list[str]:
    return [known.suite] if verdict is Verdict.MOVED and known is not None else []


def _passive(places: Places, apps: Iterable[App]) -> frozenset[str]:
    """Return the apps whose report says that they idle because of a recorded shutdown."""
    readings = {app.name: read_report(places.report(app)) for app in apps}
    return frozenset(
        name for name, reading in readings.items() if reading is not None and reading.mode is Mode.SHUTDOWN
    )


def _start_and_wait(
    places: Places, doors: Doors, apps: Sequence[App], *, keep_shutdown: bool = False
) -> Started:
    if not apps:
        return Started()
    since_s = doors.clock.now_s()
    names = tuple(app.name for app in apps)
    start_with_pm2(places, doors, names, keep_shutdown=keep_shutdown)
    return Started(names, wait_for_reports(places, doors, apps, since_s))


def wait_for_reports(places: Places, doors: Doors, apps: Sequence[App], since_s: float) -> tuple[str, ...]:
    """Wait until each app has reported after a moment; returns a line for each that did not.

    An app that PM2 has given up on is not waited for.
    """
    waiting, problems = list(apps), []
    deadline_s = doors.clock.elapsed_s() + REPORT_TIMEOUT_S
    while waiting:
        waiting = [app for app in waiting if not _fresh(places, app, since_s)]
        mine = holders.ours(doors.entries(), waiting, str(places.suite))
        for app in tuple(waiting):
            entry = mine.get(app.name)
            if entry is not None and not entry.running:
                how = "refused its settings" if entry.refused else f"is {entry.status}"
                problems.append(f"{app.name} {how}; see {places.error_log(app)}")
                waiting.remove(app)
        if waiting and doors.clock.elapsed_s() >= deadline_s:
            break
        if waiting:
            doors.clock.wait(LOOK_EVERY_S)
    late = f"has written no report within {REPORT_TIMEOUT_S:g} s; see"
    return (*problems, *(f"{app.name} {late} {places.error_log(app)}" for app in waiting))


def _fresh(places: Places, app: App, since_s: float) -> bool:
    reading = read_report(places.report(app))
    return reading is not None and reading.checked_at_s >= since_s
