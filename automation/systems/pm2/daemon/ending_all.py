"""Ending a daemon and everything under it, in the gentlest way that there is, but for our own apps."""

from __future__ import annotations

import signal

from automation.core.errors import EffectFailed
from automation.ports.clock import Clock
from automation.ports.ending import Ending, Named, send
from automation.ports.process_table import descendants
from automation.systems.pm2.daemon.suspects import Scene

AFTER_KILL_S = 2.0


def end_daemon(
    daemon: Named, scene: Scene, spared_names: frozenset[str], clock: Clock, patience_s: float
) -> None:
    """End a daemon and its apps: it is stopped first, so that it starts none of them again meanwhile.

    The apps get SIGINT, as from PM2 itself, and their time; the daemon gets SIGKILL, since at SIGTERM it
    would overwrite PM2's dump with its list. What is spared lives on as an orphan.

    Raises:
        EffectFailed: The daemon outlived SIGKILL.
    """
    send(daemon, signal.SIGSTOP)
    with Ending(under(daemon.pid, scene, spared_names)) as apps:
        apps.interrupt()
        apps.wait(clock, patience_s)
        apps.kill()
        with Ending((daemon,)) as ending:
            ending.kill()
            if ending.wait(clock, AFTER_KILL_S):
                raise EffectFailed(
                    f"pid {daemon.pid} outlived SIGKILL: it is not ours to end, or waits for a disk"
                )
        apps.wait(clock, AFTER_KILL_S)


def under(daemon: int, scene: Scene, spared_names: frozenset[str]) -> tuple[Named, ...]:
    """Return what lives under a daemon, without what is spared and what lives under that.

    We ourselves, who are none of the suspects, may live there too.
    """
    spared = {one.process.pid for one in scene.suspects if one.name in spared_names} | {scene.ourselves}
    spared |= descendants(spared, scene.table)
    return tuple(
        Named(pid, scene.table[pid].start_ticks)
        for pid in sorted(descendants({daemon}, scene.table) - spared)
        if pid in scene.table
    )
