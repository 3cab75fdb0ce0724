"""What one look brings: the workflow files as they are, and what GitHub last said of its runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from automation.core.finding import Severity
from automation.engine.kept_files import KeptFile
from automation.systems.github.records import Rate, Run, Workflow
from automation.systems.github.workflow.problem import Problem

FOLDER = ".github/workflows"
SUFFIXES = (".yml", ".yaml")


def is_workflow(path: str) -> bool:
    """Tell whether GitHub takes this file for a workflow: right in the folder, and YAML by its name."""
    pure = PurePosixPath(path)
    return str(pure.parent) == FOLDER and pure.suffix in SUFFIXES


def is_named(path: str, names: tuple[str, ...]) -> bool:
    """Tell whether one of the globs means this workflow: its path, its file name, or that without suffix."""
    pure = PurePosixPath(path)
    return any(fnmatchcase(said, name) for name in names for said in (path, pure.name, pure.stem))


@dataclass(frozen=True, slots=True)
class WorkflowFile:
    """One guarded file; `name` is what the file calls itself. Only workflows have `problems`.

    `unreadable` says why the file, which is there, could not be read: then nothing is known of it.
    """

    kept: KeptFile
    name: str = ""
    problems: tuple[Problem, ...] = ()
    unreadable: str = ""

    @property
    def path(self) -> str:
        """Where it lies in the workspace."""
        return self.kept.path

    @property
    def faults(self) -> tuple[Problem, ...]:
        """Return those problems for which GitHub refuses the file."""
        return tuple(one for one in self.problems if one.severity is Severity.CRITICAL)

    @property
    def valid(self) -> bool | None:
        """Tell whether GitHub takes it; None where it could not be read."""
        return None if self.unreadable else not self.kept.wiped and not self.faults


@dataclass(frozen=True, slots=True)
class Sight:
    """What GitHub last said, and how the last try to ask it went.

    `runs` come newest first; `note` says why it is not asked at all, which is no fault; `trouble` why asking
    failed. `branches` are those whose runs count. `seen_at_s` is None where it never answered.
    """

    workflows: tuple[Workflow, ...] = ()
    runs: tuple[Run, ...] = ()
    seen_at_s: float | None = None
    note: str = ""
    trouble: str = ""
    rate: Rate | None = None
    branches: tuple[str, ...] = ()

    def workflow(self, path: str) -> Workflow | None:
        """Return what GitHub says of a workflow file."""
        return next((one for one in self.workflows if one.path == path), None)


@dataclass(frozen=True, slots=True)
class Facts:
    """One look. `required` names workflows that must be there."""

    at_s: float
    files: tuple[WorkflowFile, ...] = ()
    sight: Sight = Sight()
    max_failures: int = 3
    required: tuple[str, ...] = ()

    def workflow_files(self) -> Iterator[WorkflowFile]:
        """Yield the workflows among the files."""
        return (file for file in self.files if is_workflow(file.path))
