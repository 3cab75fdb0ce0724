"""Workflow files: odd but valid ones are silent, and each bad one is found where its first line says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from automation.core.finding import Severity
from automation.systems.github.workflow.problem import Problem
from automation.systems.github.workflow.structure import check_workflow
from automation.systems.github.workflow.yaml12 import PROBLEMS_CAP, SIZE_CAP_BYTES

CASES = Path(__file__).parent.parent / "cases" / "workflows"
OK = sorted((CASES / "ok").iterdir())
BAD = sorted((CASES / "bad").iterdir())
PLACE = re.compile(rb"# (\d+):(\d+)\n")
TAKEN_BY_GITHUB = frozenset(
    {
        "byte-order-mark",
        "cron-never",
        "cron-too-frequent",
        "no-event",
        "no-runner-label",
        "run-empty",
        "steps-empty",
        "steps-missing",
        "timezone-shape",
        "unknown-event",
        "unknown-tag",
    }
)
JOBS = "jobs:\n  build:\n    runs-on: ubuntu-latest\n    steps:\n      - run: make\n"


def problems(text: str) -> list[str]:
    return [found.problem for found in check_workflow(text.encode())]


@pytest.mark.parametrize("path", OK, ids=lambda path: path.stem)
def test_a_valid_workflow_is_silent(path: Path) -> None:
    assert check_workflow(path.read_bytes()) == ()


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_workflow_has_its_one_problem_at_its_place(path: Path) -> None:
    data = path.read_bytes()
    place = PLACE.match(data)
    line, column = (int(place[1]), int(place[2])) if place else (1, 1)
    name = path.name.partition(".")[0]

    found = check_workflow(data)

    assert [(problem.line, problem.column, problem.problem) for problem in found] == [(line, column, name)]
    assert (found[0].severity is Severity.WARNING) == (name in TAKEN_BY_GITHUB)
    assert "\n" not in found[0].message
    assert len(found[0].message) < 300


def test_there_are_enough_cases() -> None:
    assert len(OK) >= 25
    assert len(BAD) >= 40


def test_several_problems_come_in_the_order_of_the_file() -> None:
    text = "on: psuh\njobs:\n  a:\n    needs: x\n    steps:\n      - name: 1\n  b c:\n    runs-on: u\n"

    assert problems(text) == [
        "unknown-event",
        "runs-on-missing",
        "needs-unknown-job",
        "step-neither",
        "job-id-invalid",
        "steps-missing",
    ]


def test_two_circles_of_needs_do_not_hide_that_there_is_one() -> None:
    jobs = "".join(f"  {a}:\n    needs: {b}\n    runs-on: u\n    steps: [run: x]\n" for a, b in ("ab", "ba"))

    assert problems(f"on: push\njobs:\n{jobs}") == ["needs-cycle"]


def test_a_problem_in_an_aliased_value_is_told_once() -> None:
    text = "on: push\njobs:\n  a: &a\n    runs-on: u\n    steps:\n      - name: x\n  b: *a\n  c: *a\n"

    assert problems(text) == ["step-neither"]


def test_what_may_come_in_by_a_merge_or_an_insert_is_not_called_missing() -> None:
    merged = "on: push\njobs:\n  a:\n    <<: {runs-on: u}\n  b:\n    ${{ insert }}: {steps: []}\n"

    assert problems(merged) == ["merge-key"]


def test_a_step_or_a_runner_may_come_in_by_an_insert() -> None:
    inserted = "    runs-on:\n      ${{ insert }}: {}\n    steps:\n      - ${{ insert }}: {}\n"

    assert problems(f"on: push\njobs:\n  a:\n{inserted}") == []


def test_a_quoted_merge_sign_is_a_text() -> None:
    assert problems(f"on: push\nname: '<<'\n{JOBS}") == []


def test_ids_that_are_no_text_are_left_to_github() -> None:
    steps = "      - {id: [a], run: x}\n      - {id: [a], run: x}\n"

    assert problems(f"on: push\njobs:\n  a:\n    runs-on: u\n    steps:\n{steps}") == []


def test_a_file_over_the_cap_is_not_read() -> None:
    data = b"on: push\n" + JOBS.encode() + b"#" * SIZE_CAP_BYTES

    assert [found.problem for found in check_workflow(data)] == ["file-too-large"]


def test_a_file_at_the_cap_is_read() -> None:
    data = b"on: push\n" + JOBS.encode()

    assert check_workflow(data + b"#" * (SIZE_CAP_BYTES - len(data))) == ()


def test_the_list_of_problems_is_capped() -> None:
    many = "".join(f"  {number}:\n    runs-on: u\n    steps: [name: x]\n" for number in range(200))

    found = check_workflow(f"on: push\njobs:\n{many}".encode())

    assert len(found) == PROBLEMS_CAP
    assert all(isinstance(problem, Problem) for problem in found)


def test_the_list_of_the_readers_own_problems_is_capped() -> None:
    assert len(check_workflow(b"on: push\n" * 200 + JOBS.encode())) == PROBLEMS_CAP
