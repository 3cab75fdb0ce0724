"""What may be sent to PM2's daemon at all, as pure checks.

The daemon reads what it gets unchecked, and an exception in a call ends it, and with it every app: so what
would raise one is refused here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from automation.core.errors import StepRefused
from automation.systems.pm2.wire.restart_cron import is_cron

ID = re.compile(r"(_old_)?[0-9]{1,15}", re.ASCII)
NEEDED_TEXTS = ("name", "status", "pm_exec_path", "pm_pid_path")
MAYBE_TEXTS = ("pm_log_path", "pm_out_log_path", "pm_err_log_path", "exec_interpreter", "pm_cwd")
LEAVE_OUT = ("pm_id", "instances", "created_at", "prev_restart_delay")


def checked_id(pm_id: int | str) -> int | str:
    """Return an id that PM2 may have given to a process: a number, or `_old_` and a number.

    Raises:
        StepRefused: It is none. (PM2 looks ids up in a JavaScript object, where `toString` exists.)
    """
    if isinstance(pm_id, bool) or not ID.fullmatch(str(pm_id)):
        raise StepRefused(f"{pm_id!r} is no id that PM2 gives to a process; expected a number")
    return pm_id


def checked_entry(entry: Mapping[str, object]) -> dict[str, object]:
    """Return an entry that `prepare` can take without harm.

    Raises:
        StepRefused: It lacks what PM2 reads unchecked, or has what does not come back (safety S12).
    """
    for problem in _problems(entry):
        raise StepRefused(f"the entry of {str(entry.get('name', '?'))[:100]!r} {problem}; nothing was sent")
    return dict(entry)


def _problems(entry: Mapping[str, object]) -> Iterator[str]:
    yield from (f"must not have `{key}` when it is given back to PM2" for key in LEAVE_OUT if key in entry)
    if not isinstance(entry.get("env"), Mapping):
        yield "has no object `env`, which PM2 needs"
    for key in NEEDED_TEXTS:
        if not (isinstance(entry.get(key), str) and entry[key]):
            yield f"has no text `{key}`, which PM2 needs"
    for key in MAYBE_TEXTS:
        if not isinstance(entry.get(key) or "", str):
            yield f"has a `{key}` that is no text"
    cron = entry.get("cron_restart")
    if cron and cron != "0" and not is_cron(cron):  # 0 switches it off
        yield "has a `cron_restart` that PM2's daemon may not survive"
