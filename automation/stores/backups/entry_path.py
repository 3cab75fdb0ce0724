r"""Paths of files in a snapshot: `files/…` and the like, relative, with `/` between the names.

A name that is not UTF-8 is kept as Python keeps it in text: each stray byte 0xNN as the lone surrogate
U+DCNN (surrogateescape). JSON writes that as `\udcNN`, in plain ASCII, and every byte comes back.
This holds where Python takes file names for UTF-8: not in an old 8-bit locale without PYTHONUTF8=1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from functools import lru_cache

NAME_CAP_BYTES = 255
PATH_CAP_BYTES = 4096
WORKSPACE = "files"

_PREFIX = re.compile(r"[a-z0-9][a-z0-9-]{0,63}", re.ASCII)


@lru_cache(maxsize=64)
def is_prefix(text: str) -> bool:
    """Tell whether a text may be the first name of an entry's path: a folder of a snapshot."""
    return _PREFIX.fullmatch(text) is not None


def problem_with(path: str) -> str | None:
    """Say why a relative path is refused; None when it is good."""
    names = path.split("/")
    if path.startswith("/"):
        return "is absolute; expected a path relative to the workspace"
    if ".." in names:
        return "climbs out with '..'"
    if "" in names or "." in names:
        return "has an empty name or '.' in it"
    if "\0" in path:
        return "has a NUL in it"
    return _problem_with_bytes(path, names)


def _problem_with_bytes(path: str, names: list[str]) -> str | None:
    try:
        raw = path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return "has a character that is in no file name"
    if raw.decode("utf-8", "surrogateescape") != path:
        return "has bytes written in another way than this program writes them"
    if len(raw) > PATH_CAP_BYTES:
        return f"is longer than {PATH_CAP_BYTES} bytes"
    if any(len(name.encode("utf-8", "surrogateescape")) > NAME_CAP_BYTES for name in names):
        return f"has a name longer than {NAME_CAP_BYTES} bytes"
    return None


def problem_with_entry(path: str) -> str | None:
    """Say why a path cannot be one of a snapshot's entries; None when it is good."""
    prefix, slash, rest = path.partition("/")
    if not slash or not is_prefix(prefix):
        return problem_with(path) or "does not begin with the name of a snapshot's folder and '/'"
    return problem_with(rest)


def split(entry_path: str) -> tuple[str, str]:
    """Return an entry's path as the snapshot's folder and the path inside it."""
    prefix, _, rest = entry_path.partition("/")
    return prefix, rest


def parent_of(path: str) -> tuple[str, str]:
    """Return a path as its folder (empty at the top) and its last name."""
    folder, _, name = path.rpartition("/")
    return folder, name


def ancestors(path: str) -> list[str]:
    """Return the folders that lead to a path, outermost first."""
    names = path.split("/")
    return ["/".join(names[:count]) for count in range(1, len(names))]


def matching(wanted: str, entries: Collection[str]) -> list[str]:
    """Return the entries that a person means by a path: a file, or all under a folder.

    The workspace comes first: `a/b` is `files/a/b`; only where there is none is it taken for an entry's own
    path, such as `pm2-home/dump.pm2`.
    """
    for meant in (f"{WORKSPACE}/{wanted}", wanted):
        found = [path for path in entries if path == meant or path.startswith(meant + "/")]
        if found:
            return sorted(found)
    return []


def temporary_name(system: str) -> str:
    """Name a file of the workspace until it is whole: one name, so that a kill leaves at most one behind."""
    return f".restore-{system}.tmp"


def is_temporary(name: str) -> bool:
    """Tell what a killed restore left in the workspace: no backup keeps it."""
    return name.startswith(".restore-") and name.endswith(".tmp")


def shown(path: str) -> str:
    """Return a path as one printable line, whatever bytes its names hold."""
    return path if path.isprintable() else json.dumps(path)
