"""Which systems the monitoring loop wants an emergency for: one small file each, so that none is lost.

The loop puts one down and starts a program; where a run is under way already, that one takes it up.
"""

from __future__ import annotations

from pathlib import Path

from automation.ports.files import cannot
from automation.stores.layout import Layout
from automation.stores.leases import LONGEST_S

_PREFIX = "emergency-wanted-"


def add(layout: Layout, system: str) -> None:
    """Put a wish down.

    Raises:
        EffectFailed: The disk said no.
    """
    path = layout.state / f"{_PREFIX}{system}"
    try:
        path.touch(mode=0o600)
    except OSError as error:
        raise cannot("write", path, error) from error


def take(layout: Layout, now_s: float) -> tuple[str, ...]:
    """Take the wishes away and return their systems; those that a crash left long ago count no more."""
    taken = []
    for path in _paths(layout):
        try:
            age_s = now_s - path.stat().st_mtime
            path.unlink()
        except OSError:
            continue  # another program took it
        if age_s <= LONGEST_S:
            taken.append(path.name.removeprefix(_PREFIX))
    return tuple(taken)


def waiting(layout: Layout) -> bool:
    """Tell whether there is any wish."""
    return bool(_paths(layout))


def _paths(layout: Layout) -> list[Path]:
    return sorted(layout.state.glob(f"{_PREFIX}*"))
