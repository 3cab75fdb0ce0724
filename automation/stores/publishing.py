"""Writing the report: by the loop alone, under the report's lock, whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping

from automation.core.errors import EffectFailed, NotAllowed, RecordDamaged, RecordNewer, SettingsInvalid
from automation.core.reading import read
from automation.core.report import Report, to_record
from automation.ports.locks import locked
from automation.stores.layout import Layout
from automation.stores.records import keep_evidence, read_record, write_record
from automation.stores.report_access import access_of


def publish(layout: Layout, report: Report, environment: Mapping[str, str], since: str) -> None:
    """Write the report; a damaged one that lies there is kept beside it, one of a newer schema is left alone.

    Raises:
        EffectFailed: The disk said no.
        LockBusy: Somebody held the report's lock for five seconds.
        RecordNewer: A newer version wrote the report that is there.
    """
    with locked(layout.report_lock, purpose="writing the report", since=since, timeout_s=5.0):
        _look_at_the_old_one(layout)
        _write(layout, to_record(report), environment)


def _write(layout: Layout, record: dict[str, object], environment: Mapping[str, str]) -> None:
    """Write a report for those who may read it.

    Raises:
        EffectFailed: The disk said no, or the group that was there at the start is gone.
    """
    try:
        access = access_of(environment)
    except (SettingsInvalid, NotAllowed) as error:
        raise EffectFailed(str(error), retryable=False) from error
    write_record(layout.report, record, mode=access.mode, group_id=access.group_id, indent=1)


def _look_at_the_old_one(layout: Layout) -> None:
    try:
        record = read_record(layout.report)
        if record is not None:
            read(record, str(layout.report))
    except RecordNewer:
        raise
    except RecordDamaged:
        keep_evidence(layout.report)


def refuse_newer(layout: Layout) -> None:
    """Refuse to guard where a newer version has reported: nothing may be acted on (safety S32).

    Raises:
        RecordNewer: A newer version wrote the report.
    """
    with contextlib.suppress(RecordDamaged, EffectFailed):
        record = read_record(layout.report)
        if record is not None:
            read(record, str(layout.report))


def mark_stopped(layout: Layout, reason: str, environment: Mapping[str, str], now: str) -> None:
    """Say in the report that its writer has ended, so that readers need not wait until it is stale.

    Only in our own: after the loss of the lock the report may be that of the next guard.

    Raises:
        EffectFailed: The disk said no.
        LockBusy: Somebody held the report's lock for five seconds.
    """
    with locked(layout.report_lock, purpose="writing the report", since=now, timeout_s=5.0):
        try:
            record = read_record(layout.report)
        except RecordDamaged:
            return
        if isinstance(record, dict) and record.get("pid") == os.getpid():
            record |= {"nextCheckAt": record.get("checkedAt"), "stopped": {"at": now, "reason": reason}}
            _write(layout, record, environment)
