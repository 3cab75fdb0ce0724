"""Finding the files that a backup is asked for: folders are walked in the order of paths, links are not."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from automation.core.errors import EffectFailed
from automation.stores.backups.beneath import Folders, PathRefused, real_parts
from automation.stores.backups.entry_path import ancestors, is_temporary, parent_of, problem_with, shown
from automation.stores.backups.manifest import Problem

FILES_CAP = 200_000

# A path and how lstat sees it, or what could not be looked at.
Found = tuple[str, os.stat_result]


def scan(
    root: Path, paths: Sequence[str], *, avoid: Path | None = None, files_cap: int = FILES_CAP
) -> Iterator[Found | Problem]:
    """Find the files of a root that are named by `paths`: files as they are, folders with all in them.

    They come in the order of their paths, and no more than a folder's at a time is in memory. What is not
    there is not said: a guard may name a file that a project need not have.

    Args:
        root: The folder that the paths are relative to.
        paths: Files, links or folders.
        avoid: A folder that is never walked: where the backups lie.
        files_cap: How many files at most.

    Raises:
        EffectFailed: There are more.
    """
    tops, problems = _tops(root, paths)
    yield from problems
    count = 0
    avoided = None if avoid is None else _identity(avoid)
    with Folders(root) as folders:
        for found in _all_of(folders, tops, avoided):
            yield found
            count += 1
            if count > files_cap:
                raise EffectFailed(
                    f"{root}: more than {files_cap} files in a backup; name fewer", retryable=False
                )


def reason_of(error: OSError | EffectFailed) -> str:
    """Say in a few words why a file could not be read."""
    if isinstance(error, OSError):
        return f"cannot be read: {error.strerror or error} (errno {error.errno})"
    return str(error)


def _tops(root: Path, paths: Sequence[str]) -> tuple[list[Found], list[Problem]]:
    """Look at what was asked for, in the order in which its files come; each file is asked for once."""
    there: dict[str, os.stat_result] = {}
    problems: list[Problem] = []
    for path in paths:
        reason = problem_with(path)
        if reason is not None:
            problems.append(Problem(path, reason))
            continue
        try:
            real_parts(root, parent_of(path)[0])
            there[path] = (root / path).lstat()
        except FileNotFoundError:
            continue
        except (OSError, PathRefused) as error:
            problems.append(Problem(path, reason_of(error)))
    tops = []
    for path in sorted(there, key=lambda path: _key(path, there[path])):
        above = next((folder for folder in ancestors(path) if folder in there), None)
        if above is None:
            tops.append((path, there[path]))
            continue
        link = _link_between(root, above, path)
        if link is not None:
            problems.append(Problem(path, f"lies behind {shown(link)}, which is kept as a link"))
    return tops, problems


def _key(path: str, status: os.stat_result) -> str:
    """Return what a path is sorted by, so that the files of all folders come in the order of their paths."""
    return path + "/" if stat.S_ISDIR(status.st_mode) else path


def _link_between(root: Path, above: str, path: str) -> str | None:
    """Return the first link from one folder on the way to a path beneath it."""
    for folder in ancestors(path):
        if len(folder) >= len(above) and (root / folder).is_symlink():
            return folder
    return None


def _all_of(
    folders: Folders, tops: Sequence[Found], avoided: tuple[int, int] | None
) -> Iterator[Found | Problem]:
    for top in tops:
        levels: list[Iterator[Found]] = [iter((top,))]
        while levels:
            path, status = next(levels[-1], ("", top[1]))
            if not path:
                levels.pop()
            elif not stat.S_ISDIR(status.st_mode):
                yield path, status
            else:
                try:
                    levels.append(iter(_look_into(folders, path, avoided)))
                except (OSError, PathRefused) as error:
                    yield Problem(path, reason_of(error))


def _look_into(folders: Folders, folder: str, avoided: tuple[int, int] | None) -> list[Found]:
    """Return what is in one folder, in order."""
    descriptor = folders.open(folder)
    if avoided is not None:
        status = os.fstat(descriptor)
        if (status.st_dev, status.st_ino) == avoided:
            return []
    found: list[tuple[str, str, os.stat_result]] = []
    with os.scandir(descriptor) as entries:
        for entry in entries:
            name = entry.name
            if is_temporary(name):
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue  # it vanished since the folder was listed: it is not there
            path = f"{folder}/{name}"
            found.append((path + "/" if stat.S_ISDIR(status.st_mode) else path, path, status))
    found.sort(key=lambda each: each[0])
    return [(path, status) for _, path, status in found]


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
