"""What tests of a guard stand on whose service is asked: a workspace, git where wanted, and the program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from automation.engine.context import Context, build, prepare_folders
from automation.engine.system import System
from automation.ports.clock import SteppedClock

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 25.0
LONG_AGO_S = 3600.0
AUTHOR = ("-c", "user.name=Author", "-c", "user.email=author@example.com", "-c", "commit.gpgsign=false")


@dataclass
class ServiceGround:
    """One workspace, and the environment that its programs get."""

    SYSTEM: ClassVar[System]
    SECTION: ClassVar[str]  # of the settings file
    INTERVAL: ClassVar[str]  # the variable

    workspace: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.workspace.mkdir(parents=True, exist_ok=True)

    def age(self, *paths: Path) -> None:
        """Let files have been written long ago."""
        then_s = time.time() - LONG_AGO_S
        for path in paths:
            os.utime(path, (then_s, then_s))

    def git(self, *argv: str) -> str:
        """Run git in the workspace."""
        ran = subprocess.run(
            ["git", *AUTHOR, *argv],
            cwd=self.workspace,
            capture_output=True,
            text=True,
            check=True,
            timeout=15,
        )
        return ran.stdout.strip()

    def commit_all(self, *paths: str) -> None:
        """Commit what lies there, as if long ago."""
        if not (self.workspace / ".git").exists():
            self.git("init", "-q", "-b", "main")
        self.git("add", "-A", "--", *paths)
        self.git("commit", "-qm", "a change")
        self.git_rests()

    def git_rests(self) -> None:
        """Let git have been at work long ago."""
        folder = self.workspace / ".git"
        self.age(
            folder / "HEAD", folder / "index", folder / "logs" / "HEAD", folder / "refs" / "heads" / "main"
        )

    def settings(self, **keys: object) -> None:
        """Write the settings file's section."""
        path = self.workspace / "automation" / "redundancy-config.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({self.SECTION: keys}), "utf-8")

    @property
    def report(self) -> dict[str, Any]:
        """Return the report."""
        path = self.workspace / "logs" / self.SYSTEM.report
        said: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return said

    def acts(self) -> list[tuple[str, bool, str]]:
        """Return what was done: step, success, detail."""
        path = self.workspace / "logs" / "audit.jsonl"
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        records = [json.loads(line) for line in lines]
        return [(one["step"], one["ok"], one["detail"]) for one in records if one["event"] == "acted"]

    def context(self, clock: SteppedClock) -> Context:
        """Return the context of a guard in this process, its folders made."""
        made = build(self.SYSTEM, self.workspace, self.environment, clock)
        prepare_folders(made.layout)
        return made

    # As the real program.

    @property
    def script(self) -> Path:
        """Return the entry script."""
        return ROOT / "automation" / self.SYSTEM.script

    def program_environment(self, **more: str) -> dict[str, str]:
        """Return what the program is started with."""
        kept = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
        kept |= {key: value for key, value in os.environ.items() if key.startswith("COVERAGE")}
        return kept | {"REDUNDANCY_WORKSPACE": str(self.workspace)} | self.environment | more

    def run(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the program, from another folder."""
        return subprocess.run(
            [sys.executable, str(self.script), *words],
            cwd=ROOT.parent,
            env=self.program_environment(**more),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            stdin=subprocess.DEVNULL,
        )

    @contextmanager
    def started(self, **more: str) -> Iterator[subprocess.Popen[bytes]]:
        """Start the guard, and end it with a signal; its log is `guard.log` beside the workspace."""
        settings = {self.INTERVAL: "1s"} | more
        with (self.workspace.parent / "guard.log").open("wb") as file:
            child = subprocess.Popen(
                [sys.executable, str(self.script)],
                env=self.program_environment(**settings),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
        try:
            eventually("the guard reports", lambda: child.poll() is not None or self._is_of(child.pid))
            yield child
        finally:
            child.terminate()
            try:
                child.wait(timeout=15)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait(timeout=15)

    def _is_of(self, pid: int) -> bool:
        try:
            return bool(self.report["pid"] == pid)
        except (OSError, ValueError):
            return False


def eventually(what: str, look: Callable[[], Any]) -> Any:  # noqa: ANN401  # as `look`
    """Look until something true is seen, and return it."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not (seen := look()):
        assert time.monotonic() < deadline_s, f"not seen within {PATIENCE_S:g} s: {what}"
        time.sleep(0.02)
    return seen
