"""What a person would ask first when functions are not judged or deploys are not seen."""

from __future__ import annotations

import importlib.util

from automation.core.errors import AutomationError, EffectFailed
from automation.engine.context import Context
from automation.ports.commands import SystemCommands
from automation.ports.git import SystemGit
from automation.systems.netlify import cli, syntax
from automation.systems.netlify.access import access_of
from automation.systems.netlify.observer import NOT_BUILT, connect

Line = tuple[str, str, bool]


def doctor(context: Context) -> list[Line]:
    """Say where the functions lie, who judges them, and how Netlify is asked; never the token itself."""
    lines = [("functions", *_functions(context)), ("git", *_git(context)), _judge(context), _cli(context)]
    access = access_of(context.settings, context.layout.workspace)
    if access.site_id:
        lines.append(("Netlify", f"site {access.site_id}, with a token", True))
    else:
        lines.append(("Netlify", access.trouble or access.note, not access.trouble))
    if context.settings.flag("auto_deploy"):
        lines.append(("setting", NOT_BUILT, False))
    return lines


def _functions(context: Context) -> tuple[str, bool]:
    try:
        local = connect(context).look_at_files()
    except EffectFailed as error:
        return str(error), False
    if local.damage:
        return str(local.damage[0]), False
    if local.folder is None:
        return "no functions folder: nothing to guard but netlify.toml", True
    if local.folder_missing:
        return f"{local.folder}: no such folder", False
    return f"{len(local.discovery.functions)} in {local.folder}", True


def _judge(context: Context) -> Line:
    if (context.layout.workspace / syntax.ESBUILD).is_file():
        return "syntax", f"judged by {syntax.ESBUILD}", True
    if all(importlib.util.find_spec(package) for package in syntax.TREES_PACKAGES):
        return "syntax", "judged by tree-sitter", True
    return (
        "syntax",
        "judged by nobody: `npm install --save-dev esbuild`, or install the extra `syntax`",
        False,
    )


def _cli(context: Context) -> Line:
    try:
        return "netlify-cli", cli.find(context.layout.workspace, context.environment), True
    except EffectFailed as error:
        return "netlify-cli", f"{error}; `build` and `deploy` need it", True


def _git(context: Context) -> tuple[str, bool]:
    git = SystemGit(SystemCommands(), context.layout.workspace)
    if not git.is_repository():
        return "the workspace lies in no repository: only snapshots can bring a file back", True
    try:
        head = git.head()
    except AutomationError as error:
        return str(error), False
    return f"HEAD is {head[:12]}" if head else "no commit yet", True
