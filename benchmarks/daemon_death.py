"""How long PM2's apps are gone when its daemon is killed: `python -m benchmarks.daemon_death --apps 50`.

The world is that of tests/chaos, with more apps: node in fork and cluster mode, Python, shell, one with a
port, one stopped by hand, one deleted by hand without a save, and the guard under PM2. The daemon is killed
again and again; after each time every app must be as it was, exactly once, under one daemon, and the guard
guarding.

What it takes to start that many programs at all is measured in the same run: after each death PM2's own
`pm2 resurrect` starts a copy of the same apps in a home of its own, with nothing left over to end and nobody
who has to notice; and the processor time that these programs take until they wait is divided by the
processors. PM2 calls an app online when it was spawned, so that one can be listed before it has begun.

PM2's list is asked only when it may be whole: every question costs the daemon 5 ms, so until as many pid
files were written anew as apps run, these are counted.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from automation.core.errors import AutomationError
from automation.ports.clock import SystemClock
from automation.ports.process_table import descendants, running
from automation.systems.pm2.process import Process, processes
from automation.systems.pm2.wire.client import Pm2Client
from tests.chaos.world import GUARD, NODE_APP, PYTHON_APP, SHELL_APP, World, build
from tests.real_pm2 import NODE, VERSIONS, Pm2Home, pm2_script

LIMIT_S = 60.0
CLUSTER_WORKERS = 2  # they write their pid files themselves, a little after they are online
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
OF_BUILD = 8  # entries that `build` makes: with `stopped`, and with two workers of `many`


def main() -> int:
    """Print a line for each time, and the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--apps", type=int, default=50, help=f"how many; {OF_BUILD} at least: one of each kind"
    )
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--pm2", choices=VERSIONS, default="7")
    given = parser.parse_args()
    apps = max(given.apps, OF_BUILD)
    figures: dict[str, list[float]] = {what: [] for what in ("back", "handed over", "pm2 resurrect", "floor")}
    with build(given.pm2) as world:
        _add_apps(world, apps - OF_BUILD)
        world.settle()
        with _peer(world) as peer:
            for number in range(given.times):
                _rest()
                one = (*_once(world), *_resurrected(peer, apps))
                for kept, figure in zip(figures.values(), one, strict=True):
                    kept.append(figure)
                _say(
                    f"{number + 1}: all {apps} back after {one[0]:.2f} s, next guard {one[1]:.2f} s; "
                    f"pm2 resurrect {one[2]:.2f} s; the start itself {one[3]:.2f} s a core"
                )
    _say(f"PM2 {given.pm2}, {apps} apps, {given.times} times: all as it was, exactly once")
    for what, of_it in figures.items():
        middle = statistics.median(of_it)
        _say(f"{what} after {middle:.2f} s (median; {min(of_it):.2f} to {max(of_it):.2f})")
    ratio = statistics.median(figures["back"]) / statistics.median(figures["pm2 resurrect"])
    _say(f"back takes {ratio:.2f} times as long as PM2's own resurrect of the same apps")
    return 0


def _add_apps(world: World, more: int) -> None:
    kinds = ((NODE_APP, "js"), (PYTHON_APP, "py"), (SHELL_APP, "sh"), (NODE_APP, "js"))
    for number in range(max(more, 0)):
        text, suffix = kinds[number % len(kinds)]
        world.start(f"app{number}", text, suffix)


def _once(world: World) -> tuple[float, float]:
    """Kill the daemon; return after how many seconds all was back, and the next guard guarded."""
    guard, daemon = world.pid_of(GUARD), world.ground.home.daemon_pid()
    wanted = sum(one.runs for one in world.wanted.values()) + 1
    listed = len(world.listed())
    began_s, began_at_s = time.monotonic(), time.time()
    os.kill(daemon or 0, signal.SIGKILL)
    _until(lambda: _started_since(world.ground.home.path, began_at_s) >= wanted - CLUSTER_WORKERS, began_s)
    back_s = _until(lambda: _are_online(world.listed(), listed, wanted), began_s)
    handed_over_s = _until(lambda: _another_guards(world, guard), began_s)
    world.settle()
    return back_s, handed_over_s


def _started_since(home: Path, at_s: float) -> int:
    """Count the pid files that were written since a moment: what PM2 has started."""
    count = 0
    with contextlib.suppress(OSError), os.scandir(home / "pids") as folder:
        for one in folder:
            with contextlib.suppress(OSError):
                count += one.stat().st_mtime >= at_s
    return count


def _are_online(listed: tuple[Process, ...], entries: int, wanted: int) -> bool:
    return len(listed) == entries and sum(one.status == "online" for one in listed) == wanted


@contextmanager
def _peer(world: World) -> Iterator[Pm2Home]:
    """Give a second home, whose saved list has the same apps, but for the guard."""
    with Pm2Home(world.ground.home.version) as home:
        shutil.copytree(world.ground.home.apps, home.apps, dirs_exist_ok=True)
        text = json.dumps([one["pm2_env"] for one in world.ground.client.entries() if one["name"] != GUARD])
        saved = json.loads(text.replace(str(world.ground.home.folder), str(home.folder)))
        for one in saved:
            one.pop("instances", None)
            one.pop("pm_id", None)
        (home.apps / "port.js").write_text(NODE_APP, "utf-8")  # the port is taken
        home.path.mkdir()
        (home.path / "dump.pm2").write_text(json.dumps(saved), "utf-8")
        yield home


def _resurrected(peer: Pm2Home, apps: int) -> tuple[float, float]:
    """Let PM2 bring its own saved list up where nothing lives; return how long it took, and the floor."""
    client = Pm2Client(peer.path, SystemClock())
    words = [str(NODE), str(pm2_script(peer.version)), "resurrect"]
    quiet = subprocess.DEVNULL
    began_s, began_at_s = time.monotonic(), time.time()
    with subprocess.Popen(words, env=peer.environment, cwd=peer.apps, stdout=quiet, stderr=quiet):
        wanted = apps - 1  # one is listed as stopped
        _until(lambda: _started_since(peer.path, began_at_s) >= wanted - CLUSTER_WORKERS, began_s)
        took_s = _until(lambda: _are_online(_listed(client), apps, wanted), began_s)
    _rest()
    floor_s = _spent_s(peer.daemon_pid() or 0) / (os.cpu_count() or 1)
    client.close()
    _end_all(peer)
    return took_s, floor_s


def _listed(client: Pm2Client) -> tuple[Process, ...]:
    try:
        return processes(client.entries())
    except AutomationError:
        return ()


def _spent_s(daemon: int) -> float:
    """Return the processor time that a daemon and all that it has started have taken so far."""
    family = {daemon} | descendants({daemon}, {one.pid: one for one in running()})
    return sum(_ticks(pid) for pid in family) / TICKS_A_SECOND


def _ticks(pid: int) -> int:
    try:
        words = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return 0
    return int(words[11]) + int(words[12])


def _end_all(peer: Pm2Home) -> None:
    """Kill the daemon and its apps at once: the next one has nothing to end."""
    daemon = peer.daemon_pid() or 0
    family = descendants({daemon}, {one.pid: one for one in running()})
    for pid in (daemon, *family):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _another_guards(world: World, guard: int) -> bool:
    now = world.pid_of(GUARD)
    return now not in {0, guard} and world.ground.guarded_by(now)


def _until(holds: Callable[[], bool], began_s: float) -> float:
    while not holds():
        if time.monotonic() - began_s > LIMIT_S:
            raise AssertionError("; ".join(["not back in time", *[str(one) for one in sys.argv[1:]]]))
        time.sleep(0.01)
    return time.monotonic() - began_s


def _rest() -> None:
    """Let the world be as quiet as it is between two deaths in life: waits of the ladder are over."""
    time.sleep(3.0)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
