"""What GitHub's REST interface says of workflows and runs, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from automation.core.moments import from_text


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow as GitHub knows it; `state` is active, deleted, disabled_… or a word that is yet to come."""

    id: int
    name: str
    path: str
    state: str


@dataclass(frozen=True, slots=True)
class Run:
    """One run; `conclusion` is None until it is completed, and a re-run raises `attempt`.

    `path` is the workflow's file, without the `@ref` that GitHub may put behind it.
    """

    id: int
    workflow_id: int
    name: str
    path: str
    event: str
    status: str | None
    conclusion: str | None
    branch: str | None
    attempt: int
    created_at_s: float
    started_at_s: float
    updated_at_s: float
    url: str


@dataclass(frozen=True, slots=True)
class RunRef:
    """A run that was just started: its id, and its page for people."""

    id: int
    url: str


@dataclass(frozen=True, slots=True)
class Rate:
    """How many requests are left, and until when."""

    remaining: int
    reset_at_s: float


class _Record:
    """Fields of one JSON object, each checked for its kind as it is read."""

    def __init__(self, value: object) -> None:
        if not isinstance(value, Mapping):
            raise ValueError(f"an object was expected, not {type(value).__name__}")  # noqa: TRY004  # data, not code
        self._fields = value

    def number(self, name: str, default: int | None = None) -> int:
        value = self._fields.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"`{name}` is no number")  # noqa: TRY004  # data, not code
        return value

    def text(self, name: str) -> str:
        value = self._fields.get(name)
        if not isinstance(value, str):
            raise ValueError(f"`{name}` is no text")  # noqa: TRY004  # data, not code
        return value

    def optional_text(self, name: str) -> str | None:
        return None if self._fields.get(name) is None else self.text(name)

    def moment_s(self, name: str, default: str | None = None) -> float:
        return from_text(self.text(name if self._fields.get(name) is not None else default or name))

    def items(self, name: str) -> list[object]:
        value = self._fields.get(name)
        if not isinstance(value, list):
            raise ValueError(f"`{name}` is no list")  # noqa: TRY004  # data, not code
        return value


def workflows_of(answer: object) -> tuple[int, tuple[Workflow, ...]]:
    """Return how many workflows there are in all, and those of this page.

    Raises:
        ValueError: The answer is not what GitHub documents.
    """
    page = _Record(answer)
    return page.number("total_count"), tuple(_workflow(item) for item in page.items("workflows"))


def runs_of(answer: object) -> tuple[Run, ...]:
    """Return the runs of a page, newest first, as GitHub lists them.

    Raises:
        ValueError: The answer is not what GitHub documents.
    """
    return tuple(run_of(item) for item in _Record(answer).items("workflow_runs"))


def run_of(answer: object) -> Run:
    """Return one run.

    Raises:
        ValueError: The answer is not what GitHub documents.
    """
    run = _Record(answer)
    return Run(
        id=run.number("id"),
        workflow_id=run.number("workflow_id"),
        name=run.optional_text("name") or "",
        path=run.text("path").partition("@")[0],
        event=run.text("event"),
        status=run.optional_text("status"),
        conclusion=run.optional_text("conclusion"),
        branch=run.optional_text("head_branch"),
        attempt=run.number("run_attempt", 1),
        created_at_s=run.moment_s("created_at"),
        started_at_s=run.moment_s("run_started_at", "created_at"),
        updated_at_s=run.moment_s("updated_at"),
        url=run.text("html_url"),
    )


def run_ref_of(answer: object) -> RunRef:
    """Return the run that a dispatch started.

    Raises:
        ValueError: The answer is not what GitHub documents.
    """
    started = _Record(answer)
    return RunRef(started.number("workflow_run_id"), started.text("html_url"))


def _workflow(item: object) -> Workflow:
    workflow = _Record(item)
    return Workflow(
        workflow.number("id"), workflow.text("name"), workflow.text("path"), workflow.text("state")
    )
