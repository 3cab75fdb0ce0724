"""The world that faults happen to: a PM2 with apps of each kind, its guard, and a person at work."""

from __future__ import annotations

import contextlib
import json
import socket
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from automation.core.errors import AutomationError
from automation.ports.process import alive
from automation.systems.pm2 import SYSTEM
from automation.systems.pm2.daemon.suspects import Scene, survey
from automation.systems.pm2.process import Process
from tests.guarding import Ground, eventually
from tests.real_pm2 import Pm2Home

NODE_APP = "setInterval(() => {}, 1000)\n"
PORT_APP = "require('http').createServer((q, a) => a.end('ok')).listen(PORT, '127.0.0.1')\n"
FRAGILE_APP = "if (require('fs').existsSync(__dirname + '/broken')) process.exit(7)\n" + NODE_APP
PYTHON_APP = "import time\nwhile True: time.sleep(1)\n"
SHELL_APP = "while true; do sleep 1; done\n"
SETTLES_IN_S = 120.0
GUARD = SYSTEM.app


@dataclass(slots=True)
class Wanted:
    """What a person wants of one app: so many running, or none while it is listed as stopped."""

    runs: int = 1
    stopped: bool = False


@dataclass(slots=True)
class World:
    """One PM2, its guard, and what a person wants of each app (what is not in `wanted` was deleted)."""

    ground: Ground
    wanted: dict[str, Wanted] = field(default_factory=dict)
    made: int = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ground.client.close()
        self.ground.home.close()

    # --- what a person does ---

    def start(self, name: str, text: str, suffix: str = "js", *flags: str, runs: int = 1) -> None:
        """Start an app, as a person does."""
        file = self.ground.home.apps / f"{name}.{suffix}"
        file.write_text(text, "utf-8")
        interpreter = {"py": ("--interpreter=python3",), "sh": ("--interpreter=sh",)}.get(suffix, ())
        self.cli("start", str(file), f"--name={name}", *interpreter, *flags)
        self.wanted[name] = Wanted(runs)

    def cli(self, *words: str) -> None:
        """Run a pm2 command that must succeed."""
        ran = self.ground.home.cli(*words)
        assert ran.returncode == 0, ran.stdout + ran.stderr

    # --- what is there ---

    def scene(self) -> Scene:
        """Return all that lives of this home."""
        return survey(self.ground.home.path)

    def listed(self) -> tuple[Process, ...]:
        """Return PM2's list; empty where it cannot be had."""
        try:
            return self.ground.listed()
        except AutomationError:
            return ()

    def pid_of(self, name: str) -> int:
        """Return the pid of an app that runs; 0 where it does not."""
        return next((one.pid for one in self.listed() if one.name == name and one.pid), 0)

    # --- what must hold ---

    def wrong(self) -> list[str]:
        """Return in words what does not hold now."""
        self.ground.home.remember()
        owner, scene = self.ground.home.daemon_pid(), self.scene()
        found = [f"daemons {[one.pid for one in scene.daemons]}, and {owner} owns the sockets"]
        if [one.pid for one in scene.daemons] == [owner]:
            found.clear()
        listed = self.listed()
        names = {one.name for one in listed} | set(self.wanted)
        for name in sorted(names - {GUARD}):
            found += self._wrong_with(name, [one for one in listed if one.name == name], scene)
        found += self._wrong_with_guard(listed)
        return found

    def _wrong_with(self, name: str, entries: list[Process], scene: Scene) -> list[str]:
        want = self.wanted.get(name, Wanted(0))
        online = [one for one in entries if one.status == "online" and alive(one.pid)]
        roots = [one for one in scene.suspects if one.name == name and one.pid_in_file == one.process.pid]
        leaders = [
            one for one in scene.suspects if one.name == name and one.process.session == one.process.pid
        ]
        runs = 0 if want.stopped else want.runs
        said = [f"{name}: {[(one.pm_id, one.status, one.pid) for one in entries]}"]
        if len(online) != runs or len(entries) != max(runs, want.stopped):
            return [f"{said[0]}, expected {runs} online" + (" and one stopped" if want.stopped else "")]
        if len(roots) != runs or len(leaders) > runs or any(not one.under_daemon for one in roots):
            return [f"{said[0]}: {len(roots)} roots, {len(leaders)} session leaders, or an orphan among them"]
        return []

    def _wrong_with_guard(self, listed: tuple[Process, ...]) -> list[str]:
        guards = [one for one in listed if one.name == GUARD]
        if [one.status for one in guards] != ["online"]:
            return [f"the guard: {[(one.pm_id, one.status) for one in guards]}"]
        if not self.ground.guarded_by(guards[0].pid):
            return [f"the report is not that of the guard that PM2 runs (pid {guards[0].pid})"]
        with contextlib.suppress(OSError, ValueError):
            report = self.ground.report
            seen = sorted((str(one["name"]), str(one["id"])) for one in report.get("processes", ()))
            if seen != sorted((one.name, str(one.pm_id)) for one in listed):
                return ["the guard has not seen yet what PM2 lists"]
            # What was done to PM2's dump is said, and a person's to settle.
            others = [one for one in report["findings"] if not one["problem"].startswith("dump-")]
            if report["status"] not in {"healthy", "warning"} or others:
                return [f"the report says {report['status']}: {report['findings']}"]
        return []

    def start_over(self) -> bool:
        """Do what a person (or `--ensure`) must where nothing is left that could; tell whether it was so."""
        scene = survey(self.ground.home.path)
        if scene.daemons or any(one.name == GUARD for one in scene.suspects):
            return False
        self.ground.home.cli("start", self.ground.home.apps / "guard.config.json")
        return True

    def settle(self, limit_s: float = SETTLES_IN_S) -> None:
        """Wait until all holds.

        Raises:
            AssertionError: It never did.
        """
        last: list[str] = []

        def holds() -> bool:
            last[:] = self.wrong()
            return not last

        try:
            eventually("all holds", holds, limit_s)
        except AssertionError as error:
            raise AssertionError(f"after {limit_s:g} s: {'; '.join(last)}\n{self.story()}") from error

    def story(self) -> str:
        """Return what guard and daemon said last, for whoever has to find out."""
        logs = [*(self.ground.home.path / "logs").glob(f"{GUARD}*"), self.ground.home.path / "pm2.log"]
        logs += (self.ground.workspace / "logs").glob("*orphan*")
        return "\n".join(f"--- {one.name}\n{_tail(one)}" for one in logs if one.exists())


def build(version: str = "7") -> World:
    """Make a world and wait until it is well."""
    world = World(Ground(Pm2Home(version)))
    world.ground.install()
    world.start("web", NODE_APP)
    world.start("many", NODE_APP, "js", "-i", "2", runs=2)
    world.start("worker", PYTHON_APP, "py")
    world.start("shell", SHELL_APP, "sh")
    world.start("port", PORT_APP.replace("PORT", str(free_port())))
    world.start("fragile", FRAGILE_APP)
    world.start("stopped", NODE_APP)
    world.cli("stop", "stopped")
    world.wanted["stopped"] = Wanted(0, stopped=True)
    world.start("deleted", NODE_APP)
    world.cli("save")
    world.cli("delete", "deleted")
    del world.wanted["deleted"]
    # Budgets refill by time alone: a world in which everything breaks each few seconds needs short ones.
    settings = world.ground.workspace / "automation" / "redundancy-config.json"
    settings.parent.mkdir(exist_ok=True)
    settings.write_text(json.dumps({"redundancy": {"firstWait": "1s", "stableTime": "2s"}}), "utf-8")
    world.ground.start_under_pm2(PM2_CHECK_INTERVAL="1s", PM2_BACKUP_INTERVAL="1h")
    world.settle()
    return world


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _tail(path: Path, characters: int = 3000) -> str:
    return path.read_text("utf-8", "replace")[-characters:]
