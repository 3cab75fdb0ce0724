"""PM2's values for tests: processes, events and looks with everything at its plainest."""

from __future__ import annotations

from typing import Any

from automation.systems.pm2.app_rules import AppRules
from automation.systems.pm2.facts import DaemonState, Facts
from automation.systems.pm2.intents import Intents, learn
from automation.systems.pm2.process import Process, processes
from automation.systems.pm2.recreation import Recreation
from automation.systems.pm2.wire.door import BusEvent, Daemon

DAEMON = (100, 5)


def entry(name: str = "web", pm_id: int | str = 0, status: str = "online", **env: Any) -> dict[str, Any]:  # noqa: ANN401  # PM2's own
    """Return an entry of PM2's list; what runs has a pid."""
    pid = 4000 if status == "online" else 0
    said = {
        "name": name,
        "status": status,
        "unique_id": f"u{pm_id}",
        "pm_uptime": 1000,
        "restart_time": 0,
    } | env
    return {"name": name, "pm_id": pm_id, "pid": pid, "monit": {"memory": 0, "cpu": 0}, "pm2_env": said}


def listed(*entries: dict[str, Any]) -> tuple[Process, ...]:
    """Return entries as processes."""
    return processes(entries)


def event(kind: str, pm_id: int | str = 0, *, manually: bool = True) -> BusEvent:
    """Return what the bus says of a process."""
    return BusEvent(kind, manually, 0, pm_id, "web", f"u{pm_id}", "")


def after(*looks: tuple[tuple[Process, ...], tuple[BusEvent, ...]], every_s: float = 1.0) -> Intents:
    """Return what is known after looks, the first of them at 0 s; only before that one there was a gap."""
    intents = Intents((0, 0), {})
    for number, (seen, events) in enumerate(looks):
        intents = learn(intents, DAEMON, seen, events, gap=number == 0, now_s=number * every_s)
    return intents


def facts(
    *entries: dict[str, Any],
    at_s: float = 100.0,
    intents: Intents | None = None,
    reloading: bool = False,
    recreation: Recreation | None = None,
    rules: AppRules | None = None,
) -> Facts:
    """Return a look at a living daemon."""
    return Facts(
        at_s,
        DaemonState.ALIVE,
        Daemon(*DAEMON, "7.0.4"),
        listed(*entries),
        intents,
        reloading,
        recreation,
        rules=rules or AppRules(),
    )


def nobody_stopped(*entries: dict[str, Any]) -> Intents:
    """Return what is known when these were seen to run, and then were stopped by nobody."""
    ran = [one | {"pm2_env": one["pm2_env"] | {"status": "online"}} for one in entries]
    return after((listed(*ran), ()), (listed(*entries), ()))
