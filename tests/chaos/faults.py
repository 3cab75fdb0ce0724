"""What can go wrong, and what people do: each changes the world, and says in words what it did."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
from collections.abc import Callable, Mapping

from automation.ports.process import alive
from tests.chaos.world import GUARD, NODE_APP, Wanted, World
from tests.guarding import eventually
from tests.real_pm2 import NODE, pm2_script

Fault = Callable[[World, random.Random], str]


def daemon_killed(world: World, _chance: random.Random) -> str:
    """The out-of-memory killer takes PM2's daemon."""
    return f"SIGKILL of the daemon (pid {_kill(world.ground.home.daemon_pid() or 0)})"


def daemon_and_guard_killed(world: World, _chance: random.Random) -> str:
    """It takes the guard with it; a person brings PM2 back."""
    guard, daemon = world.pid_of(GUARD), world.ground.home.daemon_pid() or 0
    _kill(guard)
    _kill(daemon)
    world.ground.home.cli("start", world.ground.home.apps / "guard.config.json")
    return f"SIGKILL of guard (pid {guard}) and daemon (pid {daemon}); a person starts the guard again"


def daemon_stopped(world: World, _chance: random.Random) -> str:
    """The daemon hangs."""
    daemon = world.ground.home.daemon_pid() or 0
    _kill(daemon, signal.SIGSTOP)
    return f"SIGSTOP of the daemon (pid {daemon})"


def sockets_removed(world: World, _chance: random.Random) -> str:
    """A cleaning job removes PM2's socket files."""
    for name in ("rpc.sock", "pub.sock"):
        (world.ground.home.path / name).unlink(missing_ok=True)
    return "both socket files removed"


def daemon_killed_and_commands(world: World, _chance: random.Random) -> str:
    """The daemon dies, and three impatient commands come at once."""
    _kill(world.ground.home.daemon_pid() or 0)
    commands = [_beside(world, word) for word in ("jlist", "ping", "ls")]
    for one in commands:
        with contextlib.suppress(subprocess.TimeoutExpired):
            one.wait(20)  # PM2 lets one of them hang for ever
        one.kill()
        one.wait()
    return "SIGKILL of the daemon, and three pm2 commands at once"


def guard_killed(world: World, _chance: random.Random) -> str:
    """The guard dies."""
    return f"SIGKILL of the guard (pid {_kill(world.pid_of(GUARD))})"


def app_killed(world: World, chance: random.Random) -> str:
    """An app dies; PM2 itself restarts it."""
    name = _one_that_runs(world, chance)
    return f"SIGKILL of {name} (pid {_kill(world.pid_of(name))})"


def app_errored(world: World, _chance: random.Random) -> str:
    """An app fails until PM2 gives up, and then could run again."""
    if "fragile" not in world.wanted or world.wanted["fragile"].stopped:
        return "nothing: a person has stopped the fragile app"
    broken = world.ground.home.apps / "broken"
    broken.touch()
    try:
        world.ground.home.cli("restart", "fragile")
        eventually("PM2 gives up on it", lambda: _status(world, "fragile") in {"errored", "stopped"}, 60)
    finally:
        broken.unlink()
    return "fragile was errored"


def app_stopped_by_nobody(world: World, chance: random.Random) -> str:
    """Some program stops an app over PM2's socket, and no person did."""
    name = _one_that_runs(world, chance)
    for one in world.listed():
        if one.name == name:
            world.ground.client.stop(one.pm_id)
    return f"{name} stopped by nobody"


def dump_damaged(world: World, chance: random.Random) -> str:
    """PM2's dump is damaged."""
    text = chance.choice(["", "{", "[]"])
    (world.ground.home.path / "dump.pm2").write_text(text, "utf-8")
    return f"dump.pm2 is {text!r}"


def person_stops(world: World, chance: random.Random) -> str:
    """A person stops an app."""
    name = _one_that_runs(world, chance)
    world.cli("stop", name)
    world.wanted[name] = Wanted(0, stopped=True) if name != "many" else world.wanted[name]
    if name == "many":
        world.cli("start", name)
    return f"a person stopped {name}" + (" and started it" if name == "many" else "")


def person_starts(world: World, chance: random.Random) -> str:
    """A person starts an app that was stopped, or a new one."""
    stopped = sorted(name for name, want in world.wanted.items() if want.stopped)
    if stopped:
        name = chance.choice(stopped)
        world.cli("restart", name)
        world.wanted[name] = Wanted()
        return f"a person started {name}"
    world.made += 1
    world.start(f"new{world.made}", NODE_APP)
    return f"a person started new{world.made}, and did not save"


def person_deletes(world: World, chance: random.Random) -> str:
    """A person deletes an app, without a save."""
    new = sorted(name for name in world.wanted if name.startswith("new"))
    if not new:
        return person_starts(world, chance)
    world.cli("delete", new[0])
    del world.wanted[new[0]]
    return f"a person deleted {new[0]}"


def person_restarts(world: World, chance: random.Random) -> str:
    """A person restarts an app."""
    name = _one_that_runs(world, chance)
    world.cli("restart", name)
    return f"a person restarted {name}"


def person_scales(world: World, chance: random.Random) -> str:
    """A person scales the cluster app."""
    runs = chance.choice([1, 2, 3])
    ran = world.ground.home.cli("scale", "many", str(runs))  # PM2 fails where it has that many
    eventually("it is scaled", lambda: sum(one.name == "many" for one in world.listed()) == runs, 60)
    world.wanted["many"] = Wanted(runs)
    return f"a person scaled many to {runs} (exit status {ran.returncode})"


def person_reloads(world: World, _chance: random.Random) -> str:
    """A person reloads the cluster app."""
    world.cli("reload", "many")
    return "a person reloaded many"


def person_updates(world: World, _chance: random.Random) -> str:
    """A person runs `pm2 update`."""
    world.ground.home.cli("update", timeout_s=60)
    return "a person ran pm2 update"


FAULTS: Mapping[str, Fault] = {
    one.__name__: one
    for one in (
        daemon_killed,
        daemon_and_guard_killed,
        daemon_stopped,
        sockets_removed,
        daemon_killed_and_commands,
        guard_killed,
        app_killed,
        app_errored,
        app_stopped_by_nobody,
        dump_damaged,
        person_stops,
        person_starts,
        person_deletes,
        person_restarts,
        person_scales,
        person_reloads,
        person_updates,
    )
}
# A second fault within a second of the first: of those that need no world that is well.
SECONDS = ("daemon_killed", "guard_killed", "sockets_removed", "dump_damaged", "app_killed")


def _kill(pid: int, number: signal.Signals = signal.SIGKILL) -> int:
    if pid > 1 and alive(pid):
        os.kill(pid, number)
    return pid


def _beside(world: World, word: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [NODE, pm2_script(world.ground.home.version), word],
        env=world.ground.home.environment,
        cwd=world.ground.home.apps,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _one_that_runs(world: World, chance: random.Random) -> str:
    return chance.choice(sorted(name for name, want in world.wanted.items() if not want.stopped))


def _status(world: World, name: str) -> str:
    return next((one.status for one in world.listed() if one.name == name), "")
