"""Where PM2 keeps its own files, as PM2 itself finds them, and where snapshots keep their copies.

What lies in PM2's home is `pm2-home/…` in a snapshot. A file that a variable has moved has a folder of its
own there, so that a restore brings it back to where PM2 looks for it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DUMP, BEFORE = "dump.pm2", "dump.pm2.bak"  # PM2 keeps the one before beside it, unread
MODULES = "module_conf.json"
PREFIX = "pm2-home"  # the folder of a snapshot that PM2's own files go to
# What each is called in PM2's home, the variable that moves it, and its folder in a snapshot then.
MOVED_BY = (
    (DUMP, "PM2_DUMP_FILE_PATH", "pm2-dump"),
    (BEFORE, "PM2_DUMP_BACKUP_FILE_PATH", "pm2-dump-before"),
    (MODULES, "PM2_MODULE_CONF_FILE", "pm2-modules"),
)


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file of PM2's own: what it is called in PM2's home, where it lies, and its folder in a snapshot."""

    standard: str
    path: Path
    prefix: str = PREFIX

    @property
    def entry(self) -> str:
        """Its path in a snapshot."""
        return f"{self.prefix}/{self.path.name}"


def files_of_pm2(home: Path, environment: Mapping[str, str]) -> tuple[KeptFile, KeptFile, KeptFile]:
    """Return PM2's saved list, the one before, and the settings of its modules."""
    dump, before, modules = (_kept(home / row[0], environment.get(row[1]), row[2]) for row in MOVED_BY)
    return dump, before, modules


def _kept(standard: Path, moved: str | None, prefix: str) -> KeptFile:
    """Return where a file is; a variable that names its usual place moves nothing."""
    if not moved or os.path.normpath(moved) == os.path.normpath(standard):
        return KeptFile(standard.name, standard)
    return KeptFile(standard.name, Path(moved).absolute(), prefix)
