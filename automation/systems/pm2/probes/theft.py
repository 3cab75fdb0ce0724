"""Whether the port of an app is held by a process that is none of its own.

Loaded when the first app with a known port seems ill. What was found out about a socket is kept for as long
as it is there: the descriptors of all processes are read once for each new one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from automation.core import redact
from automation.ports.listening import Listener, command, holders, kin, listeners, may_look_into
from automation.ports.process import start_ticks
from automation.systems.pm2.probes.checks import Taken
from automation.systems.pm2.probes.suspicion import Suspect
from automation.systems.pm2.process import Process

SETTLED_AFTER_S = 5.0  # between two of its runs an app does not hold its port, and something may pass by
SEEK_AGAIN_S = 30.0
MOST_COMMAND = 120
OLDEST = 64  # parents

Id = int | str
Holder = tuple[int, int | None]  # pid and start
Seek = Callable[[Iterable[int]], dict[int, tuple[int, ...]]]


class Thefts:
    """Looks at the ports of suspects, and remembers who holds which socket.

    `seek` finds who holds sockets, given their inodes.
    """

    def __init__(self, seek: Seek = holders) -> None:
        self._seek = seek
        self._holders: dict[int, tuple[Holder, ...]] = {}
        self._sought_s: dict[int, float] = {}
        self._since_s: dict[tuple[Id, int], float] = {}

    def look(
        self,
        suspects: Sequence[Suspect],
        processes: Iterable[Process],
        daemon_pid: int,
        elapsed_s: float,
    ) -> dict[Id, Taken]:
        """Return whose port is held by somebody else."""
        found = listeners({one.port for one in suspects}) if suspects else ()
        self._learn({one.inode for one in found}, elapsed_s)
        own = _own(processes)
        taken: dict[Id, Taken] = {}
        since_s: dict[tuple[Id, int], float] = {}
        for suspect in suspects:
            there = [one for one in found if one.port == suspect.port]
            thief = self._thief(there, own.get(suspect.process.name, frozenset()), daemon_pid)
            if thief is not None:
                key = (suspect.process.pm_id, thief.inode)
                since_s[key] = self._since_s.get(key, elapsed_s)
                settled = elapsed_s - since_s[key] >= SETTLED_AFTER_S
                taken[suspect.process.pm_id] = self._taken(suspect, thief, settled=settled)
        self._since_s = since_s
        return taken

    def _learn(self, inodes: set[int], elapsed_s: float) -> None:
        """Find out who holds sockets that are new, or whose holder is gone or was not to be seen."""
        self._holders = {inode: held for inode, held in self._holders.items() if inode in inodes}
        self._sought_s = {inode: at_s for inode, at_s in self._sought_s.items() if inode in inodes}
        seek = {
            inode
            for inode in inodes
            if not _still(self._holders.get(inode, ()))
            and elapsed_s - self._sought_s.get(inode, float("-inf")) >= SEEK_AGAIN_S
        }
        if seek:
            held = self._seek(seek)
            for inode in seek:
                self._holders[inode] = tuple((pid, start_ticks(pid)) for pid in held.get(inode, ()))
                self._sought_s[inode] = elapsed_s

    def _thief(self, there: Sequence[Listener], own: frozenset[int], daemon_pid: int) -> Listener | None:
        """Return the socket that somebody else holds; None where one of them is the app's own, or may be."""
        if not there or not all(may_look_into(pid) for pid in own):
            return None
        for one in there:
            if any(_belongs(pid, own, daemon_pid) for pid, _ in self._holders.get(one.inode, ())):
                return None
        return there[0]

    def _taken(self, suspect: Suspect, thief: Listener, *, settled: bool) -> Taken:
        held = self._holders.get(thief.inode, ())
        if not held:
            return Taken(
                suspect.port, suspect.named_by, None, f"a process of user id {thief.uid}", settled=settled
            )
        pid = held[0][0]
        return Taken(suspect.port, suspect.named_by, pid, _shown(command(pid)), settled=settled)


def _own(processes: Iterable[Process]) -> Mapping[str, frozenset[int]]:
    """Return the pids of each app, all instances of it."""
    own: dict[str, frozenset[int]] = {}
    for one in processes:
        if one.pid > 0 and one.status != "waiting restart":  # there its pid is a dead one's
            own[one.name] = own.get(one.name, frozenset()) | {one.pid}
    return own


def _belongs(pid: int, own: frozenset[int], daemon_pid: int) -> bool:
    """Tell whether a process is one of an app's own: of its session, or its child; or PM2, for a cluster."""
    if pid == daemon_pid:
        return True
    for _ in range(OLDEST):
        found = kin(pid)
        if pid in own or (found is not None and found.session in own):
            return True
        if found is None or found.parent == daemon_pid:
            return False
        pid = found.parent
    return False


def _still(held: Sequence[Holder]) -> bool:
    """Tell whether the holders of a socket that were found still live."""
    return bool(held) and all(ticks is not None and start_ticks(pid) == ticks for pid, ticks in held)


def _shown(text: str) -> str:
    """Return a command line so that it holds no secret, and fits in a line."""
    cleaned = redact.text("".join(one if one.isprintable() else "?" for one in text))
    return cleaned if len(cleaned) <= MOST_COMMAND else f"{cleaned[: MOST_COMMAND - 1]}…"
