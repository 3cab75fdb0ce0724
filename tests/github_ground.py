"""What tests of the GitHub guard stand on: a workspace with workflows, git where wanted, and the program."""

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
from typing import Any

from automation.core.moments import to_text
from automation.engine.context import Context, build, prepare_folders
from automation.engine.cycle import Guard
from automation.engine.loop import begin
from automation.ports.clock import SteppedClock
from automation.ports.locks import take_lock
from automation.ports.supervisor import Supervisor
from automation.ports.waking import Waking
from automation.systems.github import SYSTEM
from automation.systems.github.observer import GitHubObserver, connect
from tests.fake_github import FakeGitHub

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "automation" / "enhanced_github_actions_redundancy.py"
FOLDER = ".github/workflows"
PATIENCE_S = 25.0
LONG_AGO_S = 3600.0
AUTHOR = ("-c", "user.name=Author", "-c", "user.email=author@example.com", "-c", "commit.gpgsign=false")

CI = b"""\
name: Checks
on: push
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - run: make test
"""
NIGHTLY = CI.replace(b"name: Checks", b"name: Nightly").replace(b"on: push", b"on: workflow_dispatch")
BROKEN = b"on: push\njobs: [\n"
BOMB = b"a: &a [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (one + 1, one + 1, b", ".join([b"*%c" % one] * 9))
    for one in range(ord("a"), ord("j"))
)


@dataclass
class Ground:
    """One workspace, and the environment that its programs get."""

    workspace: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.workspace.mkdir(parents=True, exist_ok=True)

    def path(self, name: str) -> Path:
        """Return where a workflow lies."""
        return self.workspace / FOLDER / name

    def write(self, name: str, data: bytes) -> Path:
        """Write a workflow as if long ago."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self.age(path)
        return path

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

    def commit(self) -> None:
        """Commit all that is there, as if long ago."""
        if not (self.workspace / ".git").exists():
            self.git("init", "-q", "-b", "main")
        self.git("add", "-A", ".github")
        self.git("commit", "-qm", "a change")
        self.git_rests()

    def git_rests(self) -> None:
        """Let git have been at work long ago."""
        folder = self.workspace / ".git"
        self.age(
            folder / "HEAD", folder / "index", folder / "logs" / "HEAD", folder / "refs" / "heads" / "main"
        )

    def asks(self, fake: FakeGitHub) -> None:
        """Let the programs ask this GitHub."""
        self.environment |= {
            "GITHUB_API_URL": fake.url,
            "GITHUB_REPOSITORY": fake.repository,
            "GITHUB_TOKEN": FakeGitHub.TOKEN,
        }

    def settings(self, **keys: object) -> None:
        """Write the settings file's section."""
        path = self.workspace / "automation" / "redundancy-config.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"githubActions": keys}), "utf-8")

    @property
    def report(self) -> dict[str, Any]:
        """Return the report."""
        said: dict[str, Any] = json.loads((self.workspace / "logs" / SYSTEM.report).read_text("utf-8"))
        return said

    def acts(self) -> list[tuple[str, bool, str]]:
        """Return what was done: step, success, detail."""
        path = self.workspace / "logs" / "audit.jsonl"
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        records = [json.loads(line) for line in lines]
        return [(one["step"], one["ok"], one["detail"]) for one in records if one["event"] == "acted"]

    # In this process, with a clock of its own.

    def context(self, clock: SteppedClock) -> Context:
        """Return the context of a guard, its folders made."""
        made = build(SYSTEM, self.workspace, self.environment, clock)
        prepare_folders(made.layout)
        return made

    def observer(self, clock: SteppedClock) -> GitHubObserver:
        """Return the eyes of a guard."""
        return connect(self.context(clock))

    @contextmanager
    def guard(self, clock: SteppedClock) -> Iterator[Guard]:
        """Give a guard that is driven cycle by cycle."""
        context, waking = self.context(clock), Waking()
        lock = take_lock(context.layout.guard_lock, purpose="a test", since=to_text(clock.now_s()))
        made = begin(context, lock, Supervisor(runs_us=False, home=self.workspace), waking).guard
        try:
            yield made
        finally:
            made.teller.close()
            lock.release()
            waking.close()

    # As the real program.

    def program_environment(self, **more: str) -> dict[str, str]:
        """Return what the program is started with."""
        kept = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
        kept |= {key: value for key, value in os.environ.items() if key.startswith("COVERAGE")}
        return kept | {"REDUNDANCY_WORKSPACE": str(self.workspace)} | self.environment | more

    def run(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the program, from another folder."""
        return subprocess.run(
            [sys.executable, str(SCRIPT), *words],
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
        log = self.workspace.parent / "guard.log"
        with log.open("wb") as file:
            child = subprocess.Popen(
                [sys.executable, str(SCRIPT)],
                env=self.program_environment(GITHUB_CHECK_INTERVAL="1s", **more),
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
