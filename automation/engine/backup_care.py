"""Care for snapshots day by day: each is verified, and ten files are compared with the workspace."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from automation.core.moments import from_text, to_text
from automation.engine.context import Context
from automation.stores.backups.beneath import PathRefused
from automation.stores.backups.entry_path import split
from automation.stores.backups.listing import readable_manifests
from automation.stores.backups.manifest import Entry, Manifest
from automation.stores.backups.reading import State, state_of, state_of_entry
from automation.stores.backups.store import Snapshot, SnapshotStore

VERIFIED_EVERY_S = 86400.0
SPOT_FILES = 10
JUST_BEFORE_S = 2.0  # what changed so shortly before a snapshot may have changed after it: clocks are coarse


def due_for_verification(snapshots: Sequence[Snapshot], now_s: float) -> bool:
    """Tell whether any snapshot was verified more than a day ago, or (a clock set back) in the future. Pure.

    One whose manifest cannot be read is known to be damaged, and is not due for that.
    """
    ages = [now_s - from_text(one.verified_at) for one in snapshots if one.verified_at]
    return any(age_s >= VERIFIED_EVERY_S or age_s < 0.0 for age_s in ages)


@dataclass(frozen=True, slots=True)
class Compared:
    """A file of the newest snapshot, how it stands in the workspace, and when it was last touched there."""

    entry: Entry
    state: State | None
    touched_at_s: float | None


def differing(compared: Iterable[Compared], taken_at_s: float) -> tuple[str, ...]:
    """Return the files that are not as their copies although nobody touched them since. Pure.

    What was changed or deleted after the snapshot is the next one's business.
    """
    return tuple(
        one.entry.path
        for one in compared
        if one.state is not None
        and one.touched_at_s is not None
        and one.touched_at_s < taken_at_s - JUST_BEFORE_S
        and one.state != state_of_entry(one.entry)
    )


def spot_check(context: Context, store: SnapshotStore, seed: int | None = None) -> dict[str, object] | None:
    """Compare ten files of the newest regular snapshot, chosen by chance, with the workspace.

    Returns:
        For the outcome: when, of which snapshot, how many files, and those that `differ`. None where there
        is no such snapshot.
    """
    manifest = next((one for one in readable_manifests(store.folder) if one.kind == "regular"), None)
    if manifest is None:
        return None
    chance = random.Random(seed)  # noqa: S311  # no secret depends on it
    chosen = chance.sample(manifest.files, min(SPOT_FILES, len(manifest.files)))
    roots = {**store.roots, "files": store.workspace}
    compared = [_compare(roots[split(one.path)[0]], one) for one in chosen if split(one.path)[0] in roots]
    return {
        "at": to_text(context.clock.now_s()),
        "id": manifest.id,
        "files": len(compared),
        "differ": list(differing(compared, _taken_at_s(manifest))),
    }


def _taken_at_s(manifest: Manifest) -> float:
    return from_text(manifest.created_at)


def _compare(root: Path, entry: Entry) -> Compared:
    inner = split(entry.path)[1]
    try:
        touched_at_s = (root / inner).lstat().st_ctime
        return Compared(entry, state_of(root, inner), touched_at_s)
    except (OSError, PathRefused):  # could not look: nothing is said of it (safety S2)
        return Compared(entry, None, None)
