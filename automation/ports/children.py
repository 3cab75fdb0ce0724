"""Programs that run beside the loop: started and watched, never waited for."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping

from automation.ports.commands import short_environment


class Child:
    """A running child; its descriptor becomes readable when it ends."""

    def __init__(self, process: subprocess.Popen[bytes], fd: int) -> None:
        self._process = process
        self.fd = fd

    def status(self) -> int | None:
        """Return its exit status, or None while it runs."""
        return self._process.poll()

    def kill(self) -> None:
        """End it and what it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5)

    def forget(self) -> None:
        """Watch it no longer."""
        with contextlib.suppress(OSError):
            os.close(self.fd)
        if self._process.returncode is None:
            self._process.returncode = 0  # whoever is our parent then will reap it; Python must not warn


def spawn(argv: tuple[str, ...], environment: Mapping[str, str]) -> Child | None:
    """Start a program in a session of its own, without input or output; None if it cannot be started.

    Args:
        argv: The program and its arguments.
        environment: Added to the short list that is passed on (safety S19).
    """
    try:
        process = subprocess.Popen(  # noqa: S603  # argv is ours
            argv,
            env=short_environment(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return Child(process, os.pidfd_open(process.pid))
    except OSError:
        return None
