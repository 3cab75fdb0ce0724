"""Which snapshots to keep: pure, and never fewer than the rules promise (safety S21, S22)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from automation.core.errors import SettingsInvalid
from automation.core.moments import from_text
from automation.stores.backups.listing import Snapshot
from automation.stores.backups.manifest import Manifest

RESTORE_KEPT_S = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class Policy:
    """How many snapshots to keep."""

    keep_last: int = 10

    def __post_init__(self) -> None:
        """Refuse a policy that keeps nothing."""
        if self.keep_last < 1:
            raise SettingsInvalid(f"retention.keepLast: expected a number > 0, got {self.keep_last}")


@dataclass(frozen=True, slots=True)
class Kept:
    """A snapshot that stays, and why."""

    id: str
    why: str


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed, or with `dry_run` would be, and what stays."""

    removed: tuple[str, ...]
    kept: tuple[Kept, ...]


def which_to_keep(
    snapshots: Sequence[Snapshot],
    policy: Policy,
    *,
    pinned: Collection[str],
    last_valid_in: Collection[str],
    now_s: float,
) -> tuple[Kept, ...]:
    """Decide what stays.

    Only whole snapshots that a backup took are counted: neither damaged ones nor those that a restore made
    can push a good one out.

    Args:
        snapshots: All there are, newest last.
        policy: How many to keep.
        pinned: Ids that a set names.
        last_valid_in: Ids of snapshots that hold a file's last valid copy.
        now_s: Seconds since 1970.
    """
    counted = [snapshot.id for snapshot in snapshots if _counts(snapshot)][-policy.keep_last :]
    verified = [snapshot.id for snapshot in snapshots if snapshot.verified][-1:]
    latest = [snapshot.id for snapshot in snapshots if snapshot.may_be_latest][-1:]
    full = len(counted) == policy.keep_last
    kept = []
    for snapshot in snapshots:
        why = _why(snapshot, counted, verified, full=full, now_s=now_s)
        if snapshot.id in latest:
            why = why or "`latest` points to it"
        if snapshot.id in pinned:
            why = why or "a set names it"
        if snapshot.id in last_valid_in:
            why = why or "it holds the last valid copy of a file"
        if why is not None:
            kept.append(Kept(snapshot.id, why))
    return tuple(kept)


def _counts(snapshot: Snapshot) -> bool:
    return snapshot.verified and snapshot.kind != "before-restore"


def _why(
    snapshot: Snapshot, counted: Sequence[str], verified: Sequence[str], *, full: bool, now_s: float
) -> str | None:
    if snapshot.newer:
        return "a newer version wrote it"
    if snapshot.id in counted:
        return f"one of the last {len(counted)}"
    if snapshot.id in verified:
        return "the newest verified"
    if not snapshot.verified and not (full and snapshot.id < counted[0]):
        return "damaged, and newer than what would replace it"
    if snapshot.kind == "before-restore" and now_s - from_text(snapshot.created_at) < RESTORE_KEPT_S:
        return "a restore made it less than 7 days ago"
    return None


def last_valid_in(manifests: Iterable[Manifest], damaged: Collection[str]) -> frozenset[str]:
    """Return the snapshots that hold, for some file, the last copy that was found valid.

    Args:
        manifests: All that can be read, newest first.
        damaged: Ids in which a verification found damage: they count only for files that no other one has.
    """
    whole: dict[str, str] = {}
    rest: dict[str, str] = {}
    for manifest in manifests:
        place = rest if manifest.id in damaged else whole
        for entry in manifest.files:
            if entry.valid is True:
                place.setdefault(entry.path, manifest.id)
    return frozenset((rest | whole).values())
