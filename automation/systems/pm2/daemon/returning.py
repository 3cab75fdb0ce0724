"""What comes back after a daemon's death, and in which state: each app as it was (safety S11, S12). Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from automation.systems.pm2.intents import Cause, Intents
from automation.systems.pm2.process import Process, processes
from automation.systems.pm2.roster import Listed

Slot = tuple[str, str, int | None]  # name, namespace, slot: two entries with the same one are alike


@dataclass(frozen=True, slots=True)
class Returning:
    """One entry that is to be prepared anew, and whether it runs or is only listed, as it was."""

    listed: Listed
    process: Process
    runs: bool

    @property
    def slot(self) -> Slot:
        """What it takes the place of."""
        return slot_of(self.listed)


def returning(
    roster: Sequence[Listed],
    present: Sequence[Listed],
    intents: Intents,
    *,
    given_up: frozenset[Slot] = frozenset(),
) -> tuple[Returning, ...]:
    """Return what the roster has and PM2's list has not, in the roster's order.

    Entries with the same name, namespace and slot are counted: of three alike of which one is there, two come
    back. What is there in surplus is left alone.

    Args:
        roster: What the last daemon had.
        present: What PM2 lists now.
        intents: Who stopped what, of the last daemon.
        given_up: Of what it was found that it cannot be brought back.
    """
    there = Counter(slot_of(one) for one in present)
    missing = []
    for listed, process in zip(roster, processes([_entry(one) for one in roster]), strict=True):
        slot = slot_of(listed)
        if there[slot] > 0:
            there[slot] -= 1
        elif slot not in given_up and not process.twin:
            missing.append(Returning(listed, process, _runs(process, intents)))
    return tuple(missing)


def slot_of(listed: Listed) -> Slot:
    """Return what an entry takes the place of."""
    process = processes([_entry(listed)])[0]
    return process.name, str(listed.env.get("namespace", "default")), process.slot


def _runs(process: Process, intents: Intents) -> bool:
    """Tell whether it ran, or should have: what a person stopped stays stopped, and so does a one-shot."""
    if not process.autorestart or process.pm_id in intents.words:
        return False
    if process.status in {"stopped", "stopping"}:
        stop = intents.stops.get(process.pm_id)
        return process.autostart and stop is not None and stop.cause is Cause.NOBODY
    return True


def _entry(listed: Listed) -> Mapping[str, object]:
    return {"pm2_env": listed.env, "name": listed.env.get("name"), "pid": listed.pid, "pm_id": listed.pm_id}
