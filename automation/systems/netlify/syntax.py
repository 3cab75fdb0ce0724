"""Whether a function's source is syntactically whole: by esbuild where it is installed, else by tree-sitter.

Both are programs of their own, which can be ended, and neither runs anything of the function. What nobody
could judge is `unknown`, never `valid`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import posixpath
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from automation.core.errors import EffectFailed
from automation.ports.commands import Commands, Ran

ESBUILD = "node_modules/.bin/esbuild"
TREES_PROGRAM = Path(__file__).with_name("syntax_trees.py")
TREES_PACKAGES = ("tree_sitter", "tree_sitter_javascript", "tree_sitter_typescript")
ESBUILD_TIMEOUT_S = 30.0
TREES_TIMEOUT_S = 30.0
TREES_RUNS_CAP = 3
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
    return found | by_trees(workspace, left, commands)


def by_esbuild(workspace: Path, files: Sequence[str], commands: Commands) -> dict[str, Judged]:
    """Judge files by one run of esbuild; those that it gave no answer for are missing from the result."""
    with tempfile.TemporaryDirectory(prefix="redundancy-esbuild-") as outside:
        options = ("--log-level=error", "--log-limit=0", "--color=false", f"--outdir={outside}")
        paths = (f"./{file}" for file in files)
        try:
            ran = commands.run(
                str((workspace / ESBUILD).absolute()),
                *options,
                *paths,
                timeout_s=ESBUILD_TIMEOUT_S,
                cwd=workspace,
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


def by_trees(
    workspace: Path, files: Sequence[str], commands: Commands, packages: Sequence[str] = TREES_PACKAGES
) -> dict[str, Judged]:
    """Judge files by tree-sitter; where its packages are not installed they are unknown.

    A file that is too much for it ends a run; the next run goes on after it, TREES_RUNS_CAP times at most.
    """
    if any(importlib.util.find_spec(package) is None for package in packages):
        reason = "neither esbuild (in node_modules) nor tree-sitter (Python packages) is installed"
        return {file: Judged(Verdict.UNKNOWN, reason=reason) for file in files}
    found: dict[str, Judged] = {}
    left = list(files)
    for _ in range(TREES_RUNS_CAP):
        if not left:
            break
        found |= _run_trees(workspace, left, commands)
        left = [file for file in left if file not in found]
        if left:
            found[left[0]] = Judged(Verdict.UNKNOWN, reason=f"{left[0]}: tree-sitter could not cope with it")
            del left[0]
    return found | {file: Judged(Verdict.UNKNOWN, reason=f"{file}: not reached") for file in left}


def _run_trees(workspace: Path, files: Sequence[str], commands: Commands) -> dict[str, Judged]:
    """Run tree-sitter's program once; the files that it did not come to are missing from the result."""
    with tempfile.TemporaryDirectory(prefix="redundancy-trees-") as folder:
        asked, output = Path(folder, "asked"), Path(folder, "answers")
        asked.write_text(json.dumps([*files]), "utf-8")
        program = (sys.executable, "-P", str(TREES_PROGRAM), str(asked), str(output))
        with contextlib.suppress(EffectFailed):  # what it wrote until then counts
            commands.run(*program, timeout_s=TREES_TIMEOUT_S, cwd=workspace)
        text = output.read_text("utf-8") if output.exists() else ""
    lines = text.split("\n")[:-1]  # what follows the last line's end was cut off
    answers = (json.loads(line) for line in lines)
    return {file: _tree_answer(file, said) for file, said in answers}


def _tree_answer(file: str, said: str | Sequence[tuple[int, int, str]]) -> Judged:
    if isinstance(said, str):
        return Judged(Verdict.UNKNOWN, reason=f"{file}: {said}")
    problems = tuple(SyntaxProblem(file, line, column, message) for line, column, message in said)
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
