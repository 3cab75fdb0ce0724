"""How long PM2's apps are gone when its daemon is killed: `python -m benchmarks.daemon_death --apps 50`.

The world is that of tests/chaos, with more apps: node in fork and cluster mode, Python, shell, one with a
port, one stopped by hand, one deleted by hand without a save, and the guard under PM2. The daemon is killed
again and again; after each time every app must be as it was, exactly once, under one daemon, and the guard
guarding.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import sys
import time
from collections.abc import Callable

from tests.chaos.world import GUARD, NODE_APP, PYTHON_APP, SHELL_APP, World, build
from tests.real_pm2 import VERSIONS

LIMIT_S = 60.0
OF_BUILD = 8  # entries that `build` makes: with `stopped`, and with two workers of `many`


def main() -> int:
    """Print a line for each time, and the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--apps", type=int, default=50)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--pm2", choices=VERSIONS, default="7")
    given = parser.parse_args()
    back, handed_over = [], []
    with build(given.pm2) as world:
        _add_apps(world, given.apps - OF_BUILD)
        world.settle()
        for number in range(given.times):
            _rest()
            one = _once(world)
            back.append(one[0])
            handed_over.append(one[1])
            _say(f"{number + 1}: all {given.apps} back after {one[0]:.2f} s, next guard {one[1]:.2f} s")
    _say(f"PM2 {given.pm2}, {given.apps} apps, {given.times} times: all as it was, exactly once")
    for what, figures in (("back", back), ("handed over", handed_over)):
        middle = statistics.median(figures)
        _say(f"{what} after {middle:.2f} s (median; {min(figures):.2f} to {max(figures):.2f})")
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
    began_s = time.monotonic()
    os.kill(daemon or 0, signal.SIGKILL)
    back_s = _until(
        lambda: len(now := world.listed()) == listed and sum(one.status == "online" for one in now) == wanted,
        began_s,
    )
    handed_over_s = _until(lambda: _another_guards(world, guard), began_s)
    world.settle()
    return back_s, handed_over_s


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
