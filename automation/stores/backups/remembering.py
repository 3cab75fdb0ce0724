"""What is kept beside the snapshots of what they are: `latest`, and the records that save reading."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from automation.core.errors import AutomationError
from automation.stores.backups.listing import newest_for_latest, read_manifest
from automation.stores.backups.place import HIDDEN, LATEST, STAMPS, SUMMARIES, Place, snapshot_ids
from automation.stores.backups.stamps import Origin, Stamps
from automation.stores.backups.summaries import (
    Summary,
    manifest_stamp,
    read_summaries,
    summaries_to_bytes,
    summary_of,
)


def refresh_latest(place: Place) -> None:
    """Let `latest` point to the newest snapshot that is fit for it, or to nothing.

    Raises:
        EffectFailed: The link cannot be written.
    """
    link, wanted = place.folder / LATEST, newest_for_latest(place.folder)
    try:
        now = str(link.readlink())
    except OSError:
        now = None
    if wanted is None:
        place.disk.remove(link)
    elif now != wanted:
        place.disk.point(link, wanted, place.folder / f"{HIDDEN}latest")


def remember_summaries(place: Place, known: dict[str, Summary] | None = None) -> None:
    """Keep a summary of each snapshot that is there; a disk that takes none costs only reading again.

    Args:
        place: Where the snapshots lie.
        known: Summaries that need not be read.
    """
    before = read_summaries(place.folder)
    after: dict[str, Summary] = {}
    for id_ in snapshot_ids(place.folder):
        stamp = manifest_stamp(place.folder, id_)
        summary = (known or {}).get(id_) or before.get(id_)
        if stamp is None:
            continue
        if summary is not None and (id_ in (known or {}) or summary.stamp == stamp):
            after[id_] = replace(summary, stamp=stamp)
            continue
        with suppress(AutomationError):
            after[id_] = replace(summary_of(read_manifest(place.folder, id_)), stamp=stamp)
    if after != before:
        with suppress(AutomationError):
            place.disk.write(place.folder / SUMMARIES, summaries_to_bytes(after.items()))


def remember_stamps(place: Place, origin: Origin, stamps: Stamps) -> None:
    """Keep how the files of a snapshot stood; a disk that takes no note costs only reading again."""
    with suppress(AutomationError):
        place.disk.write_pieces(place.folder / STAMPS, stamps.pieces(origin))
