"""Whether GitHub takes a workflow file and can ever run it: the checks that need no other program."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from automation.systems.github.workflow.events import check_events
from automation.systems.github.workflow.expressions import check_expressions
from automation.systems.github.workflow.jobs import check_jobs
from automation.systems.github.workflow.nodes import Mapping, Node, scalars
from automation.systems.github.workflow.problem import Problem, fault
from automation.systems.github.workflow.yaml12 import PROBLEMS_CAP, read


def check_workflow(data: bytes) -> tuple[Problem, ...]:
    """Return what is wrong with a workflow file, in the order of the file; at most PROBLEMS_CAP."""
    document = read(data)
    found = dict.fromkeys([*document.problems, *islice(_check(document.root), PROBLEMS_CAP)])
    return tuple(sorted(found, key=lambda problem: (problem.line, problem.column))[:PROBLEMS_CAP])


def _check(root: Node | None) -> Iterator[Problem]:
    if root is None:
        return
    if not isinstance(root, Mapping):
        yield fault(
            root.line, root.column, "root-not-mapping", "a workflow is a mapping with `on` and `jobs`"
        )
        return
    yield from check_events(root)
    yield from check_jobs(root)
    yield from _everywhere(root)


def _everywhere(root: Mapping) -> Iterator[Problem]:
    """Report what may stand wrong in any text: expressions, and merge keys, which GitHub does not know."""
    for scalar in scalars(root):
        for problem, message in check_expressions(scalar.text):
            yield fault(scalar.line, scalar.column, problem, message)
        if scalar.text == "<<" and not scalar.quoted:
            yield fault(
                scalar.line, scalar.column, "merge-key", "GitHub takes anchors, but no `<<` merge keys"
            )
