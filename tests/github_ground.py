"""What tests of the GitHub guard stand on: a workspace with workflows, git where wanted, and the program."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from automation.core.moments import to_text
from automation.engine.cycle import Guard
from automation.engine.loop import begin
from automation.ports.clock import SteppedClock
from automation.ports.locks import take_lock
from automation.ports.supervisor import Supervisor
from automation.ports.waking import Waking
from automation.systems.github import SYSTEM
from automation.systems.github.observer import GitHubObserver, connect
from tests.fake_github import FakeGitHub
from tests.service_ground import ServiceGround

FOLDER = ".github/workflows"

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
class Ground(ServiceGround):
    """One workspace with workflows."""

    SYSTEM = SYSTEM
    SECTION = "githubActions"
    INTERVAL = "GITHUB_CHECK_INTERVAL"

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

    def commit(self) -> None:
        """Commit all that is there, as if long ago."""
        self.commit_all(".github")

    def asks(self, fake: FakeGitHub) -> None:
        """Let the programs ask this GitHub."""
        self.environment |= {
            "GITHUB_API_URL": fake.url,
            "GITHUB_REPOSITORY": fake.repository,
            "GITHUB_TOKEN": FakeGitHub.TOKEN,
        }

    # In this process, with a clock of its own.

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
