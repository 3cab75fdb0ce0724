"""The process manager that runs our own programs: PM2, as seen by an app that it started.

It tells an app who it is by environment variables, which every child inherits: so none of them is believed
without a look at the parent (safety S5).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from automation.ports import process_table
from automation.ports.socket_owner import socket_owner
from automation.ports.supervisor_home import supervisor_home


@dataclass(frozen=True, slots=True)
class Supervisor:
    """What runs us: whether it truly does, and the files that it writes our output to (None if unknown)."""

    runs_us: bool
    home: Path
    out_file: Path | None = None
    error_file: Path | None = None
    rotates: bool = False


def detect(environment: Mapping[str, str]) -> Supervisor:
    """Find out whether the process manager started us: pm_id is set, and our parent owns its socket."""
    folder = supervisor_home(environment)
    if not environment.get("pm_id"):
        return Supervisor(runs_us=False, home=folder)
    owner = socket_owner(_address(environment))
    if owner is None or owner != os.getppid():
        return Supervisor(runs_us=False, home=folder)
    return Supervisor(
        runs_us=True,
        home=folder,
        out_file=_path(environment, "pm_out_log_path"),
        error_file=_path(environment, "pm_err_log_path"),
        rotates=(folder / "modules" / "pm2-logrotate").is_dir(),
    )


def left_behind(pid: int, environment: Mapping[str, str]) -> bool:
    """Tell whether a process was started by a daemon of this home that is gone: another owns its socket."""
    marks = process_table.environment(pid)
    seen = process_table.look_at(pid)
    owner = socket_owner(_address(environment))
    if seen is None or owner is None or not marks.get("pm_id"):
        return False
    return seen.parent != owner and supervisor_home(marks) == supervisor_home(environment)


def _address(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("PM2_DAEMON_RPC_PORT") or supervisor_home(environment) / "rpc.sock")


def _path(environment: Mapping[str, str], name: str) -> Path | None:
    value = environment.get(name, "")
    return Path(value) if value.startswith("/") and value != "/dev/null" else None
