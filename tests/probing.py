"""Probes in a test: rules as the settings make them, and the guard's observer over a PM2 in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from automation.engine.context import build, prepare_folders
from automation.ports.clock import Clock
from automation.systems.pm2 import SYSTEM
from automation.systems.pm2.app_rules import AppRule, AppRules, Probe
from automation.systems.pm2.connecting import connect
from automation.systems.pm2.observer import Pm2Observer
from automation.systems.pm2.probes.eyes import Asking, Eyes
from automation.systems.pm2.probes.watch import Probes
from tests.guarding import eventually
from tests.scripted_pm2 import ScriptedPm2


@dataclass(frozen=True, slots=True)
class Rules(AppRules):
    """The rules of single apps by their names."""

    probes: dict[str, Probe] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()

    def of(self, name: str) -> AppRule:
        """Return the rule of an app."""
        return AppRule(probe=self.probes.get(name), ignore=name in self.ignored)


def quick(port: int, failures: int = 2, timeout_ms: int = 200) -> Probe:
    """Return a probe that is quick to judge."""
    return Probe("http", str(port), timeout_ms=timeout_ms, failures=failures, period_ms=400)


def watched(pm2: ScriptedPm2, folder: Path, clock: Clock, rules: AppRules) -> Pm2Observer:
    """Return an observer of a PM2 in memory, whose apps are asked by these rules."""
    workspace, home = folder / "workspace", folder / "pm2"
    workspace.mkdir(exist_ok=True)
    home.mkdir(exist_ok=True)
    context = build(SYSTEM, workspace, {"PM2_HOME": str(home)}, clock)
    prepare_folders(context.layout)
    observer = connect(context)
    observer.pm2.close()
    observer.pm2 = pm2
    around = observer._around
    assert around is not None
    eyes = Eyes(clock, Asking(rules, 30.0, workspace, home / "redundancy"))
    observer._around = replace(around, apps=eyes)
    return observer


def live(what: str, seen: Pm2Observer | Probes, ask: Callable[[], object]) -> None:
    """Do between two looks what the loop does, until the answer is true."""

    def once() -> object:
        seen.pump()
        return ask()

    eventually(what, once)
