"""Which processes a daemon that is gone has left behind, and which are ours to end (safety S15). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from automation.ports.ending import Named
from automation.ports.process_table import Running, descendants


@dataclass(frozen=True, slots=True)
class Suspect:
    """A process that carries PM2's marks of our home in its environment.

    Every descendant of an app inherits these marks. `pid_in_file` is what PM2 wrote into the app's pid file;
    `ours_to_see` says that it shares our pid and mount namespaces; `under_daemon` that a living
    daemon is among its ancestors; `other_user` that a daemon of root's has started it as somebody else.
    """

    process: Running
    name: str
    unique_id: str
    pid_in_file: int | None
    cluster: bool
    ours_to_see: bool
    under_daemon: bool
    treekill: bool = True
    other_user: bool = False
    pid_file: str = ""


@dataclass(frozen=True, slots=True)
class Orphan:
    """An app that lives on without its daemon: its root process, and all that PM2 would end with it."""

    name: str
    unique_id: str
    root: Named
    family: tuple[Named, ...]


def orphans(
    suspects: Sequence[Suspect],
    table: Mapping[int, Running],
    last_pids: Mapping[str, int],
    spared_names: frozenset[str],
) -> tuple[Orphan, ...]:
    """Return the apps that live on without a daemon, of which it is proven that they are that.

    Args:
        suspects: Who carries our home's marks.
        table: All processes by number.
        last_pids: The number that each entry (by its unique id) had when it was last seen in PM2's list.
        spared_names: Whom never to end: our own apps.
    """
    return tuple(
        Orphan(one.name, one.unique_id, _named(one.process), _family(one, table))
        for one in suspects
        if not one.other_user and one.name not in spared_names and _lives_on(one, last_pids)
    )


def others_orphans(
    suspects: Sequence[Suspect], last_pids: Mapping[str, int], pid_files: frozenset[str]
) -> frozenset[str]:
    """Return the names of the apps that live on as another user: not ours to end, nor to start once more.

    Anybody can bear an app's marks, and name a pid file of his own: only those of the roster count.
    """
    return frozenset(
        one.name
        for one in suspects
        if one.other_user and _lives_on(one, last_pids)
        if one.process.pid == last_pids.get(one.unique_id) or one.pid_file in pid_files
    )


def _lives_on(suspect: Suspect, last_pids: Mapping[str, int]) -> bool:
    return suspect.ours_to_see and not suspect.under_daemon and _proven(suspect, last_pids)


def _proven(suspect: Suspect, last_pids: Mapping[str, int]) -> bool:
    """Tell whether it is the root of an app, and not what the app itself has started.

    Marks are inherited, also by a daemon that the app has made of its own, which PM2 leaves alone. The root
    is what PM2 wrote into the pid file, or what its list showed under that unique id; in fork mode it leads
    a session of its own.
    """
    process = suspect.process
    if not suspect.cluster and process.session != process.pid:
        return False
    return process.pid in (suspect.pid_in_file, last_pids.get(suspect.unique_id))


def _family(suspect: Suspect, table: Mapping[int, Running]) -> tuple[Named, ...]:
    """Return the root and what PM2 would end with it: its descendants, and in fork mode its session.

    With `treekill: false` PM2 ends the root alone. A daemon that the app made (its own session, no parent of
    the family) is not among them.
    """
    root = suspect.process
    if not suspect.treekill:
        return (_named(root),)
    members = {root.pid}
    if not suspect.cluster:
        members |= {one.pid for one in table.values() if one.session == root.pid}
    members |= descendants(members, table)
    return tuple(_named(table[pid]) for pid in sorted(members) if pid in table)


def _named(process: Running) -> Named:
    return Named(process.pid, process.start_ticks)
