"""Programs apart from us: nobody's child, for PM2 ends an app with all that descend from it."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from automation.core.errors import CommandFailed
from automation.ports.commands import short_environment

# Run by a Python without its library: fork, name the child and go. The child leads a session of its own,
# leaves our pipe for the file that is its stderr, and becomes the program.
_LEAVE = (
    "import os, sys\npid = os.fork()\nif pid: os.write(1, b'%d' % pid); os._exit(0)\n"
    "os.setsid(); os.dup2(2, 1); os.execv(sys.argv[1], sys.argv[1:])"
)
_LIMIT_S = 10.0


class Apart:
    """A running program that is no child of ours; its descriptor becomes readable when it ends."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def ended(self) -> bool:
        """Tell whether it has ended; how, its parent alone could learn."""
        watch = select.poll()
        watch.register(self.fd, select.POLLIN)
        return bool(watch.poll(0))

    def forget(self) -> None:
        """Watch it no longer."""
        with contextlib.suppress(OSError):
            os.close(self.fd)


def spawn_apart(argv: tuple[str, ...], environment: Mapping[str, str]) -> Apart | None:
    """Start a program that outlives us, whoever ends us, without input or output; None if it cannot be.

    Args:
        argv: The program, by its absolute path, and its arguments; one that is not there looks like one that
            ends at once.
        environment: Added to the short list that is passed on (safety S19).
    """
    try:
        pid = detach(argv, environment, folder=Path.cwd(), output=Path(os.devnull))
        return Apart(_watched(pid))
    except (CommandFailed, OSError):
        return None


def detach(argv: tuple[str, ...], environment: Mapping[str, str], *, folder: Path, output: Path) -> int:
    """Start a program that is nobody's child, without input, and return its pid.

    It outlives us, and whatever ends the tree that we are in.

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
                (sys.executable, "-I", "-S", "-c", _LEAVE, *argv),
                cwd=folder,
                env=short_environment(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                timeout=_LIMIT_S,
                check=False,
            )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CommandFailed(argv, None, str(error)) from error
    if ran.returncode:
        raise CommandFailed(argv, ran.returncode, f"see {output}")
    return int(ran.stdout)


def _watched(pid: int) -> int:
    """Return a descriptor that is readable when a process has ended."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:  # it has ended already: so is the other end of this pipe
        readable, writable = os.pipe()
        os.close(writable)
        return readable
