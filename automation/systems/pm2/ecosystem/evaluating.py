"""Evaluating an ecosystem file in a child with a time limit and an output cap, which is never waited for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from automation.core.errors import CommandFailed
from automation.ports.clock import Clock
from automation.ports.listened import ListenedChild, listen_to
from automation.systems.pm2.ecosystem.declared import Evaluated, evaluated

SCRIPT = Path(__file__).resolve().parent / "evaluate.cjs"
LIMIT_S = 10.0
GRACE_S = 2.0  # the child ends itself at its limit; we end it where it does not
OUTPUT_CAP_BYTES = 4 * 1024 * 1024
HEAP_MIB = 256


@dataclass(frozen=True, slots=True)
class Programs:
    """The node and the folder of the PM2 that evaluate, the home that apps are told, and a time limit."""

    node: Path
    pm2_folder: Path
    home: Path
    limit_s: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of evaluating a file, and what the child printed."""

    evaluated: Evaluated
    output: bytes = b""


class Evaluation:
    """One evaluation under way."""

    def __init__(self, path: str, child: ListenedChild, began_s: float, limit_s: float) -> None:
        self.path = path
        self._child = child
        self._began_s = began_s
        self._limit_s = limit_s

    @property
    def fds(self) -> tuple[int, ...]:
        """What becomes readable when it goes on."""
        return self._child.fds

    def go_on(self, clock: Clock) -> Outcome | None:
        """Read what is there; return what came of it when it has ended, or taken too long."""
        status = self._child.take_in()
        late = clock.elapsed_s() - self._began_s > self._limit_s + GRACE_S
        if status is None and not late:
            return None
        self._child.close()
        return self._outcome(status, killed=status is None or status < 0)

    def close(self) -> None:
        """End it."""
        self._child.close()

    def _outcome(self, status: int | None, *, killed: bool) -> Outcome:
        if self._child.too_much:
            return self._damaged(f"it declares more than {OUTPUT_CAP_BYTES} bytes")
        if killed:
            said = f"it did not end within {self._limit_s:g} s, or took too much memory: an endless loop?"
            return self._damaged(f"{said} `pm2` with it would never end")
        output = self._child.output
        if not output.strip():
            return self._damaged(f"it ends the program that reads it (exit status {status})")
        return Outcome(evaluated(self.path, output), output)

    def _damaged(self, said: str) -> Outcome:
        return Outcome(Evaluated(self.path, damage=said))


def begin(path: str, workspace: Path, programs: Programs, clock: Clock) -> Evaluation | None:
    """Begin to evaluate a file; None where the child cannot be started.

    Args:
        path: The file, relative to the workspace.
        workspace: Where `pm2 start` would be called.
        programs: With what.
        clock: For the time limit.
    """
    argv = (
        str(programs.node),
        f"--max-old-space-size={HEAP_MIB}",
        str(SCRIPT),
        str(programs.pm2_folder),
        str(workspace / path),
        str(round(programs.limit_s * 1000)),
    )
    environment = {"PM2_HOME": str(programs.home)}
    try:
        child = listen_to(argv, environment, cwd=workspace, cap_bytes=OUTPUT_CAP_BYTES)
    except CommandFailed:
        return None
    return Evaluation(path, child, clock.elapsed_s(), programs.limit_s)
