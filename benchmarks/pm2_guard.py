"""What the PM2 guard costs, beside `pm2 jlist` in the same run: `python -m benchmarks.pm2_guard`.

Real PM2 in a temporary home, with `sleep` processes as apps. Each figure is the median of several; a whole
program's wall time includes its interpreter. Prints one line a figure, with the limit that it should keep.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from automation.ports.clock import SystemClock  # noqa: E402  # found by the line above
from automation.systems.pm2.wire.client import Pm2Client  # noqa: E402

PM2 = ROOT / "tests/node/node_modules/pm2-7/bin/pm2"
GUARD = ROOT / "automation/enhanced_pm2_redundancy.py"


@contextmanager
def pm2_with(apps: int) -> Iterator[Path]:
    """Run a PM2 with so many apps, and end it."""
    base = Path(tempfile.mkdtemp(prefix="b", dir="/tmp"))
    home = base / "pm2"
    config = base / "many.config.cjs"
    listed = [
        {"name": f"app{one}", "script": "/bin/sleep", "args": "100000", "interpreter": "none"}
        for one in range(apps)
    ]
    config.write_text(f"module.exports = {json.dumps({'apps': listed})}", "utf-8")
    try:
        cli(home, "start", str(config), "-s")
        yield home
    finally:
        cli(home, "kill")
        shutil.rmtree(base, ignore_errors=True)


def environment(home: Path) -> dict[str, str]:
    """Return a short environment for this PM2."""
    return {"PATH": os.environ["PATH"], "HOME": str(home.parent), "PM2_HOME": str(home)}


def cli(home: Path, *arguments: str) -> None:
    """Run one pm2 command."""
    subprocess.run(
        ["node", str(PM2), *arguments],
        env=environment(home),
        stdout=subprocess.DEVNULL,
        check=False,
        timeout=300,
    )


def median_of(runs: int, what: Callable[[], float]) -> float:
    """Return the median of several measurements, after one that does not count."""
    what()
    return statistics.median(what() for _ in range(runs))


def timed(what: Callable[[], object]) -> float:
    """Return the wall seconds that something takes."""
    began = time.perf_counter()
    what()
    return time.perf_counter() - began


def look(home: Path) -> tuple[float, float]:
    """Return wall and own CPU milliseconds of a look over a connection that is kept open."""
    client = Pm2Client(home, SystemClock(), {})
    client.entries()
    walls, cpus = [], []
    for _ in range(30):
        cpu, wall = time.process_time(), time.perf_counter()
        client.entries()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
        time.sleep(0.02)
    client.close()
    return statistics.median(walls) * 1000, statistics.median(cpus) * 1000


def event_latency(home: Path) -> float:
    """Return the milliseconds from SIGKILL of an app to its exit event in hand."""
    client = Pm2Client(home, SystemClock(), {})
    client.drain()
    latencies = []
    for _ in range(12):
        entry = next(one for one in client.entries() if one["name"] == "app0")
        client.drain()
        began = time.perf_counter()
        os.kill(int(str(entry["pid"])), signal.SIGKILL)
        while not any(event.kind == "exit" for event in client.drain()):
            time.sleep(0.0002)
        latencies.append(time.perf_counter() - began)
        time.sleep(0.3)
    client.close()
    return statistics.median(latencies) * 1000


def guard_figures(home: Path, seconds: float) -> tuple[float, float]:
    """Return resident megabytes and percent of a core of an idle guard, over so many seconds."""
    workspace = home.parent / "workspace"
    workspace.mkdir(exist_ok=True)
    extra = {"REDUNDANCY_WORKSPACE": str(workspace)}
    with (workspace / "out.log").open("wb") as out:
        guard = subprocess.Popen(
            [sys.executable, str(GUARD), "start"], env=environment(home) | extra, stdout=out, stderr=out
        )
    try:
        report = workspace / "logs/pm2-health-report.json"
        while not report.exists():
            time.sleep(0.1)
        time.sleep(3)
        before = cpu_seconds(guard.pid)
        time.sleep(seconds)
        used = cpu_seconds(guard.pid) - before
        return resident_mb(guard.pid), 100 * used / seconds
    finally:
        guard.terminate()
        guard.wait(timeout=20)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, by the scheduler's count of nanoseconds."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def resident_mb(pid: int) -> float:
    """Return the resident set of a process in megabytes (10^6 bytes)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def run(extra: dict[str, str], *argv: str) -> None:
    """Run a program to its end, whatever it says."""
    subprocess.run(argv, env=extra, capture_output=True, check=False)


def status_ratio(home: Path, script: Path = GUARD) -> tuple[float, float]:
    """Return the wall milliseconds of `status` and of `pm2 jlist`, run in turn."""
    extra = environment(home) | {"REDUNDANCY_WORKSPACE": str(home.parent / "workspace")}
    ours, theirs = [], []
    for _ in range(11):
        ours.append(timed(lambda: run(extra, sys.executable, str(script), "status")))
        theirs.append(timed(lambda: run(extra, "node", str(PM2), "jlist")))
    return statistics.median(ours) * 1000, statistics.median(theirs) * 1000


def say(name: str, figure: float, unit: str, limit: float | None = None) -> None:
    """Print one figure."""
    kept = "" if limit is None else f"   (limit {limit:g} {unit}: {'kept' if figure <= limit else 'MISSED'})"
    print(f"{name:<46} {figure:8.2f} {unit}{kept}")


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--idle", type=float, default=60.0, help="seconds over which an idle guard is watched"
    )
    idle_s = parser.parse_args().idle
    with pm2_with(50) as home:
        wall, cpu = look(home)
        say("50 apps: one look, wall", wall, "ms")
        say("50 apps: one look, own CPU", cpu, "ms")
        say("50 apps: app killed → event in hand", event_latency(home), "ms", 20)
        resident, percent = guard_figures(home, idle_s)
        say("50 apps: guard resident", resident, "MB", 25)
        say("50 apps: guard idle, share of a core", percent, "%", 0.1)
        ours, theirs = status_ratio(home)
        say("50 apps: status, wall", ours, "ms")
        say("50 apps: pm2 jlist, wall", theirs, "ms")
        say("50 apps: status / pm2 jlist", ours / theirs, "x", 0.5)
    with pm2_with(300) as home:
        wall, cpu = look(home)
        say("300 apps: one look, wall", wall, "ms", 30)
        say("300 apps: one look, own CPU", cpu, "ms", 10)
        say("300 apps: app killed → event in hand", event_latency(home), "ms", 20)
        resident, _ = guard_figures(home, 10)
        say("300 apps: guard resident", resident, "MB", 33)
        ours, theirs = status_ratio(home)
        say("300 apps: status / pm2 jlist", ours / theirs, "x", 0.5)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
