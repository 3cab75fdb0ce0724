"""Taking the suite's own apps out of PM2's list: these and no others."""

from __future__ import annotations

from collections.abc import Sequence

from automation.launch import holders, saving
from automation.launch.apps import App
from automation.launch.claim import check
from automation.launch.doors import Doors
from automation.launch.places import Places
from automation.stores import installation
from automation.stores.installation import Verdict


def stop(
    places: Places, doors: Doors, apps: Sequence[App], *, all_of_them: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Stop and delete our entries, each by its own id; returns their names, and a line for what was not done.

    In the table's order reversed: the last one there watches over the others, and would start them again.

    Args:
        places: The installation.
        doors: The outside world.
        apps: Which apps.
        all_of_them: Whether these are all; then the PM2 home is free for another suite.

    Raises:
        NotAllowed: This user or workspace may not.
        EffectFailed: PM2 cannot be asked, or says no.
    """
    verdict, known = check(places)
    suites = [str(places.suite)]
    if verdict is Verdict.MOVED and known is not None:
        suites.append(known.suite)
    entries = doors.entries()
    mine = [entry for suite in suites for entry in holders.ours(entries, apps, suite).values()]
    for entry in reversed(mine):
        if entry.running:
            doors.supervisor.stop(entry.pm_id)
        doors.supervisor.delete(entry.pm_id)
    # What is taken away must not come back with the next boot.
    notes = saving.forget(places, doors, apps, suites)
    if all_of_them and known is not None:
        installation.release(known)
    return tuple(entry.name for entry in mine), notes
