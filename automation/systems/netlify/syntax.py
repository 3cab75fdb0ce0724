"""Whether a function's source is syntactically whole: by esbuild where it is installed, else by tree-sitter.

Neither runs anything of the function. What nobody could judge is `unknown`, never `valid`.
"""

from __future__ import annotations

import importlib
import posixpath
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from automation.core.errors import EffectFailed
from automation.ports.commands import Commands, Ran
from automation.ports.files import read_whole

ESBUILD = "node_modules/.bin/esbuild"
TREES_MODULE = "automation.systems.netlify.syntax_trees"
TIMEOUT_S = 30.0
FILES_AT_ONCE = 200
SOURCE_CAP_BYTES = 4 * 1024 * 1024
PROBLEMS_CAP = 5
MESSAGE_CAP = 200
EXTENSIONS = frozenset({".js", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts"})

# esbuild prints each error as a headline, an empty line, and where it is; columns count from 0.
_HEADLINE = re.compile(r"^\S+ \[ERROR\] (?P<message>.*)$", re.MULTILINE)
_PLACE = re.compile(r"\n\n {4}(?P<file>[^\n]+):(?P<line>\d+):(?P<column>\d+):\n")
# In its arguments these mean more than themselves.
_NOT_FOR_ESBUILD = re.compile(r"[=*\n\r]")

TreeErrors = Callable[[bytes, str], tuple[tuple[int, int, str], ...]]


class Verdict(StrEnum):
    """What is known of a source."""

    VALID = "valid"
    INVALID = "invalid"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class SyntaxProblem:
    """One syntax error; line and column count from 1."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        """Return it as editors and CI read it."""
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict on one source; `judge` is esbuild, tree-sitter or empty, `reason` says why unknown."""

    verdict: Verdict
    problems: tuple[SyntaxProblem, ...] = ()
    judge: str = ""
    reason: str = ""


def judge(workspace: Path, files: Sequence[str], commands: Commands) -> dict[str, Judged]:
    """Judge the main files of functions; each of them gets an answer.

    Args:
        workspace: The repository.
        files: Paths relative to it.
        commands: Runs esbuild.
    """
    answers = {file: _unreadable(workspace, file) for file in files}
    open_files = [file for file, answer in answers.items() if answer is None]
    found: dict[str, Judged] = {file: answer for file, answer in answers.items() if answer is not None}
    if (workspace / ESBUILD).is_file():
        fitting = [file for file in open_files if not _NOT_FOR_ESBUILD.search(file)]
        for start in range(0, len(fitting), FILES_AT_ONCE):
            found |= by_esbuild(workspace, fitting[start : start + FILES_AT_ONCE], commands)
    left = [file for file in open_files if file not in found]
    return found | by_trees(workspace, left, tree_errors() if left else None)


def by_esbuild(workspace: Path, files: Sequence[str], commands: Commands) -> dict[str, Judged]:
    """Judge files by one run of esbuild; those that it gave no answer for are missing from the result."""
    with tempfile.TemporaryDirectory(prefix="redundancy-esbuild-") as outside:
        options = ("--log-level=error", "--log-limit=0", "--color=false", f"--outdir={outside}")
        paths = (f"./{file}" for file in files)
        try:
            ran = commands.run(
                str((workspace / ESBUILD).absolute()), *options, *paths, timeout_s=TIMEOUT_S, cwd=workspace
            )
        except EffectFailed:
            return {}
    return verdicts(ran, files)


def verdicts(ran: Ran, files: Sequence[str]) -> dict[str, Judged]:
    """Read what esbuild said: a file that it named is invalid, the others are valid.

    Nothing is known of any other file where it failed for another reason than an error in one of them.
    """
    problems, complete = _problems(ran.stderr, frozenset(files))
    found = {
        file: Judged(Verdict.INVALID, tuple(said[:PROBLEMS_CAP]), "esbuild")
        for file, said in problems.items()
    }
    explained = ran.status == 0 or (ran.status == 1 and problems and complete)
    if not explained or ran.truncated:
        return found
    return {file: Judged(Verdict.VALID, judge="esbuild") for file in files} | found


def by_trees(workspace: Path, files: Iterable[str], errors_of: TreeErrors | None) -> dict[str, Judged]:
    """Judge files by tree-sitter; without it (None) they are unknown."""
    if errors_of is None:
        reason = "neither esbuild (in node_modules) nor tree-sitter (Python packages) is installed"
        return {file: Judged(Verdict.UNKNOWN, reason=reason) for file in files}
    return {file: _by_tree(workspace, file, errors_of) for file in files}


def tree_errors(module: str = TREES_MODULE) -> TreeErrors | None:
    """Return tree-sitter's part; None where its packages are not installed."""
    try:
        found: TreeErrors = importlib.import_module(module).errors_of
    except ImportError:
        return None
    return found


def _by_tree(workspace: Path, file: str, errors_of: TreeErrors) -> Judged:
    try:
        source = read_whole(workspace / file, cap=SOURCE_CAP_BYTES)
    except EffectFailed as error:
        return Judged(Verdict.UNKNOWN, reason=str(error))
    if source is None:
        return Judged(Verdict.UNKNOWN, reason=f"{file}: it has just vanished")
    found = errors_of(source, posixpath.splitext(file)[1])
    problems = tuple(SyntaxProblem(file, line, column, said) for line, column, said in found)
    return Judged(Verdict.INVALID if problems else Verdict.VALID, problems, "tree-sitter")


def _unreadable(workspace: Path, file: str) -> Judged | None:
    """Return the answer for what no judge here can read; None for a source that can be judged."""
    extension = posixpath.splitext(file)[1]
    if extension not in EXTENSIONS:
        return Judged(Verdict.UNKNOWN, reason=f"{file}: only JavaScript and TypeScript are judged")
    path = workspace / file
    try:
        size = path.stat().st_size if path.is_file() else None
    except OSError as error:
        return Judged(Verdict.UNKNOWN, reason=f"{file}: {error.strerror}")
    if size is None:
        return Judged(Verdict.UNKNOWN, reason=f"{file}: there is no such file")
    if size > SOURCE_CAP_BYTES:
        return Judged(Verdict.UNKNOWN, reason=f"{file}: {size} bytes, of at most {SOURCE_CAP_BYTES}")
    return None


def _problems(stderr: str, files: frozenset[str]) -> tuple[Mapping[str, Sequence[SyntaxProblem]], bool]:
    """Return the errors that name one of the files, and whether these were all errors."""
    found: dict[str, list[SyntaxProblem]] = {}
    complete = True
    for headline in _HEADLINE.finditer(stderr):
        place = _PLACE.match(stderr, headline.end())
        if place is None or place["file"] not in files:
            complete = False
            continue
        message = headline["message"][:MESSAGE_CAP]
        problem = SyntaxProblem(place["file"], int(place["line"]), int(place["column"]) + 1, message)
        found.setdefault(problem.file, []).append(problem)
    return found, complete
