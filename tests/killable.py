"""Runs commands of the GitHub guard's program in processes that are killed after a while.

`python -m tests.killable` has everything imported and forks for each line on stdin, `[seconds, word, …]`: so
that a kill falls into the work of a command and not into the start of Python. It answers each line with
`[exit status, seconds]`; a status below 0 is the signal.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from automation.engine.console import main
from automation.systems.github import SYSTEM

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "automation" / "enhanced_github_actions_redundancy.py"
PATIENCE_S = 60.0
# What a command loads only when it needs it.
LOADED = (
    "automation.core.redact",
    "automation.engine.commands.snapshots",
    "automation.systems.github.backed_up",
    "automation.systems.github.settings",
)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended: its exit status or minus the signal, and after how long."""

    status: int
    seconds: float

    @property
    def killed(self) -> bool:
        """Tell whether it was killed before its end."""
        return self.status == -signal.SIGKILL


class Killer:
    """Runs commands over one workspace, each killed after a while."""

    def __init__(self, server: subprocess.Popen[str], environment: Mapping[str, str], log: Path) -> None:
        self._server = server
        self._environment = environment
        self._log = log

    def run(self, *words: str, kill_after_s: float = PATIENCE_S) -> Ended:
        """Run a command in a process that has everything loaded."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps([kill_after_s, *words]) + "\n")
        self._server.stdin.flush()
        status, seconds = json.loads(self._server.stdout.readline())
        return Ended(status, seconds)

    def run_program(self, *words: str, kill_after_s: float = PATIENCE_S) -> Ended:
        """Run the program itself, as a user would."""
        started_s = time.monotonic()
        with (
            self._log.open("ab") as said,
            subprocess.Popen(
                [sys.executable, str(SCRIPT), *words],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            ) as child,
        ):
            try:
                child.wait(kill_after_s)
            except subprocess.TimeoutExpired:
                child.kill()
        return Ended(child.returncode, time.monotonic() - started_s)


@contextmanager
def killer(workspace: Path, log: Path) -> Iterator[Killer]:
    """Give a killer over a workspace; what its commands say goes to the log."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(workspace)}
    environment |= {"REDUNDANCY_WORKSPACE": str(workspace)}
    with (
        log.open("ab") as said,
        subprocess.Popen(
            [sys.executable, "-m", "tests.killable"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        ) as server,
    ):
        try:
            yield Killer(server, environment, log)
        finally:
            assert server.stdin is not None
            server.stdin.close()
            server.wait(PATIENCE_S)


def serve() -> None:
    """Run each command that is asked for, until there are no more."""
    for name in LOADED:
        importlib.import_module(name)
    for line in sys.stdin:
        kill_after_s, *words = json.loads(line)
        started_s = time.monotonic()
        pid = os.fork()
        if pid == 0:
            os.dup2(2, 1)  # the answers have stdout to themselves
            os._exit(main(SYSTEM, words))
        ended = _end_of(pid, kill_after_s)
        print(json.dumps([ended, time.monotonic() - started_s]), flush=True)  # noqa: T201  # it is an answer


def _end_of(pid: int, kill_after_s: float) -> int:
    """Wait for a child, and kill it when its time is over; it is ours until it has been waited for."""
    descriptor = os.pidfd_open(pid)
    try:
        if not select.select([descriptor], [], [], kill_after_s)[0]:
            os.kill(pid, signal.SIGKILL)
    finally:
        os.close(descriptor)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    serve()
