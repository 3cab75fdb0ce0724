"""Who may read the reports: REDUNDANCY_REPORT_GROUP and REDUNDANCY_REPORT_MODE narrow it."""

from __future__ import annotations

import grp
import os
from collections.abc import Mapping
from dataclasses import dataclass

from automation.core.errors import NotAllowed, SettingsInvalid

GROUP_VARIABLE, MODE_VARIABLE = "REDUNDANCY_REPORT_GROUP", "REDUNDANCY_REPORT_MODE"
# Others may read or not; nobody else ever writes: readers trust what they read.
MODES = ("0644", "0640", "0600", "644", "640", "600")
LONGEST_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Access:
    """The permission bits of a report, and the id of its group; None leaves the process's own."""

    mode: int = 0o644
    group_id: int | None = None


def access_of(environment: Mapping[str, str]) -> Access:
    """Return what the environment asks for; a group without a mode shuts out everybody else.

    Raises:
        SettingsInvalid: It names no group of this machine, or other bits.
        NotAllowed: This user is not in the group, and so cannot give it anything.
    """
    name, text = environment.get(GROUP_VARIABLE, ""), environment.get(MODE_VARIABLE, "")
    if text and text not in MODES:
        expected = ", ".join(MODES[:3])
        raise SettingsInvalid(f"{MODE_VARIABLE}: expected one of {expected}, got {text[:LONGEST_SHOWN]!a}")
    mode = int(text or ("0640" if name else "0644"), 8)
    return Access(mode, _group_id(name) if name else None)


def _group_id(name: str) -> int:
    try:
        group = grp.getgrnam(name)
    except (KeyError, ValueError):
        shown = name[:LONGEST_SHOWN]
        raise SettingsInvalid(f"{GROUP_VARIABLE}: expected a group of this machine, got {shown!a}") from None
    if os.geteuid() != 0 and group.gr_gid not in {os.getegid(), *os.getgroups()}:
        raise NotAllowed(f"{GROUP_VARIABLE}: this user is not in group {name}: add it, and log in again")
    return group.gr_gid
