"""A system's snapshots, as the engine sees them: what it backs up, and where."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from automation.engine.context import Context
from automation.engine.keep_within import Within
from automation.engine.loading import load
from automation.ports.files import make_folder
from automation.stores.backup_sets import pinned
from automation.stores.backups.filling import Progress, quietly
from automation.stores.backups.listing import newest_for_latest
from automation.stores.backups.retention import Policy, Pruned
from automation.stores.backups.store import SnapshotStore, Source

Judge = Callable[[str, bytes], bool | None]


@dataclass(frozen=True, slots=True)
class BackedUp:
    """What a system backs up: its sources, and the roots of those that lie outside the workspace.

    `locks` names, by the same folders of a snapshot, the lock that whoever writes files there must hold.
    """

    sources: Sequence[Source]
    roots: Mapping[str, Path] = field(default_factory=dict)
    locks: Mapping[str, Path] = field(default_factory=dict)


def backed_up(context: Context) -> BackedUp:
    """Return what this system backs up."""
    what: BackedUp = load(context.system.backup)(context)
    return what


def store_of(context: Context, *, lock_wait_s: float = 0.0, tell: Progress = quietly) -> SnapshotStore:
    """Return the store of this system's snapshots; it tells now and then how much of its work is done."""
    return SnapshotStore(
        folder=context.layout.snapshots,
        system=context.system.name,
        clock=context.clock,
        host=platform.node(),
        workspace=context.layout.workspace,
        roots=backed_up(context).roots,
        lock_wait_s=lock_wait_s,
        progress=tell,
    )


def prepare_backups(context: Context) -> None:
    """Make the folder of all snapshots, private and kept out of git (safety S23).

    Raises:
        EffectFailed: The disk said no.
    """
    make_folder(context.layout.backups, mode=0o700)


def policy_of(context: Context) -> Policy:
    """Return which snapshots the settings let stay."""
    settings = context.settings
    return Policy(
        keep_last=settings.count("keep_last"),
        keep_hourly=settings.count("keep_hourly"),
        keep_daily=settings.count("keep_daily"),
        keep_weekly=settings.count("keep_weekly"),
        keep_monthly=settings.count("keep_monthly"),
        keep_within=Within(seconds=settings.seconds("keep_within")),
    )


def prune(context: Context, store: SnapshotStore, *, dry_run: bool = False) -> Pruned:
    """Apply the retention policy; what a set names stays (safety S22).

    Raises:
        LockBusy: Another process works on these snapshots.
        EffectFailed: The disk said no, or which sets there are cannot be read.
    """
    named = pinned(context.layout.backups, context.system.name)
    return store.prune(policy_of(context), pinned=named, dry_run=dry_run)


def latest_of(store: SnapshotStore) -> str | None:
    """Return the newest snapshot that is verified and wholly valid: what `latest` points to."""
    return newest_for_latest(store.folder)
