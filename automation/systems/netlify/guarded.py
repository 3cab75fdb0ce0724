"""Which files of a workspace are guarded, and which are backed up."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from pathlib import Path

from automation.core.settings import Settings as GuardSettings
from automation.engine.selecting import selection_of
from automation.systems.netlify import manifest
from automation.systems.netlify.discovery import EXTENSIONS, SKIPPED, split_extension
from automation.systems.netlify.settings_file import FILE_NAME

FILES_CAP = 5000
# What a function is made of; an editor's passing files are none of it.
GUARDED = (*EXTENSIONS, ".json", ".go", ".rs")
BESIDE = ("_redirects", "_headers")
OF_THE_PROJECT = (
    "package.json",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "bun.lock",
)


def manifest_path(settings: GuardSettings, folder: str) -> str:
    """Return where the list of functions lies."""
    named = settings.text("manifest_file")
    return posixpath.normpath(named) if named else manifest.path_in(folder)


def is_chosen(name: str, settings: GuardSettings) -> bool:
    """Tell whether settings let a function be guarded."""
    return selection_of(settings).takes(name)


def function_of(path: str, folder: str | None) -> str | None:
    """Return the name of the function that a file belongs to; None where it lies elsewhere."""
    if folder is None or not (folder == "." or path.startswith(f"{folder}/")):
        return None
    inner = path if folder == "." else path[len(folder) + 1 :]
    return split_extension(inner.partition("/")[0])[0]


def is_guarded(path: str, folder: str | None, manifest_file: str | None) -> bool:
    """Tell whether a file is guarded: netlify.toml, the manifest, and what functions are made of."""
    if posixpath.basename(path) == FILE_NAME or path == manifest_file:
        return True
    if function_of(path, folder) is None:
        return False
    inner = path if folder == "." else path.removeprefix(f"{folder}/")
    hidden = any(part.startswith(".") or part == SKIPPED for part in inner.split("/"))
    return not hidden and path.endswith(GUARDED)


def files_below(workspace: Path, folder: str, own_folders: tuple[Path, ...]) -> tuple[str, ...]:
    """Return a folder's files and links in order, FILES_CAP at most, without node_modules and our own."""
    found = _walk(workspace, posixpath.normpath(folder), own_folders)
    return tuple(sorted(path for path, _ in zip(found, range(FILES_CAP), strict=False)))


def _walk(workspace: Path, folder: str, own_folders: tuple[Path, ...]) -> Iterator[str]:
    """Yield the paths; a folder that cannot be listed holds nothing here: who discovers functions says so."""
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        try:
            with os.scandir(workspace / place) as listing:
                items = sorted(listing, key=lambda item: item.name)
        except OSError:
            continue
        for item in items:
            path = item.name if place == "." else f"{place}/{item.name}"
            if not item.is_dir(follow_symlinks=False):
                yield path
            elif (
                not item.name.startswith(".") and item.name != SKIPPED and Path(item.path) not in own_folders
            ):
                waiting.append(path)
