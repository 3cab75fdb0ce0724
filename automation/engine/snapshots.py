"""A system's snapshots, as the engine sees them: what it backs up, and where."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from automation.engine.context import Context
from automation.engine.loading import load
from automation.ports.files import make_folder
from automation.stores.backups.store import SnapshotStore, Source

Judge = Callable[[str, bytes], bool | None]


@dataclass(frozen=True, slots=True)
class BackedUp:
    """What a system backs up: its sources, and the roots of those that lie outside the workspace."""

    sources: Sequence[Source]
    roots: Mapping[str, Path] = field(default_factory=dict)


def backed_up(context: Context) -> BackedUp:
    """Return what this system backs up."""
    what: BackedUp = load(context.system.backup)(context)
    return what


def store_of(context: Context, *, lock_wait_s: float = 0.0) -> SnapshotStore:
    """Return the store of this system's snapshots."""
    return SnapshotStore(
        folder=context.layout.snapshots,
        system=context.system.name,
        clock=context.clock,
        host=platform.node(),
        workspace=context.layout.workspace,
        roots=backed_up(context).roots,
        lock_wait_s=lock_wait_s,
    )


def prepare_backups(context: Context) -> None:
    """Make the folder of all snapshots, private and kept out of git (safety S23).

    Raises:
        EffectFailed: The disk said no.
    """
    make_folder(context.layout.backups, mode=0o700)
