"""What must not be deployed, and when a failed deploy may be repeated by itself (safety S23 and S25)."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from automation.core.errors import LookFailed
from automation.ports.files import cannot
from automation.systems.netlify.records import Deploy

ENTRIES_CAP = 100_000
SHOWN_CAP = 10

_PRIVATE_FOLDERS = frozenset({"backups", "logs", ".git"})


@dataclass(frozen=True, slots=True)
class RedeployFacts:
    """What is known when a deploy has failed; None is unknown, and unknown is never a yes.

    `under_way` and `newer_published` name deploys.
    """

    auto_deploy: bool
    is_linked_to_git: bool | None
    tree_is_clean: bool | None
    head: str | None
    failed_commit: str | None
    under_way: tuple[str, ...] | None
    newer_published: str | None = None


def redeploy_refusals(facts: RedeployFacts) -> tuple[str, ...]:
    """Return every reason against asking Netlify for a build; none means that it may be asked.

    A site that is not linked to git gets none: its deploy would have to carry all files that are published.
    """
    reasons = (
        (not facts.auto_deploy, "netlify.autoDeploy is off; run `deploy` by hand"),
        (facts.is_linked_to_git is None, "whether the site is linked to git is unknown"),
        (facts.is_linked_to_git is False, "the site is not linked to git: run `deploy` by hand"),
        (facts.tree_is_clean is None, "whether the working tree is clean is unknown"),
        (facts.tree_is_clean is False, "the working tree has changes that are not committed"),
        (not facts.head or not facts.failed_commit, "HEAD, or the failed deploy's commit, is unknown"),
        (
            bool(facts.head and facts.failed_commit) and facts.head != facts.failed_commit,
            "HEAD is not the commit of the failed deploy",
        ),
        (facts.under_way is None, "whether a deploy is under way is unknown"),
        (bool(facts.under_way), f"under way: {', '.join((facts.under_way or ())[:SHOWN_CAP])}"),
        (facts.newer_published is not None, f"deploy {facts.newer_published} was published since"),
    )
    return tuple(reason for applies, reason in reasons if applies)


def deploys_since(failed: Deploy, deploys: Iterable[Deploy]) -> tuple[tuple[str, ...], str | None]:
    """Return what is under way, and a production deploy that was published since the failed one began."""
    listed = tuple(deploys)
    under_way = tuple(deploy.id for deploy in listed if deploy.is_under_way and deploy.id != failed.id)
    since_s = failed.created_at_s or 0.0
    newer = [
        deploy
        for deploy in listed
        if deploy.is_production and deploy.id != failed.id and (deploy.published_at_s or 0.0) > since_s
    ]
    return under_way, newer[0].id if newer else None


def publish_refusals(paths: Iterable[str], own_folders: Iterable[str] = ()) -> tuple[str, ...]:
    """Name what a publish tree holds that must never leave: backups/, logs/, .git and .env*, at any depth.

    Args:
        paths: What the tree holds, relative to it; folders need not be listed apart.
        own_folders: Where backups and logs lie when not under these names, relative to the tree.
    """
    own = tuple(posixpath.normpath(folder) for folder in own_folders)
    found = dict.fromkeys(place for path in paths if (place := _private_place(path, own)))
    return tuple(sorted(found))[:SHOWN_CAP]


def read_publish_refusals(workspace: Path, publish: str, own_folders: Iterable[Path] = ()) -> tuple[str, ...]:
    """Look through a publish folder of the workspace (see publish_refusals).

    Links to folders are not followed; one that leads to something private is named as that.

    Raises:
        LookFailed: The folder is missing, cannot be read whole, or holds more than ENTRIES_CAP entries.
    """
    root = (workspace / publish).resolve()
    own = [
        folder.resolve().relative_to(root).as_posix()
        for folder in own_folders
        if folder.resolve().is_relative_to(root)
    ]
    return publish_refusals(chain([publish], _walk(root, workspace.resolve())), own)


def _private_place(path: str, own: tuple[str, ...]) -> str:
    """Return the part of a path that must not leave, up to its private name; empty if there is none."""
    parts = posixpath.normpath(path).split("/")
    for count, part in enumerate(parts, start=1):
        upto, name = "/".join(parts[:count]), part.casefold()
        if name in _PRIVATE_FOLDERS or name.startswith(".env") or upto in own:
            return upto
    return ""


def _walk(root: Path, workspace: Path) -> Iterator[str]:
    """Yield the tree's paths; of what is private only the name, not what it holds."""
    waiting, seen = [""], 0
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(root / folder) as listing:
                for item in listing:
                    seen += 1
                    if seen > ENTRIES_CAP:
                        raise LookFailed(f"{root}: more than {ENTRIES_CAP} entries; nothing is deployed")
                    path = f"{folder}/{item.name}" if folder else item.name
                    yield path
                    if item.is_symlink():
                        yield _target(Path(item.path), workspace)
                    elif item.is_dir(follow_symlinks=False) and not _private_place(path, ()):
                        waiting.append(path)
        except OSError as error:
            raise LookFailed(str(cannot("look through", root / folder, error))) from error


def _target(link: Path, workspace: Path) -> str:
    """Return where a link leads, relative to the workspace; of a place outside only its name is known."""
    target = link.resolve()
    return target.relative_to(workspace).as_posix() if target.is_relative_to(workspace) else target.name
