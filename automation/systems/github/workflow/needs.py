"""Whether the `needs` of the jobs name jobs that exist, and lead nowhere in a circle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from automation.systems.github.workflow.nodes import Mapping, Node, Scalar, Sequence, is_null
from automation.systems.github.workflow.problem import Problem, fault


@dataclass(frozen=True, slots=True)
class _Need:
    """One name of a `needs`: the job that waits, and the scalar that names the other."""

    job: str
    other: Scalar


def check_needs(jobs: Mapping) -> Iterator[Problem]:
    """Report unknown names and circles; capitals make no difference to GitHub."""
    names = {key.text.casefold(): key for key, _ in jobs.pairs}
    known: list[_Need] = []
    for key, job in jobs.pairs:
        needs = job.get("needs") if isinstance(job, Mapping) else None
        if needs is None:
            continue
        yield from _check_shape(needs)
        for need in _named(key.text.casefold(), needs):
            if need.other.text.casefold() in names:
                known.append(need)
            else:
                message = f"there is no job `{need.other.text[:60]}`"
                yield fault(need.other.line, need.other.column, "needs-unknown-job", message)
    yield from _circle(names, known)


def _check_shape(needs: Node) -> Iterator[Problem]:
    if is_null(needs):
        yield fault(needs.line, needs.column, "needs-empty", "`needs` names no job")
        return
    parts = needs.items if isinstance(needs, Sequence) else (needs,)
    for part in parts:
        if not isinstance(part, Scalar) or is_null(part):
            yield fault(
                part.line, part.column, "needs-not-text", "`needs` takes a job's name, or a list of them"
            )


def _named(job: str, needs: Node) -> Iterator[_Need]:
    parts = needs.items if isinstance(needs, Sequence) else (needs,)
    for part in parts:
        if isinstance(part, Scalar) and not is_null(part):
            yield _Need(job, part)


def _circle(names: dict[str, Scalar], known: list[_Need]) -> Iterator[Problem]:
    """Report one circle, at the first of its jobs in the file."""
    graph: dict[str, list[str]] = {name: [] for name in names}
    for need in known:
        graph[need.job].append(need.other.text.casefold())
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        first = min((names[name] for name in circle), key=lambda key: (key.line, key.column))
        path = " → ".join(names[name].text for name in reversed(circle))
        yield fault(first.line, first.column, "needs-cycle", f"these jobs wait for each other: {path[:200]}")
