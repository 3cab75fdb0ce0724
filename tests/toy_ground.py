"""What tests of the engine stand on: a workspace with lamps, a guard over it, and its program as a child."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from automation.core.moments import to_text
from automation.engine.console import main
from automation.engine.context import Context, build, prepare_folders
from automation.engine.cycle import Guard
from automation.engine.loop import Loop, begin
from automation.engine.system import System
from automation.ports.clock import SteppedClock
from automation.ports.locks import take_lock
from automation.ports.supervisor import Supervisor
from automation.ports.waking import Waking
from tests.toy_system import ACTS, BACKED_UP, STATE, SYSTEM

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 15.0


@dataclass
class Ground:
    """One workspace, and the environment that its programs get."""

    workspace: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def logs(self) -> Path:
        """Return the folder of reports and logs."""
        return self.workspace / "logs"

    @property
    def state(self) -> Path:
        """Return the folder of the guard's private state."""
        return self.logs / "state" / "lamp"

    @property
    def report_path(self) -> Path:
        """Return where the report lies."""
        return self.logs / "lamp-health-report.json"

    def lamps(self, lamps: Mapping[str, str] | None = None, **more: object) -> None:
        """Set how the lamps are: by name, and what else the state file may say."""
        text = json.dumps({"lamps": dict(lamps or {}), **more})
        new = self.workspace / f"{STATE}.new"
        new.write_text(text, "utf-8")
        new.replace(self.workspace / STATE)

    def settings(self, **sections: object) -> None:
        """Write the settings file."""
        path = self.workspace / "automation" / "redundancy-config.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(sections), "utf-8")

    def acts(self) -> list[str]:
        """Return what the steps did, in order."""
        path = self.workspace / ACTS
        return path.read_text("utf-8").splitlines() if path.exists() else []

    def report(self) -> dict[str, Any]:
        """Return the report."""
        said: dict[str, Any] = json.loads(self.report_path.read_text("utf-8"))
        return said

    def history(self) -> dict[str, Any]:
        """Return what the guard remembers."""
        said: dict[str, Any] = json.loads((self.state / "history.json").read_text("utf-8"))
        return said

    def audit(self) -> list[dict[str, Any]]:
        """Return the lines of the audit log."""
        path = self.logs / "audit.jsonl"
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []

    def context(self, clock: SteppedClock, system: System = SYSTEM) -> Context:
        """Return the context of a guard over this workspace, its folders made."""
        made = build(system, self.workspace, self.environment, clock)
        prepare_folders(made.layout)
        return made

    def child_environment(self, **more: str) -> dict[str, str]:
        """Return what a program of the suite is started with."""
        kept = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
        kept |= {key: value for key, value in os.environ.items() if key.startswith("COVERAGE")}
        return kept | {"REDUNDANCY_WORKSPACE": str(self.workspace)} | self.environment | more

    def run(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run one command of the toy program to its end."""
        return subprocess.run(
            [sys.executable, "-m", "tests.toy_program", *words],
            cwd=ROOT,
            env=self.child_environment(**more),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
            stdin=subprocess.DEVNULL,
        )

    def quick(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one command of the toy program with snapshots to its end, in this process."""
        out, err = io.StringIO(), io.StringIO()
        with (
            Path(os.devnull).open(encoding="utf-8") as nothing,
            mock.patch.object(sys, "stdin", nothing),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            status = main(BACKED_UP, ["--workspace", str(self.workspace), *words])
        return subprocess.CompletedProcess(words, status, out.getvalue(), err.getvalue())

    @contextmanager
    def program(self, *words: str, **more: str) -> Iterator[subprocess.Popen[str]]:
        """Run a command beside the test, its output piped; it is ended if it still lives."""
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.toy_program", *words],
            cwd=ROOT,
            env=self.child_environment(**more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with child:
            try:
                yield child
            finally:
                _end(child)


def _end(child: subprocess.Popen[str]) -> None:
    """End a program: in order where it can, so that what it measured of itself is whole."""
    child.terminate()
    try:
        child.wait(5)
    except subprocess.TimeoutExpired:
        child.kill()


@contextmanager
def guarding(ground: Ground, clock: SteppedClock, system: System = SYSTEM) -> Iterator[Loop]:
    """Give a loop over a workspace that has not begun to turn: its guard is driven cycle by cycle."""
    context = ground.context(clock, system)
    waking = Waking()
    lock = take_lock(context.layout.guard_lock, purpose="a test", since=to_text(clock.now_s()))
    loop = begin(context, lock, Supervisor(runs_us=False, home=ground.workspace), waking)
    try:
        yield loop
    finally:
        loop.guard.observer.close()
        loop.guard.teller.close()
        lock.release()
        waking.close()


@contextmanager
def guard(ground: Ground, clock: SteppedClock, system: System = SYSTEM) -> Iterator[Guard]:
    """Give the guard of such a loop."""
    with guarding(ground, clock, system) as loop:
        yield loop.guard


def eventually(what: str, look: Callable[[], Any], timeout_s: float = PATIENCE_S) -> Any:  # noqa: ANN401  # as `look`
    """Look until something true is seen, and return it."""
    deadline_s = time.monotonic() + timeout_s
    while not (seen := look()):
        assert time.monotonic() < deadline_s, f"not seen within {timeout_s:g} s: {what}"
        time.sleep(0.01)
    return seen


def line_with(child: subprocess.Popen[str], event: str) -> dict[str, Any]:
    """Read a program's log until a line of that event comes, and return it."""
    assert child.stdout is not None
    for line in child.stdout:
        said: dict[str, Any] = json.loads(line)
        if said["event"] == event:
            return said
    raise AssertionError(f"the program ended without saying {event}")
