"""A PM2 in memory, for what a real one cannot be made to do at the right moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from automation.core.errors import EffectFailed
from automation.ports.clock import SteppedClock
from automation.systems.pm2.wire.door import ACT_TIMEOUT_S, LOOK_TIMEOUT_S, BusEvent, Daemon
from tests.pm2_values import DAEMON, entry

Entry = dict[str, Any]


class ScriptedPm2:
    """Implements door.Pm2. What is prepared runs, unless `prepares` makes something else of it."""

    def __init__(self, *entries: Entry) -> None:
        self.list = list(entries)
        self.done: list[tuple[str, int | str]] = []
        self.prepares: Callable[[Entry], list[Entry]] = self.runs
        self.said: list[BusEvent] = []

    def runs(self, env: Entry) -> list[Entry]:
        """Add what is prepared to the list, running."""
        number = 1 + max(one["pm_id"] for one in self.list if isinstance(one["pm_id"], int))
        new = entry(str(env["name"]), number, **{key: env[key] for key in env if key == "NODE_APP_INSTANCE"})
        self.list.append(new)
        return [new]

    def daemon(self) -> Daemon:
        """Return a daemon that never changes."""
        return Daemon(*DAEMON, "7.0.4")

    def entries(self, *, timeout_s: float = LOOK_TIMEOUT_S) -> list[Entry]:  # noqa: ARG002  # the door's
        """Return the list."""
        return list(self.list)

    def restart(self, pm_id: int | str, *, timeout_s: float = ACT_TIMEOUT_S) -> None:  # noqa: ARG002  # the same
        """Note it."""
        self.done.append(("restart", pm_id))

    def stop(self, pm_id: int | str, *, timeout_s: float = ACT_TIMEOUT_S) -> None:  # noqa: ARG002  # the same
        """Note it."""
        self.done.append(("stop", pm_id))

    def delete(self, pm_id: int | str, *, timeout_s: float = ACT_TIMEOUT_S) -> None:  # noqa: ARG002  # the same
        """Note it, and take the entry from the list."""
        self.done.append(("delete", pm_id))
        self.list = [one for one in self.list if one["pm_id"] != pm_id]

    def prepare(self, entry: Mapping[str, object], *, timeout_s: float = ACT_TIMEOUT_S) -> list[Entry]:  # noqa: ARG002
        """Note it, and do what `prepares` does."""
        self.done.append(("prepare", str(entry["name"])))
        return self.prepares(dict(entry))

    def prepare_all(
        self,
        entries: Sequence[Mapping[str, object]],
        *,
        patience_s: float = LOOK_TIMEOUT_S,  # noqa: ARG002  # the same
    ) -> list[list[Entry] | EffectFailed]:
        """Prepare one after the other."""
        return [self.prepare(one) for one in entries]

    def drain(self) -> tuple[BusEvent, ...]:
        """Return what was said since."""
        said, self.said = self.said, []
        return tuple(said)

    def gap(self) -> bool:
        """Tell that nothing was missed."""
        return False

    def fds(self) -> tuple[int, ...]:
        """Return nothing to watch."""
        return ()

    def close(self) -> None:
        """Nothing is open."""


class EventfulClock(SteppedClock):
    """A clock on whose wait something happens."""

    def __init__(self, happens: Callable[[], None]) -> None:
        super().__init__()
        self._happens = happens

    def wait(self, seconds: float) -> None:
        """Let it happen."""
        super().wait(seconds)
        self._happens()


def answers_never(pm2: ScriptedPm2) -> Callable[[Entry], list[Entry]]:
    """Return a prepare that adds the entry and then fails, as PM2 does that answers too late."""

    def prepare(env: Entry) -> list[Entry]:
        pm2.runs(env)
        raise EffectFailed("PM2's daemon did not answer prepare within 30 s")

    return prepare
