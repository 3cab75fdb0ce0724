"""Whether an emergency may kill all and start over (safety S9). Pure."""

from __future__ import annotations

from automation.core.finding import Assessment
from automation.stores.leases import Lease
from automation.systems.pm2.daemon.kill_all import KillAll, is_recent

NOT_THERE = "required-missing"  # see required.py


def holds_the_lease(lease: Lease | None, system: str, epoch: str, boot_id: str, elapsed_s: float) -> bool:
    """Tell whether the emergency that calls itself `epoch` is at work on a system now.

    A variable alone is inherited, and outlives the emergency that set it.
    """
    if lease is None or not epoch or lease.epoch != epoch or system not in lease.systems:
        return False
    return lease.in_force(boot_id, elapsed_s)


def is_last_resort(assessment: Assessment, last: KillAll | None, now_s: float) -> bool:
    """Tell whether nothing gentler is left: fewer than half of the apps run, and it is not the host's fault.

    Args:
        assessment: How it stands after every other rung was taken.
        last: The last kill-all; none is done within 24 h of it.
        now_s: Seconds since 1970.
    """
    if assessment.strained or is_recent(last, now_s):
        return False
    down = {
        one.subject
        for one in assessment.findings
        if one.problem.startswith("process-") or one.problem == NOT_THERE
    }
    running = sum(subject not in down for subject in assessment.subjects)
    return 2 * running < len(assessment.subjects)
