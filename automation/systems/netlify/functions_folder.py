"""Reading the functions folder: a listing with caps, which discovery then judges."""

from __future__ import annotations

import os
import stat
from functools import partial
from itertools import islice
from pathlib import Path

from automation.core.errors import LookFailed
from automation.ports.files import cannot
from automation.systems.netlify.discovery import (
    EXTENSIONS,
    SKIPPED,
    Discovery,
    Entry,
    Kind,
    Runtime,
    discover,
    main_files,
    split_extension,
)
from automation.systems.netlify.settings_file import Settings, schedule_of

ENTRIES_CAP = 5000
BINARY_CAP_BYTES = 64 * 1024 * 1024

_ELF_64_LITTLE = b"\x7fELF\x02\x01"
_X86_64 = (62).to_bytes(2, "little")
_MADE_WITH = ((b".note.go.buildid", Runtime.GO), (b"rust_eh_personality", Runtime.RUST))


def read_discovery(workspace: Path, folder: str, settings: Settings) -> Discovery:
    """Return the functions of a folder of the workspace, with the schedules that the settings give them.

    Raises:
        LookFailed: The folder is missing, cannot be read, or has more than ENTRIES_CAP entries.
    """
    return discover(read_entries(workspace, folder), folder, partial(schedule_of, settings))


def read_entries(workspace: Path, folder: str) -> tuple[Entry, ...]:
    """List the functions folder.

    Raises:
        LookFailed: It is missing, cannot be read, or has more than ENTRIES_CAP entries.
    """
    place = workspace / folder
    try:
        with os.scandir(place) as listing:
            found = list(islice(listing, ENTRIES_CAP + 1))
        if len(found) > ENTRIES_CAP:
            raise LookFailed(f"{folder}: more than {ENTRIES_CAP} entries; is it the functions folder?")
        return tuple(_entry(item) for item in found)
    except FileNotFoundError:
        raise LookFailed(f"{folder}: there is no such folder; restore it, or correct netlify.toml") from None
    except OSError as error:
        raise LookFailed(str(cannot("list", place, error))) from error


def _entry(item: os.DirEntry[str]) -> Entry:
    if item.is_dir(follow_symlinks=False):
        if item.name == SKIPPED:
            return Entry(item.name, Kind.FOLDER)
        inside = frozenset(name for name in main_files(item.name) if Path(item.path, name).is_file())
        return Entry(item.name, Kind.FOLDER, inside)
    if item.is_symlink() and not Path(item.path).exists():
        return Entry(item.name, Kind.BROKEN_LINK)
    if split_extension(item.name)[1] in EXTENSIONS:
        return Entry(item.name)
    return Entry(item.name, binary=_made_with(Path(item.path)))


def _made_with(path: Path) -> Runtime | None:
    """Tell whether a file is a Linux x86-64 program, and whether Go or Rust made it."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return None  # a pipe would never answer
        with path.open("rb") as file:
            head = file.read(20)
            if not head.startswith(_ELF_64_LITTLE) or head[18:20] != _X86_64:
                return None
            rest = file.read(BINARY_CAP_BYTES)
    except OSError:
        return None  # as Netlify takes it
    return next((runtime for mark, runtime in _MADE_WITH if mark in rest), None)
