"""The PM2 guard in a test: its cycle in this process, with a clock to skip ahead, and the real program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self, TypeVar

from automation.engine.context import Context, build, prepare_folders
from automation.engine.cycle import Guard, run_cycle
from automation.engine.loop import begin
from automation.ports.clock import SystemClock
from automation.ports.locks import take_lock
from automation.ports.supervisor import Supervisor
from automation.ports.waking import Waking
from automation.stores import installation
from automation.stores.installation import Installation
from automation.systems.pm2 import SYSTEM
from automation.systems.pm2.observer import Pm2Observer
from automation.systems.pm2.process import Process, processes
from automation.systems.pm2.wire.client import Pm2Client
from tests.real_pm2 import NODE, Pm2Home, pm2_script

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "automation" / "enhanced_pm2_redundancy.py"
LIMIT_S = 25.0
LONGER_THAN_ANY_WAIT_S = 400.0

# Fails at once while the file `broken` lies beside it.
FRAGILE = """
if (require('fs').existsSync(__dirname + '/broken')) process.exit(7);
setInterval(() => {}, 1000);
"""


T = TypeVar("T")


def eventually(what: str, ask: Callable[[], T], limit_s: float = LIMIT_S) -> T:
    """Ask again and again until the answer is true; fail when it never is."""
    deadline_s = time.monotonic() + limit_s
    while time.monotonic() < deadline_s:
        answer = ask()
        if answer:
            return answer
        time.sleep(0.02)
    raise AssertionError(f"not within {limit_s:g} s: {what}")


class SkippingClock(SystemClock):
    """The machine's clock, which can be moved ahead: PM2's own time passes as it does."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def now_s(self) -> float:
        """Seconds since 1970."""
        return super().now_s() + self.ahead_s

    def elapsed_s(self) -> float:
        """Seconds since boot."""
        return super().elapsed_s() + self.ahead_s

    def skip(self, seconds: float) -> None:
        """Let that much time have passed."""
        self.ahead_s += seconds


class Ground:
    """One PM2, a workspace of its own, and what is asked of them."""

    def __init__(self, home: Pm2Home) -> None:
        self.home = home
        self.workspace = home.folder / "workspace"
        self.workspace.mkdir()
        self.clock = SkippingClock()
        self.client = Pm2Client(home.path, self.clock)

    def environment(self, **more: str) -> dict[str, str]:
        """Return what the guard is started with."""
        kept = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
        return self.home.environment | kept | {"PM2_CHECK_INTERVAL": "1s"} | more

    def install(self) -> None:
        """Record which PM2 is ours, as the start script does."""
        home = str(self.home.path)
        workspace = str(self.workspace)
        record = Installation(
            "6f1c",
            os.geteuid(),
            home,
            str(NODE),
            str(pm2_script(self.home.version)),
            workspace,
            workspace,
            "now",
        )
        installation.record(record, self.workspace / "logs")

    # --- what PM2 says ---

    def listed(self) -> tuple[Process, ...]:
        """Return PM2's list."""
        return processes(self.client.entries())

    def one(self, label: str) -> Process:
        """Return the process of a label."""
        return next(one for one in self.listed() if one.label == label)

    def entry(self, pm_id: int | str) -> dict[str, Any]:
        """Return an entry of PM2's list as it is."""
        return next(one for one in self.client.entries() if one["pm_id"] == pm_id)

    def wait_for(self, label: str, *statuses: str) -> Process:
        """Wait until a process is in one of these statuses."""

        def ask() -> Process | None:
            return next((one for one in self.listed() if one.label == label and one.status in statuses), None)

        found = eventually(f"{label} is {' or '.join(statuses)}", ask)
        assert found is not None
        return found

    def fragile(self, name: str, *flags: str) -> Path:
        """Start an app that PM2 gives up on at once; it runs when the file that is returned is gone."""
        broken = self.home.apps / "broken"
        broken.touch()
        script = self.home.apps / f"fragile{len(list(self.home.apps.iterdir()))}.js"
        script.write_text(FRAGILE, "utf-8")
        self.home.cli("start", script, f"--name={name}", "--max-restarts=2", *flags)
        return broken

    # --- what the guard left ---

    @property
    def audit(self) -> list[dict[str, Any]]:
        """The audit log, line by line."""
        path = self.workspace / "logs" / "audit.jsonl"
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []

    def acts(self) -> list[tuple[str, str]]:
        """Return which steps were begun against what."""
        return [(one["step"], one["subject"]) for one in self.audit if one["event"] == "act"]

    @property
    def report(self) -> dict[str, Any]:
        """The guard's report."""
        found: dict[str, Any] = json.loads((self.workspace / "logs" / SYSTEM.report).read_text("utf-8"))
        return found

    def kept(self, name: str) -> Any:  # noqa: ANN401  # JSON
        """Return what the guard keeps in PM2's home."""
        return json.loads((self.home.path / "redundancy" / name).read_text("utf-8"))

    @contextmanager
    def pm2(self, *words: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a command of PM2's, beside what is done in the block."""
        with subprocess.Popen(
            [NODE, pm2_script(self.home.version), *words],
            env=self.home.environment,
            cwd=self.home.apps,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as command:
            try:
                yield command
            finally:
                if command.poll() is None:
                    command.kill()
        self.home.remember()

    # --- the real program ---

    def run(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the guard."""
        return subprocess.run(
            [sys.executable, str(SCRIPT), "--workspace", str(self.workspace), *words],
            env=self.environment(**more),
            cwd=self.home.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def start_under_pm2(self, **more: str) -> None:
        """Let PM2 start the guard."""
        app = {
            "name": SYSTEM.app,
            "script": str(SCRIPT),
            "interpreter": sys.executable,
            "args": ["--workspace", str(self.workspace)],
            "env": {"PM2_CHECK_INTERVAL": "1s", **more},
            "stop_exit_codes": [3],
            "kill_timeout": 20000,
        }
        file = self.home.apps / "guard.config.json"
        file.write_text(json.dumps({"apps": [app]}), "utf-8")
        assert self.home.cli("start", file).returncode == 0

    def guarded_by(self, pid: int) -> bool:
        """Tell whether the report is of this process."""
        try:
            return bool(self.report["pid"] == pid)
        except (OSError, ValueError):
            return False

    @contextmanager
    def started(self, **more: str) -> Iterator[subprocess.Popen[bytes]]:
        """Start the guard; it is ended at the end of the block, whatever happens."""
        out = self.home.folder / f"guard{len(list(self.home.folder.iterdir()))}.log"
        with out.open("wb") as file:
            child = subprocess.Popen(
                [sys.executable, str(SCRIPT), "--workspace", str(self.workspace)],
                env=self.environment(**more),
                cwd=self.home.folder,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
        try:
            eventually(
                f"the guard looks: {out.read_text('utf-8', 'replace')}",
                lambda: child.poll() is not None or self.guarded_by(child.pid),
            )
            yield child
        finally:
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
            try:
                child.wait(timeout=15)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait(timeout=15)


class Watch:
    """The guard's cycle in this process, against a real PM2."""

    def __init__(self, ground: Ground, **more: str) -> None:
        self.ground = ground
        self.context: Context = build(SYSTEM, ground.workspace, ground.environment(**more), ground.clock)
        prepare_folders(self.context.layout)
        self._waking = Waking()
        self._lock = take_lock(self.context.layout.guard_lock, purpose="a test", since="now")
        supervisor = Supervisor(runs_us=False, home=ground.home.path)
        self.guard: Guard = begin(self.context, self._lock, supervisor, self._waking).guard
        assert isinstance(self.guard.observer, Pm2Observer)
        self.observer = self.guard.observer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.observer.close()
        self.guard.teller.close()
        self._waking.close()
        self._lock.release()

    def look(self, times: int = 1, skip_s: float = 0.0) -> None:
        """Run so many cycles, skipping ahead before each but the first."""
        for number in range(times):
            self.ground.clock.skip(skip_s if number else 0.0)
            run_cycle(self.guard)

    def until(self, what: str, ask: Callable[[], object], skip_s: float = 0.0) -> None:
        """Run cycles until the answer is true."""

        def cycle() -> object:
            run_cycle(self.guard)
            self.ground.clock.skip(skip_s)
            return ask()

        eventually(what, cycle)

    def intent(self, label: str) -> str:
        """Return what the report says of why a process is down."""
        return next(str(row["intent"]) for row in self.ground.report["processes"] if self._is(row, label))

    def _is(self, row: Mapping[str, object], label: str) -> bool:
        return row["id"] == self.ground.one(label).pm_id

    def leaves_alone(self) -> None:
        """Look for what would be an hour, and see that nothing was done."""
        before = len(self.ground.audit)
        self.look(times=8, skip_s=LONGER_THAN_ANY_WAIT_S)

        assert self.ground.audit[before:] == []

    def climb(self, label: str, *, steps: int) -> None:
        """Let that many more steps be taken against a process that fails again after each."""
        for _ in range(steps):
            self.ground.wait_for(label, "errored")
            self.ground.clock.skip(LONGER_THAN_ANY_WAIT_S)
            before = len(self.ground.acts())
            self.until("a step is taken", partial(self._has_acted, before))

    def _has_acted(self, before: int) -> bool:
        return len(self.ground.acts()) > before


@contextmanager
def webhook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Give an address on this machine that takes JSON messages, and the list of what came."""
    came: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's own name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/", came
        finally:
            server.shutdown()
            thread.join(10)


def environment_of(pid: int) -> dict[str, str]:
    """Return the environment that a process was started with."""
    text = Path(f"/proc/{pid}/environ").read_bytes().decode("utf-8", "replace")
    return dict(one.split("=", 1) for one in text.split("\0") if "=" in one)


def working_folder(pid: int) -> str:
    """Return where a process runs."""
    return str(Path(f"/proc/{pid}/cwd").readlink())
