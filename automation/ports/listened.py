"""Children beside a loop whose output is wanted: read as it comes, up to a cap, never waited for."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from automation.core.errors import CommandFailed
from automation.ports.commands import short_environment

PIECE_BYTES = 64 * 1024
END_S = 5.0


class ListenedChild:
    """A running child; its descriptors become readable when it says something, and when it ends."""

    def __init__(self, process: subprocess.Popen[bytes], cap_bytes: int) -> None:
        self._process = process
        self._cap_bytes = cap_bytes
        self._pieces: list[bytes] = []
        self._length = 0
        self._pipe = process.stdout.fileno() if process.stdout else -1
        self._pidfd = os.pidfd_open(process.pid)
        os.set_blocking(self._pipe, False)

    @property
    def fds(self) -> tuple[int, ...]:
        """What a selector should watch."""
        return self._pipe, self._pidfd

    @property
    def output(self) -> bytes:
        """What it has said."""
        return b"".join(self._pieces)

    @property
    def too_much(self) -> bool:
        """Tell whether it said more than the cap; the rest is not kept."""
        return self._length > self._cap_bytes

    def take_in(self) -> int | None:
        """Read what is there without blocking; return its exit status, or None while it runs.

        One that says too much is ended.
        """
        status = self._process.poll()
        with contextlib.suppress(BlockingIOError):
            while not self.too_much and (piece := os.read(self._pipe, PIECE_BYTES)):
                self._length += len(piece)
                self._pieces.append(piece)
        if status is None and self.too_much:
            self.end()
        return self._process.poll()

    def end(self) -> None:
        """End it, and what it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=END_S)

    def close(self) -> None:
        """End it where it still runs, and let go of it."""
        self.end()
        if self._process.stdout is not None:
            self._process.stdout.close()
        os.close(self._pidfd)


def listen_to(
    argv: tuple[str, ...], environment: Mapping[str, str], *, cwd: Path, cap_bytes: int
) -> ListenedChild:
    """Start a program in a session of its own; what it writes to stdout is kept, up to a cap.

    Args:
        argv: The program and its arguments. No shell reads them.
        environment: Added to the short list that is passed on (safety S19).
        cwd: Where it runs.
        cap_bytes: How much it may say.

    Raises:
        CommandFailed: It cannot be started.
    """
    try:
        process = subprocess.Popen(  # noqa: S603  # argv is ours
            argv,
            cwd=cwd,
            env=short_environment(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise CommandFailed(argv, None, str(error)) from error
    return ListenedChild(process, cap_bytes)
