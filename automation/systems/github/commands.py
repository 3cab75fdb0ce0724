"""`validate` and `trigger`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from automation.core.errors import StepRefused, UsageInvalid
from automation.core.finding import Severity
from automation.engine.by_hand import on_record
from automation.engine.calling import Call
from automation.engine.context import build, prepare_folders
from automation.engine.kept_files import FILE_CAP, matching_files
from automation.engine.terminal import safe, say, say_json
from automation.engine.whereabouts import layout_of
from automation.ports.commands import SystemCommands
from automation.ports.files import read_whole
from automation.ports.git import SystemGit
from automation.ports.web import RequestsHttp
from automation.systems.github.access import refuse_wrong_settings
from automation.systems.github.facts import FOLDER, SUFFIXES
from automation.systems.github.polling import Polling
from automation.systems.github.records import RunRef
from automation.systems.github.workflow.problem import Problem
from automation.systems.github.workflow.structure import check_workflow

MOST_INPUTS = 25  # more GitHub does not take


def validate(call: Call) -> int:
    """Print what is wrong with workflow files, one line each; 1 when GitHub refuses one of them.

    Raises:
        UsageInvalid: There is no such file.
        EffectFailed: One cannot be read.
    """
    workspace = layout_of(call.system, call.workspace, call.environment).workspace
    files = call.texts("file") or matching_files(workspace, [f"{FOLDER}/*{one}" for one in SUFFIXES])
    found = [(file, problem) for file in files for problem in _problems(workspace, file)]
    if call.flag("json"):
        say_json([_record(file, problem) for file, problem in found])
    for file, problem in () if call.flag("json") else found:
        say(f"{safe(file)}:{problem.line}:{problem.column}: {problem.problem}: {safe(problem.message)}")
    if not found and not call.flag("json"):
        say(f"{len(files)} files: nothing wrong" if files else f"{FOLDER} holds no workflow")
    return 1 if any(problem.severity is Severity.CRITICAL for _, problem in found) else 0


def _problems(workspace: Path, file: str) -> Sequence[Problem]:
    data = read_whole(workspace / file, cap=FILE_CAP)
    if data is None:
        raise UsageInvalid(f"{file}: no such file in {workspace}")
    return check_workflow(data)


def _record(file: str, problem: Problem) -> dict[str, object]:
    return {
        "file": file,
        "line": problem.line,
        "column": problem.column,
        "problem": problem.problem,
        "severity": problem.severity.value,
        "message": problem.message,
    }


def trigger(call: Call) -> int:
    """Start a run of a workflow, and print its id and address.

    Raises:
        UsageInvalid: An input is not of the form K=V.
        StepRefused: There is no token, or no repository.
        LockBusy: Somebody else is acting.
        EffectFailed: GitHub could not be asked, or refused.
    """
    inputs = inputs_of(call.texts("input"))
    context = build(call.system, call.workspace, call.environment, call.clock)
    refuse_wrong_settings(context.settings)
    git = SystemGit(SystemCommands(), context.layout.workspace)
    polling = Polling(context, git, RequestsHttp())
    api = polling.api()
    if api is None:
        raise StepRefused(f"nothing was started: {polling.note}")
    name = PurePosixPath(call.text("workflow")).name
    ref = call.text("ref") or polling.branches()[0]
    prepare_folders(context.layout)
    with on_record(context, "trigger", name) as said:
        started = api.dispatch(name, ref, inputs)
        said.append(f"run {started.id}: {started.url}" if started else "started")
    _tell(call, name, started)
    return 0


def inputs_of(given: Sequence[str]) -> dict[str, str]:
    """Return the inputs by name.

    Raises:
        UsageInvalid: One is not of the form K=V, or there are too many.
    """
    pairs = [one.partition("=") for one in given]
    for name, equals, _ in pairs:
        if not name or not equals:
            raise UsageInvalid(f"--input: expected K=V, got {name[:80]!r}")
    if len(pairs) > MOST_INPUTS:
        raise UsageInvalid(f"--input: GitHub takes {MOST_INPUTS} at most, got {len(pairs)}")
    return {name: value for name, _, value in pairs}


def _tell(call: Call, name: str, started: RunRef | None) -> None:
    if call.flag("json"):
        say_json({"id": started.id if started else None, "url": started.url if started else None})
    elif started is None:
        say(f"{name} was started; this GitHub does not say as which run")
    else:
        say(f"run {started.id}: {started.url}")
