"""The files that are guarded: workflows, and what they cannot do without; each is judged when it changed."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from automation.core.errors import AutomationError, EffectFailed
from automation.core.finding import Severity
from automation.core.settings import Settings
from automation.engine.context import Context
from automation.engine.kept_files import FILE_CAP, KeptFile, KeptFiles, matching_files
from automation.engine.selecting import selection_of
from automation.ports.files import read_whole
from automation.ports.git import Git
from automation.systems.github.facts import FOLDER, SUFFIXES, WorkflowFile, is_workflow
from automation.systems.github.workflow.nodes import Mapping, text_of
from automation.systems.github.workflow.structure import check_workflow
from automation.systems.github.workflow.yaml12 import read

ACTIONS = ".github/actions"
DEPENDABOT = (".github/dependabot.yml", ".github/dependabot.yaml")
ACTION_NAMES = ("action.yml", "action.yaml")
PATTERNS = (
    *(f"{FOLDER}/*{suffix}" for suffix in SUFFIXES),
    *(f"{ACTIONS}/**/{name}" for name in ACTION_NAMES),
    *DEPENDABOT,
)
LONGEST_NAME = 200


def judge(path: str, data: bytes) -> bool | None:
    """Say whether GitHub takes a file: workflows wholly, other YAML as YAML; None for anything else."""
    if not path.endswith(SUFFIXES):
        return None  # said early: a backup asks of every file there is
    if is_workflow(path):
        problems = check_workflow(data)
    elif PurePosixPath(path).suffix in SUFFIXES:
        problems = read(data).problems
    else:
        return None
    return all(problem.severity is not Severity.CRITICAL for problem in problems)


def is_guarded(path: str, settings: Settings) -> bool:
    """Tell whether a file is guarded: the workflows that settings choose, actions, dependabot's settings."""
    pure = PurePosixPath(path)
    if is_workflow(path):
        return selection_of(settings).takes(path, pure.name, pure.stem)
    return path in DEPENDABOT or (path.startswith(f"{ACTIONS}/") and pure.name in ACTION_NAMES)


class WorkflowFiles:
    """Looks at the files; an unchanged one is not read again."""

    def __init__(self, context: Context, git: Git) -> None:
        self._workspace = context.layout.workspace
        self._settings = context.settings
        self._git = git
        self._first = True
        self._judged: dict[str, WorkflowFile] = {}
        auto_restore = context.settings.flag("auto_restore")
        self.kept = KeptFiles(context, self._present, judge, auto_restore=auto_restore)

    def look(self) -> tuple[WorkflowFile, ...]:
        """Return the guarded files as they are, those included that are gone."""
        kept = (one for one in self.kept.look() if is_guarded(one.path, self._settings))
        self._judged = {one.path: self._judge(one) for one in kept}
        return tuple(self._judged.values())

    def _present(self) -> tuple[str, ...]:
        found = matching_files(self._workspace, PATTERNS)
        if self._first:  # what was deleted while nobody looked
            self._first = False
            found = (*found, *self._gone(frozenset(found)))
        return found

    def _gone(self, there: frozenset[str]) -> tuple[str, ...]:
        """Return what git's index holds, the folder does not, and no sparse checkout leaves out."""
        try:
            tracked = self._git.tracked(".github")
            absent = [path for path in tracked if path not in there and is_guarded(path, self._settings)]
            gone = [path for path in absent if not os.path.lexists(self._workspace / path)]
            return tuple(path for path in gone if not self._git.left_out(path))
        except AutomationError:
            return ()  # git says nothing: what the snapshots hold is known all the same

    def _judge(self, kept: KeptFile) -> WorkflowFile:
        known = self._judged.get(kept.path)
        if known is not None and known.kept is kept:  # the same value until the file changes
            return known
        if kept.wiped or not is_workflow(kept.path):
            return WorkflowFile(kept)
        return judged(kept, self._workspace)


def judged(kept: KeptFile, workspace: Path) -> WorkflowFile:
    """Read a workflow, and say what is wrong with it."""
    try:
        data = read_whole(workspace / kept.path, cap=FILE_CAP) or b""
    except EffectFailed as error:
        return WorkflowFile(kept, unreadable=str(error))
    root = read(data).root
    name = text_of(root.get("name")) if isinstance(root, Mapping) else None
    return WorkflowFile(kept, (name or "")[:LONGEST_NAME], check_workflow(data))
