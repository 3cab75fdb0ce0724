"""What is done against an app that hangs: PM2 ends it, by SIGKILL where it must, and starts it again.

An app that hangs may ignore SIGINT, or be stopped by a signal: then PM2 sends SIGKILL after the app's own
`kill_timeout`, and only then answers. That is not waited for: PM2 goes on without us, and the next look sees
what came of it.
"""

from __future__ import annotations

from automation.core.errors import EffectFailed, StepRefused
from automation.ports.talking import Verdict
from automation.systems.pm2.observer import Pm2Observer
from automation.systems.pm2.process import Process, processes
from automation.systems.pm2.wire.door import NoAnswer

MOMENT_S = 0.8  # a loop blocks for less than a second
UNDER_WAY = frozenset({"stopping", "stopped", "launching", "waiting restart"})


def answers_again(observer: Pm2Observer, process: Process) -> bool:
    """Ask a process that hangs once more, before anything is done (safety S1).

    Raises:
        StepRefused: It cannot be asked, for reasons of our own (safety S2).
    """
    said = observer.ask_again(process, MOMENT_S)
    if said is None:
        return False
    if said.verdict is Verdict.UNKNOWN:
        raise StepRefused(f"it could not be asked once more ({said.why}): nothing was done")
    return said.verdict is Verdict.WELL


def started_when_stopped(process: Process) -> bool:
    """Tell whether a process that is stopped by nobody is started again: then it may be stopped first."""
    return process.autorestart and process.autostart and not process.stop_exit_codes


def restart_hung(observer: Pm2Observer, process: Process) -> str:
    """Let PM2 end a process and start it again.

    Raises:
        EffectFailed: PM2 said no, or does nothing about it.
    """
    try:
        observer.pm2.restart(process.pm_id, timeout_s=MOMENT_S)
    except NoAnswer:
        _see_that_it_is_under_way(observer, process)
        return f"PM2 is ending it (pid {process.pid} goes by SIGKILL where it must), and starts it then"
    return f"ended pid {process.pid} and started it again (id {process.pm_id})"


def end_hung(observer: Pm2Observer, process: Process) -> bool:
    """Let PM2 end a process, and tell whether it is down by now.

    That it is our doing is noted first: whoever finds it stopped starts it, also after our own death.

    Raises:
        EffectFailed: PM2 said no, or does nothing about it, or the disk said no.
    """
    observer.note_our_stop(process)
    try:
        observer.pm2.stop(process.pm_id, timeout_s=MOMENT_S)
    except NoAnswer:
        _see_that_it_is_under_way(observer, process)
        return False
    return True


def _see_that_it_is_under_way(observer: Pm2Observer, process: Process) -> None:
    """See that PM2 took the order.

    Raises:
        EffectFailed: It did not: the process runs on as before.
    """
    for one in processes(observer.pm2.entries()):
        same = (one.pm_id, one.unique_id) == (process.pm_id, process.unique_id)
        if same and one.status not in UNDER_WAY and one.run == process.run:
            raise EffectFailed(f"PM2 took no notice within {MOMENT_S:g} s: it is {one.status} as before")
