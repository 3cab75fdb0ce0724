"""Programs that run beside the loop: started and watched, never waited for."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from automation.core.errors import CommandFailed
from automation.ports.commands import short_environment

# Run by a Python without its library: fork, leave the parent behind, lead a session of one's own, become it.
_DETACH = "import os, sys\nif os.fork(): os._exit(0)\nos.setsid()\nos.execv(sys.argv[1], sys.argv[1:])"
_DETACH_LIMIT_S = 10.0


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


def detach(argv: tuple[str, ...], environment: Mapping[str, str], *, folder: Path, output: Path) -> None:
    """Start a program that is nobody's child: it outlives us, and whatever ends the tree that we are in.

    Args:
        argv: The program, by its absolute path, and its arguments.
        environment: Added to the short list that is passed on (safety S19).
        folder: Where it runs.
        output: What it says is added to this file.

    Raises:
        CommandFailed: It cannot be started.
    """
    try:
        with output.open("ab") as log:
            ran = subprocess.run(  # noqa: S603  # argv is ours
                (sys.executable, "-I", "-S", "-c", _DETACH, *argv),
                cwd=folder,
                env=short_environment(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                timeout=_DETACH_LIMIT_S,
                check=False,
            )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CommandFailed(argv, None, str(error)) from error
    if ran.returncode:
        raise CommandFailed(argv, ran.returncode, f"see {output}")
