"""The step that keeps our own entries in PM2's dump."""

from __future__ import annotations

from automation.core.errors import EffectFailed, LockBusy, StepRefused
from automation.systems.pm2.dump.own import own_entries
from automation.systems.pm2.dump.saving import save_entries
from automation.systems.pm2.observer import Pm2Observer

LOCK_WAIT_S = 0.5  # a loop blocks for less than a second


def save_own_entries(observer: Pm2Observer, subject: str) -> str:
    """Merge our own entries into PM2's dump as they run now (safety S10).

    Raises:
        StepRefused: The dump must not be touched.
        EffectFailed: The disk said no, or somebody is starting or ending PM2's daemon.
    """
    if observer.dump_files is None:
        raise StepRefused(f"nobody knows where {subject} lies")
    own = own_entries(observer.pm2.entries(), observer.suites)
    if not own:
        return "not needed: PM2 runs none of our apps"
    try:
        return save_entries(
            observer.dump_files, own, observer.suites, observer.clock, lock_wait_s=LOCK_WAIT_S
        )
    except LockBusy as error:
        raise EffectFailed(str(error)) from error
