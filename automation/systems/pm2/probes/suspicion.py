"""Whose port to look at, because it may have been taken: few, and only when something is wrong. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from automation.systems.pm2.probes.checks import FAILING, Probed
from automation.systems.pm2.probes.targets import HIGHEST_PORT
from automation.systems.pm2.process import RUNNING, Process

RESTARTED_LATELY_S = 60.0
MOST_SUSPECTS = 20

Id = int | str


@dataclass(frozen=True, slots=True)
class Count:
    """How often an entry was restarted when last seen, and when that number grew (seconds since boot)."""

    unique_id: str
    restarts: int
    grew_s: float | None = None


@dataclass(frozen=True, slots=True)
class Suspect:
    """A process whose port may have been taken; `named_by` is `probe` or `PORT`."""

    process: Process
    port: int
    named_by: str


def counted(before: Mapping[Id, Count], processes: Iterable[Process], elapsed_s: float) -> dict[Id, Count]:
    """Return the restart counts of a look."""
    now: dict[Id, Count] = {}
    for one in processes:
        known = before.get(one.pm_id)
        if known is None or known.unique_id != one.unique_id:
            known = Count(one.unique_id, one.restarts)
        grew_s = elapsed_s if one.restarts > known.restarts else known.grew_s
        now[one.pm_id] = Count(one.unique_id, one.restarts, grew_s)
    return now


def suspects(
    pairs: Iterable[tuple[Process, Mapping[str, Any]]],
    probed: Mapping[Id, Probed],
    counts: Mapping[Id, Count],
    elapsed_s: float,
) -> tuple[Suspect, ...]:
    """Return those that should listen on a port and seem not to: they fail, or keep being restarted."""
    found = []
    for process, entry in pairs:
        if process.ours or process.twin or process.status not in {*RUNNING, "errored"}:
            continue
        if _seems_ill(process, probed.get(process.pm_id), counts.get(process.pm_id), elapsed_s):
            suspect = _suspect(process, entry, probed.get(process.pm_id))
            found += [suspect] if suspect is not None else []
    return tuple(found[:MOST_SUSPECTS])


def _seems_ill(process: Process, probed: Probed | None, count: Count | None, elapsed_s: float) -> bool:
    if process.status == "errored" or (probed is not None and probed.word in FAILING):
        return True
    grew_s = None if count is None else count.grew_s
    return grew_s is not None and elapsed_s - grew_s < RESTARTED_LATELY_S


def _suspect(process: Process, entry: Mapping[str, Any], probed: Probed | None) -> Suspect | None:
    if probed is not None and probed.own_port is not None:
        return Suspect(process, probed.own_port, "probe")
    port = port_of(entry)
    return None if port is None else Suspect(process, port, "PORT")


def port_of(entry: Mapping[str, Any]) -> int | None:
    """Return the port that an entry's environment names; None where it names none, or a pipe."""
    environment = entry["pm2_env"]
    said = environment.get("PORT")
    text = str(said) if isinstance(said, int | str) else ""
    if not text.isascii() or not text.isdigit() or len(text) > len(str(HIGHEST_PORT)):
        return None
    return int(text) if 0 < int(text) <= HIGHEST_PORT else None
