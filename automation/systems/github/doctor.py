"""What a person would ask first when runs are not checked."""

from __future__ import annotations

from automation.core.errors import EffectFailed
from automation.engine.context import Context
from automation.ports.commands import SystemCommands
from automation.ports.git import SystemGit
from automation.systems.github.access import access_of


def doctor(context: Context) -> list[tuple[str, str, bool]]:
    """Say whether there is git, a token and a repository; never the token itself."""
    git = SystemGit(SystemCommands(), context.layout.workspace)
    lines = [("git", *_git(git))]
    access = access_of(context.settings, context.layout.workspace, git)
    if access.repository is None:
        return [*lines, ("GitHub", access.trouble or access.note, not access.trouble)]
    where = access.api_url or access.repository.api_url
    return [*lines, ("GitHub", f"{access.repository} at {where}, with a token", True)]


def _git(git: SystemGit) -> tuple[str, bool]:
    if not git.is_repository():
        return "the workspace lies in no repository: only snapshots can bring a file back", True
    try:
        head = git.head()
    except EffectFailed as error:
        return str(error), False
    return f"HEAD is {head[:12]}" if head else "no commit yet", True
