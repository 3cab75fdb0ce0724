"""What is wrong with the workflows: their files, and the runs that GitHub makes of them. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from automation.core.finding import Assessment, Finding, Severity
from automation.core.moments import to_text
from automation.engine.kept_files import kept_file_findings
from automation.systems.github.facts import Facts, WorkflowFile, is_named
from automation.systems.github.records import Run
from automation.systems.github.runs import counted, failed_in_a_row

GITHUB = "GitHub"
MOST_ROWS = 500


def assess(facts: Facts) -> Assessment:
    """Judge a look."""
    runs = counted(facts.sight.runs, facts.sight.branches)
    files = tuple(facts.workflow_files())
    findings = (
        *kept_file_findings(file.kept for file in facts.files),
        *workflow_missing(facts),
        *workflow_invalid(files),
        *file_unreadable(facts.files),
        *workflow_disabled(facts),
        *runs_failing(facts, runs),
        *api_unreachable(facts),
    )
    return Assessment(
        subjects=(*(file.path for file in files), *missing(facts)),
        findings=findings,
        sections=_sections(facts, runs),
        metrics=_metrics(facts, findings),
    )


def missing(facts: Facts) -> tuple[str, ...]:
    """Return the workflows that settings ask for and of which there is no file."""
    files = tuple(facts.workflow_files())
    return tuple(name for name in facts.required if not any(is_named(file.path, (name,)) for file in files))


def workflow_missing(facts: Facts) -> Iterator[Finding]:
    """Report workflows that settings ask for and of which there is no file."""
    for name in missing(facts):
        yield Finding(
            "workflow-missing",
            name,
            Severity.CRITICAL,
            "githubActions.workflows names it, and .github/workflows holds no such file",
            "add the file, or take the name out of the settings",
        )


def workflow_invalid(files: tuple[WorkflowFile, ...]) -> Iterator[Finding]:
    """Report files that GitHub refuses, or of which it never runs anything."""
    for file in files:
        if file.faults and not file.kept.wiped:
            first, more = file.faults[0], len(file.faults) - 1
            said = f"line {first.line}, column {first.column}: {first.problem}: {first.message}"
            yield Finding(
                "workflow-invalid",
                file.path,
                Severity.CRITICAL,
                f"{said} (and {more} more)" if more else said,
                f"`validate {file.path}` shows all that is wrong",
            )


def file_unreadable(files: tuple[WorkflowFile, ...]) -> Iterator[Finding]:
    """Report files that are there and could not be read: nothing is known of them (safety S2)."""
    for file in files:
        if file.unreadable:
            yield Finding(
                "file-unreadable", file.path, Severity.WARNING, file.unreadable, "look at its owner and mode"
            )


def workflow_disabled(facts: Facts) -> Iterator[Finding]:
    """Report workflows that GitHub does not run at all."""
    for file in facts.workflow_files():
        workflow = facts.sight.workflow(file.path)
        if workflow is not None and workflow.state.startswith("disabled"):
            yield Finding(
                "workflow-disabled",
                file.path,
                Severity.WARNING,
                f"GitHub says {workflow.state}: no push and no schedule starts it",
                f"`gh workflow enable {workflow.id}`, if that was not meant",
            )


def runs_failing(facts: Facts, runs: dict[str, list[Run]]) -> Iterator[Finding]:
    """Report workflows whose last runs on the default branch failed, so many in a row.

    A warning: a failing run is no broken site, it is mostly the code's fault, and it must not begin an
    emergency (safety S29).
    """
    for file in facts.workflow_files():
        failed = failed_in_a_row(runs.get(file.path, ()))
        if len(failed) >= facts.max_failures:
            newest = failed[0]
            yield Finding(
                "runs-failing",
                file.path,
                Severity.WARNING,
                f"its last {len(failed)} runs on {newest.branch} failed; the newest is {newest.url}",
                f"`gh run view {newest.id} --log-failed` shows why",
            )


def api_unreachable(facts: Facts) -> Iterator[Finding]:
    """Report that GitHub could not be asked; what it last said stands."""
    if facts.sight.trouble:
        seen_at_s = facts.sight.seen_at_s
        last = "has not answered yet" if seen_at_s is None else f"last answered at {to_text(seen_at_s)}"
        yield Finding(
            "api-unreachable",
            GITHUB,
            Severity.WARNING,
            f"{facts.sight.trouble}; it {last}",
            "the files are guarded all the same; `doctor` shows repository and address",
        )


def _sections(facts: Facts, runs: dict[str, list[Run]]) -> dict[str, object]:
    rate = facts.sight.rate
    rows = [_row(file, facts, runs) for file in facts.workflow_files()]
    return {
        "workflows": rows[:MOST_ROWS],
        "rate": None if rate is None else {"remaining": rate.remaining, "resetAt": to_text(rate.reset_at_s)},
        "note": facts.sight.note,
    }


def _row(file: WorkflowFile, facts: Facts, runs: dict[str, list[Run]]) -> dict[str, object]:
    workflow = facts.sight.workflow(file.path)
    last = next(iter(runs.get(file.path, ())), None)
    return {
        "file": file.path,
        "name": file.name or (workflow.name if workflow else ""),
        "valid": file.valid,
        "state": workflow.state if workflow else None,
        "lastRun": None if last is None else _run(last),
        "nextExpectedAt": None,
        "lateness": None,
    }


def _run(run: Run) -> dict[str, object]:
    return {
        "id": run.id,
        "status": run.status,
        "conclusion": run.conclusion,
        "at": to_text(run.started_at_s),
        "url": run.url,
    }


def _metrics(facts: Facts, findings: tuple[Finding, ...]) -> dict[str, float]:
    files = tuple(facts.workflow_files())
    return {
        "workflows": len(files),
        "invalid": sum(file.valid is False for file in files),
        "advice": sum(len(file.problems) - len(file.faults) for file in files),
        "disabled": sum(one.problem == "workflow-disabled" for one in findings),
        "failing": sum(one.problem == "runs-failing" for one in findings),
    }
