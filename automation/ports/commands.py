"""Running a program: with a time limit, a cap on its output and an environment of our choosing."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from automation.core.errors import CommandFailed, CommandTimedOut

OUTPUT_CAP = 8 * 1024 * 1024

# What every child may know of us (safety S19).
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "USER", "LOGNAME", "PM2_HOME")


@dataclass(frozen=True, slots=True)
class Ran:
    """What a program said: its exit status, and its output as text (what is no UTF-8 becomes U+FFFD)."""

    status: int
    stdout: str
    stderr: str
    truncated: bool = False


class Commands(Protocol):
    """Runs programs."""

    def run(
        self,
        *argv: str,
        timeout_s: float,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
    ) -> Ran:
        """Run a program to its end, whatever status it exits with.

        Args:
            argv: The program and its arguments. No shell reads them.
            timeout_s: Seconds before it and its whole process group are killed.
            cwd: Where it runs; the current directory if not given.
            env: Added to the short list that is passed on (PATH, HOME, LANG, TZ, PM2_HOME).
            stdin: What it reads; nothing if not given.

        Raises:
            CommandFailed: It is not installed or cannot be run.
            CommandTimedOut: It did not exit in time.
        """
        ...

    def output(
        self, *argv: str, timeout_s: float, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> str:
        """Run a program that must succeed, and return its stdout.

        Raises:
            CommandFailed: It exited with a status other than 0, or is not installed.
            CommandTimedOut: It did not exit in time.
        """
        ...


def short_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment that children get: the short list of safety S19, and `extra`."""
    kept = {key: os.environ[key] for key in PASSED_ON if key in os.environ}
    kept.update(extra or {})
    return kept


class SystemCommands:
    """Runs real programs, each in a process group of its own."""

    def run(
        self,
        *argv: str,
        timeout_s: float,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
    ) -> Ran:
        """Run a program to its end (see Commands.run)."""
        try:
            child = subprocess.Popen(  # noqa: S603  # argv is a list; no shell reads it
                argv,
                cwd=cwd,
                env=short_environment(env),
                stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise CommandFailed(argv, None, str(error)) from error
        with child:
            try:
                deadline_s = time.monotonic() + timeout_s
                out, err, truncated = _collect(child, stdin, deadline_s)
                status = child.wait(timeout=max(deadline_s - time.monotonic(), 0.0))
            except (TimeoutError, subprocess.TimeoutExpired) as error:
                raise CommandTimedOut(argv, timeout_s) from error
            finally:
                _end_group(child)
        return Ran(status, out.decode(errors="replace"), err.decode(errors="replace"), truncated)

    def output(
        self, *argv: str, timeout_s: float, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> str:
        """Run a program that must succeed (see Commands.output)."""
        ran = self.run(*argv, timeout_s=timeout_s, cwd=cwd, env=env)
        if ran.status != 0:
            raise CommandFailed(argv, ran.status, ran.stderr or ran.stdout)
        return ran.stdout


def _collect(
    child: subprocess.Popen[bytes], stdin: str | None, deadline_s: float
) -> tuple[bytes, bytes, bool]:
    """Read both pipes until they end, keeping at most OUTPUT_CAP bytes of each.

    A program whose grandchild keeps a pipe open has still ended: its own exit ends the reading.
    """
    kept: dict[int, _Kept] = {}
    with selectors.DefaultSelector() as selector:
        for pipe in filter(None, (child.stdout, child.stderr)):
            kept[pipe.fileno()] = _Kept(bytearray())
            selector.register(pipe, selectors.EVENT_READ, kept[pipe.fileno()].read)
        if child.stdin is not None:
            selector.register(child.stdin, selectors.EVENT_WRITE, _Fed(child.stdin, stdin or "").write)
        _exchange(selector, child, deadline_s)
    out, err = kept.values()
    return bytes(out.data), bytes(err.data), out.truncated or err.truncated


def _exchange(selector: selectors.DefaultSelector, child: subprocess.Popen[bytes], deadline_s: float) -> None:
    """Read and write what is ready, until all pipes have ended, or the child has and says nothing more."""
    while selector.get_map():
        left_s = deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        ready = selector.select(min(left_s, 0.2))
        if not ready and child.poll() is not None:
            return
        for key, _ in ready:
            if not key.data(key.fd):
                selector.unregister(key.fileobj)
                if child.stdin is not None and key.fileobj is child.stdin:
                    child.stdin.close()  # or it would wait for more


@dataclass(slots=True)
class _Kept:
    """What was kept of one pipe."""

    data: bytearray
    truncated: bool = False

    def read(self, descriptor: int) -> bool:
        """Read what is there, and keep as much as there is room for; tell whether the pipe goes on."""
        data = os.read(descriptor, 65536)
        room = OUTPUT_CAP - len(self.data)
        self.data += data[: max(room, 0)]
        self.truncated = self.truncated or len(data) > room
        return bool(data)


class _Fed:
    """What a program reads: written as fast as it takes it; one that does not read it is no error."""

    def __init__(self, pipe: IO[bytes], text: str) -> None:
        os.set_blocking(pipe.fileno(), False)
        self._pipe = pipe
        self._left = memoryview(text.encode("utf-8", "surrogateescape"))

    def write(self, descriptor: int) -> bool:
        """Write what the pipe takes; tell whether there is more."""
        try:
            self._left = self._left[os.write(descriptor, self._left) :]
        except BrokenPipeError:
            self._left = self._left[:0]
        return bool(self._left)


def _end_group(child: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the program's process group, so that nothing of it outlives the call."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
