"""Whether the steps of a job are what GitHub takes: each one `uses` or `run`, with an id of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator

from automation.systems.github.workflow.nodes import Mapping, Node, Scalar, Sequence, text_of
from automation.systems.github.workflow.problem import Problem, advice, fault

ID_LENGTH_CAP = 100
_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def check_id(kind: str, name: Scalar) -> Iterator[Problem]:
    """Report an id that GitHub refuses; `kind` is `job` or `step`."""
    text = name.text
    if not _ID.fullmatch(text) or text.startswith("__") or len(text) >= ID_LENGTH_CAP:
        message = f"`{text[:60]}`: an id is letters, digits, `_` and `-`, begins with a letter or one `_`"
        yield fault(name.line, name.column, f"{kind}-id-invalid", f"{message}, and has fewer than 100")


def has_open_end(mapping: Mapping) -> bool:
    """Tell whether keys may come in from elsewhere, so that none can be called missing."""
    return any(key.text == "<<" or key.text.startswith("${{") for key, _ in mapping.pairs)


def check_steps(key: Scalar, steps: Node) -> Iterator[Problem]:
    """Report what is wrong with the value of `steps`."""
    if not isinstance(steps, Sequence):
        yield fault(steps.line, steps.column, "steps-not-list", "`steps` takes a list")
    elif not steps.items:
        yield advice(key.line, key.column, "steps-empty", "`steps` is empty: the job does nothing")
    else:
        for step in steps.items:
            yield from _step(step)
        yield from _repeated_ids(steps.items)


def _step(step: Node) -> Iterator[Problem]:
    if not isinstance(step, Mapping):
        yield fault(step.line, step.column, "step-not-mapping", "a step is a mapping with `uses` or `run`")
        return
    uses, run = step.key("uses"), step.key("run")
    if uses is not None and run is not None:
        later = max(uses, run, key=lambda key: (key.line, key.column))
        yield fault(later.line, later.column, "step-both", "a step takes `uses` or `run`, not both")
    elif uses is None and run is None and not has_open_end(step):
        yield fault(step.line, step.column, "step-neither", "a step needs `uses` or `run`")
    if uses is not None:
        yield from _uses(uses, step.get("uses"))
    if run is not None:
        yield from _run(run, step.get("run"))
    name = step.get("id")
    if isinstance(name, Scalar):
        yield from check_id("step", name)


def _uses(key: Scalar, value: Node | None) -> Iterator[Problem]:
    if not text_of(value):
        yield fault(key.line, key.column, "uses-empty", "`uses` names an action, such as `owner/name@v1`")


def _run(key: Scalar, value: Node | None) -> Iterator[Problem]:
    if isinstance(value, Sequence | Mapping):
        yield fault(key.line, key.column, "run-not-text", "`run` takes a text")
    elif not text_of(value):
        yield advice(key.line, key.column, "run-empty", "`run` is empty: the step does nothing")


def _repeated_ids(steps: tuple[Node, ...]) -> Iterator[Problem]:
    """Report ids that stand twice in one job; capitals make no difference."""
    seen: set[str] = set()
    for step in steps:
        name = step.get("id") if isinstance(step, Mapping) else None
        if not isinstance(name, Scalar):
            continue
        if name.text.casefold() in seen:
            yield fault(
                name.line, name.column, "step-id-duplicate", f"another step has the id `{name.text[:60]}`"
            )
        seen.add(name.text.casefold())
