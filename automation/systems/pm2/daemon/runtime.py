"""PM2 in the foreground (`pm2-runtime` in a container): who started it lives with it, and starts it again.

There a daemon of ours would run beside the container's own, or keep a dead container alive (safety S17).
"""

from __future__ import annotations

from pathlib import Path

from automation.core.errors import StepImpossible
from automation.ports.files import cannot, write_whole
from automation.ports.process_table import command_line

FOREGROUND = frozenset({"pm2-runtime", "pm2-docker", "pm2-dev", "pm2"})
FILE = "foreground"
SAID = "PM2 runs in the foreground (pm2-runtime): whatever started it ends with it, and starts it again"


def in_foreground(pid: int) -> bool:
    """Tell whether the process that is PM2's daemon is a command of PM2's, and no daemon of its own."""
    return any(word.rpartition("/")[2] in FOREGROUND for word in command_line(pid)[1:4])


def note(folder: Path, *, foreground: bool) -> None:
    """Keep, for when it is dead, that PM2 ran in the foreground.

    Raises:
        EffectFailed: The disk said no.
    """
    path = folder / FILE
    if foreground == path.exists():
        return
    try:
        if foreground:
            write_whole(path, b"", mode=0o600)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise cannot("write", path, error) from error


def refuse_in_foreground(folder: Path, owner: int | None) -> None:
    """Refuse to start or end a daemon where PM2 runs in the foreground, or did when it was last seen.

    Args:
        folder: Our own, where that is noted.
        owner: Who listens on PM2's socket now.

    Raises:
        StepImpossible: It does.
    """
    if in_foreground(owner) if owner is not None else (folder / FILE).exists():
        raise StepImpossible(f"{SAID}; the guard starts and ends no daemon here")
