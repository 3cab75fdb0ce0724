"""Which snapshot and which files a person means. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from automation.core.errors import UsageInvalid

LATEST = "latest"
LONGEST_SHOWN = 80
MOST_NAMED = 3


def chosen_id(wanted: str, ids: Sequence[str], latest: str | None) -> str:
    """Return the one snapshot that is meant by its id, by the beginning of it, or by `latest`.

    Args:
        wanted: What the person wrote.
        ids: The snapshots that are there, oldest first.
        latest: The newest one in which every file is valid, where there is one.

    Raises:
        UsageInvalid: None is meant, or more than one could be.
    """
    if wanted in ids:
        return wanted
    if wanted == LATEST:
        if latest is None:
            raise UsageInvalid("there is no `latest` yet: no snapshot is verified and wholly valid")
        return latest
    meant = [one for one in ids if wanted and one.startswith(wanted)]
    if not meant:
        raise UsageInvalid(f"there is no snapshot {wanted[:LONGEST_SHOWN]!r}; see the list of `backups`")
    if len(meant) > 1:
        named = ", ".join(meant[-MOST_NAMED:])
        raise UsageInvalid(
            f"{len(meant)} snapshots begin with {wanted[:LONGEST_SHOWN]!r}; give more of the id: … {named}"
        )
    return meant[0]


def inside(workspace: Path, path: str) -> str:
    """Return a path as snapshots have it: one that lies in the workspace may be given from the root on."""
    within = path.startswith(f"{workspace}/")
    return path[len(f"{workspace}/") :] if within else path
