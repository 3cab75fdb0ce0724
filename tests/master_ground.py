"""What tests of the master stand on: guards over lamps under the names of the real ones, and a workspace.

Each stand-in is a whole guard of the engine: with a report, a ladder, snapshots, pauses and the lease. Its
lamps lie in `<system>.json` in the workspace, what its steps did in `<system>.acts`; a FIFO `<system>.gate`
holds a step.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from automation.core.moments import to_text
from automation.engine.console import main
from automation.engine.context import Context, build, prepare_folders
from automation.engine.cycle import Guard
from automation.engine.loop import Loop, begin
from automation.ports.clock import Clock, SteppedClock
from automation.ports.locks import take_lock
from automation.ports.supervisor import Supervisor
from automation.ports.waking import Waking
from automation.stores.layout import Layout
from automation.systems.master import SYSTEM, scripts
from automation.systems.master.peers import PEERS, Peer
from tests.toy_ground import PATIENCE_S

ROOT = Path(__file__).resolve().parent.parent

STAND_IN = """
import sys
from dataclasses import replace
sys.path[0] = {root!r}
from automation.engine.console import main
from tests import toy_system
toy_system.STATE, toy_system.ACTS, toy_system.GATE = "{name}.json", "{name}.acts", "{name}.gate"
SYSTEM = replace(
    toy_system.BACKED_UP,
    name="{name}", app="{app}", report="{report}", log_stem="{app}", script="{script}",
    backups_folder="{backups}",
)
raise SystemExit(main(SYSTEM, sys.argv[1:]))
"""

MASTER = """
import sys
from pathlib import Path
sys.path[0] = {root!r}
from automation.engine.console import main
from automation.systems.master import SYSTEM, scripts
scripts.FOLDER = Path(__file__).resolve().parent
raise SystemExit(main(SYSTEM, sys.argv[1:]))
"""


@dataclass
class Ground:
    """One workspace with its guards; `suite` holds their entry scripts."""

    workspace: Path
    suite: Path
    environment: dict[str, str] = field(default_factory=dict)

    # --- the guards ----------------------------------------------------------------------------------------

    def guard(self, name: str, **lamps: str) -> None:
        """Install the stand-in of a guard, with these lamps."""
        peer = peer_of(name)
        text = STAND_IN.format(
            root=str(ROOT),
            name=name,
            app=peer.app,
            report=peer.report,
            script=peer.script,
            backups=peer.backups,
        )
        (self.suite / peer.script).write_text(text, "utf-8")
        self.lamps(name, lamps)

    def lamps(self, name: str, lamps: Mapping[str, str], **more: object) -> None:
        """Set how a guard's lamps are."""
        (self.workspace / f"{name}.json").write_text(json.dumps({"lamps": dict(lamps), **more}), "utf-8")

    def script(self, name: str, text: str) -> None:
        """Put a script of another kind in a guard's place."""
        (self.suite / peer_of(name).script).write_text(text, "utf-8")

    def acts(self, name: str) -> list[str]:
        """Return what a guard's steps did."""
        path = self.workspace / f"{name}.acts"
        return path.read_text("utf-8").splitlines() if path.exists() else []

    def says(self, name: str, now_s: float, score: float | None = 1.0, **more: object) -> None:
        """Write a guard's report, as its loop would; `looked_s` ago, `period_s` between looks."""
        looked_s, period_s = (
            now_s - float(str(more.pop("ago_s", 0.0))),
            float(str(more.pop("period_s", 60.0))),
        )
        report = {
            "schema": 1,
            "system": name,
            "status": "healthy",
            "mode": "active",
            "score": score,
            "version": "0",
            "checkedAt": to_text(looked_s),
            "nextCheckAt": to_text(looked_s + period_s),
            "busyUntil": None,
            "findings": [],
        }
        self.logs.mkdir(exist_ok=True)
        (self.logs / peer_of(name).report).write_text(json.dumps(report | more), "utf-8")

    # --- the master ----------------------------------------------------------------------------------------

    @property
    def logs(self) -> Path:
        """Return the folder of reports."""
        return self.workspace / "logs"

    @property
    def layout(self) -> Layout:
        """Return the master's paths."""
        return self.context(SteppedClock()).layout

    def context(self, clock: Clock) -> Context:
        """Return the master's context, its folders made."""
        made = build(SYSTEM, self.workspace, self.environment, clock)
        prepare_folders(made.layout)
        return made

    def report(self) -> dict[str, Any]:
        """Return the master's report."""
        said: dict[str, Any] = json.loads((self.logs / SYSTEM.report).read_text("utf-8"))
        return said

    def emergency(self) -> dict[str, Any]:
        """Return the record of the emergency."""
        path = self.logs / "state" / "master" / "emergency.json"
        said: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
        return said

    def audit(self) -> list[dict[str, Any]]:
        """Return the lines of the audit log."""
        path = self.logs / "audit.jsonl"
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []

    def run(self, *words: str) -> int:
        """Run one command of the master in this process, and return its exit code."""
        return main(SYSTEM, ["--workspace", str(self.workspace), *words])

    @contextmanager
    def program(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """Run a command of the master as a program of its own; it is killed at the end if it still lives."""
        kept = {key: value for key, value in os.environ.items() if key.startswith("COVERAGE")}
        with subprocess.Popen(
            [sys.executable, str(self.suite / SYSTEM.script), "--workspace", str(self.workspace), *words],
            env={"PATH": os.environ["PATH"], "HOME": str(self.workspace)} | kept | self.environment,
            cwd=self.suite,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as child:
            try:
                yield child
            finally:
                child.kill()

    def finished(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run such a program to its end."""
        with self.program(*words) as child:
            out, err = child.communicate(timeout=PATIENCE_S)
        return subprocess.CompletedProcess(child.args, child.returncode, out, err)

    @contextmanager
    def loop(self, clock: Clock) -> Iterator[Loop]:
        """Give the master's loop, which is driven cycle by cycle."""
        context = self.context(clock)
        waking = Waking()
        lock = take_lock(context.layout.guard_lock, purpose="a test", since=to_text(clock.now_s()))
        loop = begin(context, lock, Supervisor(runs_us=False, home=self.workspace), waking)
        try:
            yield loop
        finally:
            loop.guard.observer.close()
            loop.guard.teller.close()
            lock.release()
            waking.close()

    @contextmanager
    def watching(self, clock: Clock) -> Iterator[Guard]:
        """Give the guard of such a loop."""
        with self.loop(clock) as loop:
            yield loop.guard


def peer_of(name: str) -> Peer:
    """Return the peer of a system."""
    return next(peer for peer in PEERS if peer.name == name)


def make_ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
    """Make a workspace and a suite without guards; the master's own commands find the guards there."""
    workspace, suite = tmp_path / "workspace", tmp_path / "suite"
    workspace.mkdir()
    suite.mkdir()
    (suite / SYSTEM.script).write_text(MASTER.format(root=str(ROOT)), "utf-8")
    monkeypatch.setattr(scripts, "FOLDER", suite)
    home = tmp_path / "pm2"
    monkeypatch.setenv("PM2_HOME", str(home))
    for name in ("REDUNDANCY_LOGS_DIR", "REDUNDANCY_WORKSPACE", "REDUNDANCY_MODE", "REDUNDANCY_STARTED_AT"):
        monkeypatch.delenv(name, raising=False)
    return Ground(workspace, suite, {"PM2_HOME": str(home)})
