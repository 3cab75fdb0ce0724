"""Laws of reading workflow files: no input is an exception, and a repair is always clean."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from automation.core.finding import Severity
from automation.systems.github.repository import repository_of
from automation.systems.github.workflow.cron import FIELDS, Field, check_cron, values
from automation.systems.github.workflow.fixes import fix
from automation.systems.github.workflow.nodes import plain
from automation.systems.github.workflow.structure import check_workflow
from automation.systems.github.workflow.yaml12 import PROBLEMS_CAP, read

CASES = Path(__file__).parent.parent / "cases" / "workflows"
FILES = [path.read_bytes() for path in sorted(CASES.rglob("*.yml"))]
SIGNS = (
    "\n",
    "\t",
    " ",
    "- ",
    "&a ",
    "*a",
    "!!str ",
    "[",
    "]",
    "{",
    "}",
    "'",
    '"',
    "|\n",
    ">",
    "#",
    ",",
    "? ",
)
WORDS = ("on:", "jobs:", "runs-on: u", "steps:", "run: x", "needs: a", "schedule:", "cron: '* * * * *'")
ODD = (
    "${{",
    "}}",
    ": ",
    "<<: ",
    "---",
    "...",
    "\r",
    "\0",
    "\x85",
    "\u2028",
    "\ufeff",
    "é",
    "🚀",
    "%YAML 1.2\n",
)
pieces = st.sampled_from((*SIGNS, *WORDS, *ODD))
texts = st.lists(pieces, max_size=40).map("".join)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(st.characters(codec="ascii"), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="ascii"), max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.binary(max_size=300) | texts.map(str.encode))
@example(b"%YAML 9.9\n---\na")
@example(b"%TAG ! x\n---\n!y a")
def test_any_bytes_are_a_value_or_one_line_problems(data: bytes) -> None:
    found = check_workflow(data)

    assert len(found) <= PROBLEMS_CAP
    assert found or read(data).root is not None
    for problem in found:
        assert problem.line >= 1
        assert problem.column >= 1
        assert problem.message
        assert "\n" not in problem.message


@given(st.sampled_from(FILES), st.data())
def test_a_workflow_torn_anywhere_is_no_exception(data: bytes, drawn: st.DataObject) -> None:
    cut = drawn.draw(st.integers(0, len(data)))
    inserted = drawn.draw(st.binary(max_size=3))

    check_workflow(data[:cut])
    check_workflow(data[:cut] + inserted + data[cut:])


@given(json_values)
def test_json_reads_as_what_it_is(value: object) -> None:
    document = read(json.dumps(value).encode())

    assert document.problems == ()
    assert document.root is not None
    assert plain(document.root) == value


@given(st.sampled_from(FILES), st.binary(max_size=6), st.sampled_from([b"", b"\n", b"\t", b"\0", b"\x1a"]))
def test_a_repair_checks_clean_and_keeps_every_word(data: bytes, tail: bytes, more: bytes) -> None:
    damaged = data.replace(b"    ", b"\t", 1) + tail + more

    repaired = fix(damaged)

    if repaired is not None and not damaged.startswith((b"\xff\xfe", b"\xfe\xff")):
        assert all(problem.severity is Severity.WARNING for problem in check_workflow(repaired))
        assert repaired.split() == damaged.rstrip(bytes([*range(9), 11, 12, *range(14, 32), 127])).split()
        assert fix(repaired) is None


@given(st.sampled_from(FIELDS), st.data())
def test_a_range_with_a_step_names_what_it_says(field: Field, drawn: st.DataObject) -> None:
    low = drawn.draw(st.integers(field.low, field.high))
    high = drawn.draw(st.integers(low, field.high))
    step = drawn.draw(st.integers(1, 70))

    assert values(field, f"{low}-{high}/{step}") == set(range(low, high + 1, step))


@given(st.text(max_size=60))
def test_any_cron_text_is_taken_or_told(text: str) -> None:
    for found in check_cron(text):
        assert found.message
        assert len(found.message) < 300


@given(st.text(max_size=60))
def test_any_address_names_a_repository_or_none(url: str) -> None:
    repository = repository_of(url)

    assert repository is None or "/" not in repository.owner + repository.name
