"""Care for snapshots day by day: each is verified, and ten files are compared with the workspace."""

from __future__ import annotations

import random
from collections.abc import Sequence

from automation.core.moments import from_text, to_text
from automation.stores.backups.store import Snapshot, SnapshotStore

VERIFIED_EVERY_S = 86400.0
SPOT_FILES = 10


def due_for_verification(snapshots: Sequence[Snapshot], now_s: float) -> bool:
    """Tell whether any snapshot was verified more than a day ago, or (a clock set back) in the future. Pure.

    One whose manifest cannot be read is known to be damaged, and is not due for that.
    """
    ages = [now_s - from_text(one.verified_at) for one in snapshots if one.verified_at]
    return any(age_s >= VERIFIED_EVERY_S or age_s < 0.0 for age_s in ages)


def look_after(store: SnapshotStore) -> dict[str, object]:
    """Verify every snapshot once a day, and compare some files with the workspace each time.

    Returns:
        What the spot check found, for the record of what was done about backups.

    Raises:
        EffectFailed: The snapshots cannot be read.
    """
    if due_for_verification(store.snapshots(), store.clock.now_s()):
        store.verify_all()
    check = store.spot_check(random.sample, count=SPOT_FILES)
    if check is None:
        return {"spotCheck": None}
    differ = [{"path": one.path, "reason": one.reason} for one in check.differing]
    at = to_text(store.clock.now_s())
    return {"spotCheck": {"at": at, "id": check.id, "files": check.compared, "differ": differ}}
