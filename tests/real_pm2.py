"""A real PM2 of a chosen version, in a home of its own that is gone afterwards."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from automation.ports.process import alive, start_ticks
from automation.ports.socket_owner import socket_owner

NODE_MODULES = Path(__file__).parent / "node" / "node_modules"
VERSIONS = ("5", "6", "7")
NODE = Path(shutil.which("node") or "node")
SLEEPER = "setInterval(() => {}, 1000)\n"
KILL_TIMEOUT_S = 15


def installed(version: str = "7") -> bool:
    """Tell whether that PM2 is there (`npm ci` in tests/node)."""
    return pm2_script(version).is_file() and shutil.which("node") is not None


def pm2_script(version: str) -> Path:
    """Return the script that is PM2's command line."""
    return NODE_MODULES / f"pm2-{version}" / "bin" / "pm2"


class Pm2Home:
    """A PM2_HOME under /tmp (a socket's path has 107 bytes at most) with whatever daemon lives in it."""

    def __init__(self, version: str = "7") -> None:
        self.version = version
        self.folder = Path(tempfile.mkdtemp(prefix="p", dir="/tmp"))
        self.path = self.folder / "pm2"
        self.apps = self.folder / "apps"
        self.apps.mkdir()
        self._seen: dict[int, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def environment(self) -> dict[str, str]:
        """What a program must know to mean this home; nothing of ours leaks into the apps."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.folder),
            "PM2_HOME": str(self.path),
            "PM2_DISABLE_VERSION_CHECK": "true",
            "LANG": "C.UTF-8",
            "CI": "1",
            "PM2_WATCH_HOST": "false",  # the machine that runs the tests may be short of anything
        }

    def cli(
        self, *args: str | Path, timeout_s: float = 30, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run PM2's command line, and remember what daemon and apps it may have left behind."""
        ran = subprocess.run(
            [NODE, pm2_script(self.version), *args],
            env=self.environment | dict(env or {}),
            cwd=self.apps,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=timeout_s,
            check=False,
        )
        self.remember()
        return ran

    def start_app(self, name: str, script: str | Path = SLEEPER, *flags: str) -> None:
        """Start an app from a script's text (JavaScript), or from a file."""
        if isinstance(script, str):
            file = self.apps / f"app{len(list(self.apps.iterdir()))}.js"
            file.write_text(script, "utf-8")
        else:
            file = script
        ran = self.cli("start", file, f"--name={name}", *flags)
        assert ran.returncode == 0, ran.stdout + ran.stderr

    def jlist(self) -> list[dict[str, object]]:
        """Return the list that PM2's command line prints; it starts a daemon where none lives."""
        lines = self.cli("jlist").stdout.splitlines()
        listed: list[dict[str, object]] = json.loads(next(line for line in lines if line[:2] in {"[{", "[]"}))
        return listed

    def daemon_pid(self) -> int | None:
        """Return the pid of who listens on rpc.sock; None if nobody does."""
        return socket_owner(self.path / "rpc.sock")

    def remember(self) -> None:
        """Note the daemon and its descendants, so that none of them outlives the test."""
        daemon = self.daemon_pid()
        if daemon is None:
            return
        for pid in (daemon, *_descendants(daemon)):
            ticks = start_ticks(pid)
            if ticks is not None:
                self._seen[pid] = ticks

    def end_daemon(self, signal_number: int = signal.SIGKILL) -> int:
        """Send a signal to the daemon and return its pid."""
        self.remember()
        pid = self.daemon_pid()
        assert pid is not None
        os.kill(pid, signal_number)
        return pid

    def close(self) -> None:
        """End the daemon in good order, then whatever of it is left, and remove the home."""
        self.remember()
        if self.daemon_pid() is not None:
            try:
                self.cli("kill", timeout_s=KILL_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.remember()
        for pid, ticks in self._seen.items():
            if start_ticks(pid) == ticks and alive(pid):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)


def _descendants(pid: int) -> list[int]:
    """Return the children of a process, and theirs."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        try:
            tasks = list(Path(f"/proc/{parent}/task").iterdir())
            children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
        except OSError:
            continue
        found += children
        waiting += children
    return found
