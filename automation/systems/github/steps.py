"""What is done against a problem; each step looks again first, and says which rule forbade it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

from automation.core.errors import StepRefused
from automation.core.restoring import Leave
from automation.ports.files import read_whole
from automation.systems.github.api import GitHubApi
from automation.systems.github.facts import Sight, is_named
from automation.systems.github.ladders import dispatchable
from automation.systems.github.observer import GitHubObserver
from automation.systems.github.records import Run
from automation.systems.github.runs import COMPLETED, FAILED, counted, failed_in_a_row
from automation.systems.github.workflow.fixes import fix as repaired_form
from automation.systems.github.workflow.yaml12 import SIZE_CAP_BYTES

DISPATCHED = "workflow_dispatch"


def fix(observer: GitHubObserver, subject: str) -> str:
    """Repair a workflow mechanically, where the rules would allow to put it back and the result checks clean.

    Raises:
        StepRefused: A rule leaves the file to a person, or no repair is sure.
        EffectFailed: The disk said no.
    """
    decision = observer.files.decision(subject)
    if isinstance(decision, Leave) and decision.reason != "no-valid-copy":
        raise StepRefused(f"{subject} is left alone: {decision.detail}")
    data = read_whole(observer.context.layout.workspace / subject, cap=SIZE_CAP_BYTES)
    repaired = repaired_form(data) if data else None
    if repaired is None:
        raise StepRefused(f"{subject}: no mechanical repair is sure")
    observer.files.overwrite(subject, repaired)
    return f"repaired {subject}: {len(data or b'')} bytes became {len(repaired)}"


def rerun(observer: GitHubObserver, subject: str) -> str:
    """Run the failed jobs of the newest failed run again, once for each run (safety S27).

    Raises:
        StepRefused: Settings do not name the workflow, or the run was re-run before.
        EffectFailed: GitHub could not be asked, or refused.
    """
    failed = _newest_failed(observer, subject)
    if failed is None:
        return "not needed: it does not fail any more"
    if not is_named(subject, observer.context.settings.names("rerun")):
        raise StepRefused(
            f"githubActions.rerun does not name {subject} (safety S27): `gh run rerun {failed.id} --failed`"
        )
    api = _api(observer)
    now = api.run(failed.id)
    if now.status != COMPLETED or now.conclusion not in FAILED:
        return f"not needed: run {now.id} is {now.conclusion or now.status}"
    if now.attempt > 1:
        raise StepRefused(f"run {now.id} was run again before, once is what is allowed (safety S27)")
    api.rerun_failed(now.id)
    observer.polling.note_run(replace(now, status="queued", conclusion=None, attempt=now.attempt + 1))
    return f"ran the failed jobs of run {now.id} again: {now.url}"


def dispatch(observer: GitHubObserver, subject: str) -> str:
    """Start a failing workflow anew, once for each failed run that was not itself dispatched (safety S27).

    Raises:
        StepRefused: Settings do not name the workflow, a run is under way, or the last one was a dispatch.
        EffectFailed: GitHub could not be asked, or refused.
    """
    failed = _newest_failed(observer, subject)
    if failed is None:
        return "not needed: it does not fail any more"
    if not is_named(subject, dispatchable(observer.context.settings)):
        raise StepRefused(
            f"githubActions.dispatch does not name {subject} (safety S27): by hand it is `trigger {subject}`"
        )
    newest = next(iter(_runs(observer.polling.look(), subject)))
    if newest.status != COMPLETED:
        raise StepRefused(f"run {newest.id} is under way: {newest.url}")
    if failed.event == DISPATCHED:
        raise StepRefused(f"run {failed.id} was a dispatch itself, and failed: once is allowed (safety S27)")
    started = _api(observer).dispatch(PurePosixPath(subject).name, failed.branch or "main", {})
    return "dispatched it" if started is None else f"dispatched it: run {started.id}, {started.url}"


def _newest_failed(observer: GitHubObserver, subject: str) -> Run | None:
    failed = failed_in_a_row(_runs(observer.polling.look(), subject))
    return failed[0] if failed else None


def _runs(sight: Sight, subject: str) -> list[Run]:
    return counted(sight.runs, sight.branches).get(subject, [])


def _api(observer: GitHubObserver) -> GitHubApi:
    api = observer.polling.api()
    if api is None:
        raise StepRefused(f"nothing was started: {observer.polling.note}")
    return api
