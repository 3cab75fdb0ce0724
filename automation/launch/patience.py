"""Waiting out a pm2 command that somebody else runs: what it is doing must not be taken for a fault."""

from __future__ import annotations

import os
from pathlib import Path

from automation.ports.clock import Clock

PATIENCE_S = 15.0
LOOK_EVERY_S = 0.25
# Commands that run until somebody ends them, and change nothing.
ONLOOKERS = tuple([name] for name in (b"logs", b"log", b"monit", b"imonit", b"dashboard", b"dash", b"attach"))
_READ_CAP_BYTES = 256 * 1024


def wait_out_commands(clock: Clock, pm2_home: Path, home: Path) -> bool:
    """Wait while a pm2 command of this PM2 home lives, at most 15 s; tell whether none lives now."""
    deadline_s = clock.elapsed_s() + PATIENCE_S
    while command_lives(pm2_home, home):
        if clock.elapsed_s() >= deadline_s:
            return False
        clock.wait(LOOK_EVERY_S)
    return True


def command_lives(pm2_home: Path, home: Path, processes: Path = Path("/proc")) -> bool:
    """Tell whether a pm2 command line of this PM2 home runs.

    Args:
        pm2_home: The PM2 home that counts.
        home: Our HOME: a command without PM2_HOME uses `.pm2` in its own.
        processes: Where the kernel shows them.
    """
    return any(
        is_command(_read(folder / "cmdline"), _read(folder / "environ"), pm2_home, home)
        for folder in processes.iterdir()
        if folder.name.isdecimal() and int(folder.name) != os.getpid()
    )


def is_command(cmdline: bytes, environ: bytes, pm2_home: Path, home: Path) -> bool:
    """Tell whether these are words and variables of a pm2 command of this home. Pure."""
    words = cmdline.split(b"\0")
    program = [os.path.basename(word) for word in words[:2]]  # noqa: PTH119  # bytes
    if b"pm2" not in program or words[program.index(b"pm2") + 1 :][:1] in ONLOOKERS:
        return False
    variables = dict(part.split(b"=", 1) for part in environ.split(b"\0") if b"=" in part)
    default = os.path.join(variables.get(b"HOME", os.fsencode(home)), b".pm2")  # noqa: PTH118  # bytes
    return os.path.realpath(variables.get(b"PM2_HOME") or default) == os.path.realpath(os.fsencode(pm2_home))


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_READ_CAP_BYTES)
    except OSError:
        return b""
