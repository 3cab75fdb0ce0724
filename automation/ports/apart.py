"""Programs apart from us, watched all the same: PM2 ends an app with all that descend from it."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
from collections.abc import Mapping

from automation.ports.commands import short_environment

# The shell goes at once, and so leaves what it started to the system.
_LEFT_ALONE = '"$@" </dev/null >/dev/null 2>&1 & echo $!'
_SHELL_LIMIT_S = 5.0


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
        argv: The program and its arguments; one that is not there looks like one that ends at once.
        environment: Added to the short list that is passed on (safety S19).
    """
    try:
        said = subprocess.run(  # noqa: S603  # argv is ours
            ("/bin/sh", "-c", _LEFT_ALONE, "sh", *argv),
            env=short_environment(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            timeout=_SHELL_LIMIT_S,
            check=True,
        ).stdout
        return Apart(_watched(int(said)))
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def _watched(pid: int) -> int:
    """Return a descriptor that is readable when a process has ended."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:  # it has ended already: so is the other end of this pipe
        readable, writable = os.pipe()
        os.close(writable)
        return readable
