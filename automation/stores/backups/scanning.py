"""Finding the files that a backup is asked for: folders are walked, links are not."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from automation.core.errors import EffectFailed
from automation.stores.backups.beneath import PathRefused, real_parts
from automation.stores.backups.entry_path import ancestors, is_temporary, parent_of, problem_with, shown
from automation.stores.backups.manifest import Problem

FILES_CAP = 200_000


@dataclass(frozen=True, slots=True)
class Scan:
    """The files and links that were found, in order, and what could not be looked at."""

    files: tuple[str, ...]
    problems: tuple[Problem, ...]


@dataclass(slots=True)
class _Search:
    """What a scan has found so far."""

    root: Path
    files_cap: int
    avoid: tuple[int, int] | None
    found: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)

    def add(self, path: str) -> None:
        self.found.add(path)
        if len(self.found) > self.files_cap:
            raise EffectFailed(
                f"{self.root}: more than {self.files_cap} files in a backup; name fewer", retryable=False
            )


def scan(root: Path, paths: Sequence[str], *, avoid: Path | None = None, files_cap: int = FILES_CAP) -> Scan:
    """Find the files of a root that are named by `paths`: files as they are, folders with all in them.

    What is not there is not said: a guard may name a file that a project need not have.

    Args:
        root: The folder that the paths are relative to.
        paths: Files, links or folders.
        avoid: A folder that is never walked: where the backups lie.
        files_cap: How many files at most.

    Raises:
        EffectFailed: There are more.
    """
    search = _Search(root, files_cap, _identity(avoid) if avoid is not None else None)
    for path in paths:
        reason = problem_with(path)
        if reason is not None:
            search.problems.append(Problem(path, reason))
            continue
        try:
            _find(search, path)
        except FileNotFoundError:
            continue
        except (OSError, PathRefused) as error:
            search.problems.append(Problem(path, reason_of(error)))
    return _without_inner(search.found, search.problems)


def reason_of(error: OSError | EffectFailed) -> str:
    """Say in a few words why a file could not be read."""
    if isinstance(error, OSError):
        return f"cannot be read: {error.strerror or error} (errno {error.errno})"
    return str(error)


def _find(search: _Search, path: str) -> None:
    real_parts(search.root, parent_of(path)[0])
    if not stat.S_ISDIR((search.root / path).lstat().st_mode):
        search.add(path)
        return
    folders = [path]
    while folders:
        folder = folders.pop()
        try:
            folders += _look_into(search, folder)
        except OSError as error:
            search.problems.append(Problem(folder, reason_of(error)))


def _look_into(search: _Search, folder: str) -> list[str]:
    """Add the files of one folder, and return the folders in it."""
    if search.avoid is not None and _identity(search.root / folder) == search.avoid:
        return []
    folders: list[str] = []
    with os.scandir(search.root / folder) as entries:
        for entry in entries:
            path = f"{folder}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                folders.append(path)
            elif not is_temporary(entry.name):
                search.add(path)
    return folders


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _without_inner(found: set[str], problems: list[Problem]) -> Scan:
    """Leave out what lies behind a link that is itself kept: a snapshot has one of the two."""
    files: list[str] = []
    for path in sorted(found):
        behind = next((folder for folder in ancestors(path) if folder in found), None)
        if behind is None:
            files.append(path)
        else:
            problems.append(Problem(path, f"lies behind {shown(behind)}, which is kept as a link"))
    return Scan(tuple(files), tuple(problems))
