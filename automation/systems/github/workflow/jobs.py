"""Whether the jobs of a workflow are what GitHub takes."""

from __future__ import annotations

from collections.abc import Iterator

from automation.systems.github.workflow.needs import check_needs
from automation.systems.github.workflow.nodes import Mapping, Node, Scalar, Sequence, is_null, text_of
from automation.systems.github.workflow.problem import Problem, advice, fault
from automation.systems.github.workflow.steps import check_id, check_steps, has_open_end


def check_jobs(root: Mapping) -> Iterator[Problem]:
    """Report what is wrong with `jobs`."""
    key, jobs = root.key("jobs"), root.get("jobs")
    if key is None or jobs is None:
        yield fault(root.line, root.column, "jobs-missing", "`jobs` is missing")
    elif is_null(jobs) or (isinstance(jobs, Mapping) and not jobs.pairs):
        yield fault(key.line, key.column, "jobs-empty", "`jobs` holds no job")
    elif not isinstance(jobs, Mapping):
        yield fault(jobs.line, jobs.column, "jobs-not-mapping", "`jobs` takes a mapping of ids to jobs")
    else:
        for name, job in jobs.pairs:
            yield from check_id("job", name)
            yield from _job(name, job)
        yield from check_needs(jobs)


def _job(name: Scalar, job: Node) -> Iterator[Problem]:
    if not isinstance(job, Mapping):
        yield fault(name.line, name.column, "job-not-mapping", f"the job `{name.text[:60]}` is no mapping")
    elif job.key("uses") is not None:
        yield from _calling_job(job)
    else:
        yield from _running_job(name, job)


def _calling_job(job: Mapping) -> Iterator[Problem]:
    """Report what is wrong with a job that calls another workflow."""
    key = job.key("uses")
    if key is not None and not text_of(job.get("uses")):
        yield fault(key.line, key.column, "uses-empty", "`uses` names a workflow file")
    for other in ("runs-on", "steps"):
        found = job.key(other)
        if found is not None:
            message = f"a job that calls a workflow by `uses` has no `{other}`"
            yield fault(found.line, found.column, f"uses-and-{other}", message)


def _running_job(name: Scalar, job: Mapping) -> Iterator[Problem]:
    """Report what is wrong with a job that runs steps."""
    runs_on = job.key("runs-on")
    if runs_on is not None:
        yield from _runs_on(runs_on, job.get("runs-on"))
    elif not has_open_end(job):
        message = f"the job `{name.text[:60]}` needs `runs-on`, or `uses`"
        yield fault(name.line, name.column, "runs-on-missing", message)
    key, steps = job.key("steps"), job.get("steps")
    if key is not None and steps is not None:
        yield from check_steps(key, steps)
    elif not has_open_end(job):
        yield advice(name.line, name.column, "steps-missing", f"the job `{name.text[:60]}` has no steps")


def _runs_on(key: Scalar, value: Node | None) -> Iterator[Problem]:
    """Report a `runs-on` that names no runner: a text, a list of labels, or a mapping of group and labels."""
    if isinstance(value, Mapping):
        is_named = any(not is_null(value.get(name)) for name in ("group", "labels")) or has_open_end(value)
    elif isinstance(value, Sequence):
        is_named = True
        if not value.items:
            yield advice(value.line, value.column, "no-runner-label", "`runs-on` holds no label")
    else:
        is_named = bool(text_of(value))
    if not is_named:
        yield fault(key.line, key.column, "runs-on-empty", "`runs-on` names no runner")
