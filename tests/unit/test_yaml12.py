"""Reading YAML as GitHub does: values, places, and what is refused."""

from __future__ import annotations

import math
import time

import pytest

from automation.systems.github.workflow import yaml12
from automation.systems.github.workflow.nodes import (
    Mapping,
    Scalar,
    Sequence,
    is_null,
    plain,
    scalars,
    text_of,
)
from automation.systems.github.workflow.yaml12 import DEPTH_CAP, NODES_CAP, Document, place_of, read, resolve


def root_of(text: str) -> Mapping:
    root = read(text.encode()).root
    assert isinstance(root, Mapping)
    return root


def values(text: str) -> object:
    return plain(root_of(text))


def problem_names(document: Document) -> list[str]:
    return [found.problem for found in document.problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("no", "no"),
        ("off", "off"),
        ("y", "y"),
        ("true", True),
        ("True", True),
        ("FALSE", False),
        ("tRue", "tRue"),
        ("", None),
        ("~", None),
        ("null", None),
        ("NULL", None),
        ("nULL", "nULL"),
        ("010", 10),
        ("-7", -7),
        ("+7", 7),
        ("0x1F", 31),
        ("0o17", 15),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("1:30", "1:30"),
        ("2026-11-24", "2026-11-24"),
        ("1.5", 1.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("-1.5E-1", -0.15),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("1.2.3", "1.2.3"),
        ("5\n", "5\n"),
        ("true\n", "true\n"),
        ("1" * 400, math.inf),
    ],
)
def test_a_plain_text_has_its_value_of_yaml_1_2(text: str, value: object) -> None:
    resolved = resolve(text)

    assert resolved == value
    assert type(resolved) is type(value)


def test_nan_is_a_number() -> None:
    assert math.isnan(float(resolve(".nan") or 0))


def test_the_key_on_stays_a_text() -> None:
    assert values("on: push\nyes: no\n") == {"on": "push", "yes": "no"}


def test_quotes_and_blocks_make_text() -> None:
    text = "a: 'true'\nb: \"1\"\nc: |\n  5\nd: >-\n  null\ne: !!str 7\n"

    assert values(text) == {"a": "true", "b": "1", "c": "5\n", "d": "null", "e": "7"}


def test_tags_of_yaml_itself_are_taken() -> None:
    assert values('a: !!int "5"\nb: !!seq [1]\nc: !!map {}\n') == {"a": 5, "b": [1], "c": {}}


def test_values_carry_their_places() -> None:
    root = root_of("# x\non:\n  - push\njobs: {a: b}\n")
    on, jobs = root.get("on"), root.get("jobs")

    assert isinstance(on, Sequence)
    assert (on.line, on.column, on.items[0].line, on.items[0].column) == (3, 3, 3, 5)
    assert isinstance(jobs, Mapping)
    assert (jobs.line, jobs.column) == (4, 7)
    assert root.key("jobs") == Scalar(4, 1, "jobs", "jobs")


def test_columns_count_letters_not_bytes() -> None:
    value = root_of("ü✓🚀: x\n").get("ü✓🚀")

    assert value is not None
    assert value.column == 6


def test_an_alias_is_the_same_object_and_an_anchor_may_be_used_again() -> None:
    root = root_of("a: &x [1]\nb: *x\nc: &x 2\nd: *x\n")

    assert root.get("a") is root.get("b")
    assert plain(root) == {"a": [1], "b": [1], "c": 2, "d": 2}


def test_an_anchor_may_be_used_again_inside_of_itself_once_it_names_another() -> None:
    assert values("a: &x {b: &x 1, c: *x}\nd: *x\n") == {"a": {"b": 1, "c": 1}, "d": {"b": 1, "c": 1}}


@pytest.mark.parametrize("text", ["a: &x [*x]\n", "a: &x {b: *x}\n", "&x [[*x]]\n", "&x a: *x\n&y b: *z\n"])
def test_an_alias_that_leads_to_itself_or_nowhere_is_refused(text: str) -> None:
    document = read(text.encode())

    assert [name.partition("-")[2] for name in problem_names(document)] == ["anchor"]
    if not text.startswith("&x a"):
        assert document.root is None


def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    lines = ["x0: &x0 [a, b, c, d, e, f, g, h, i]"]
    lines += [f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]" for n in range(1, 10)]
    started_s = time.perf_counter()

    document = read("\n".join(lines).encode())

    assert problem_names(document) == ["too-many-values"]
    assert time.perf_counter() - started_s < 1


def test_the_count_of_values_reaches_its_cap_and_no_further() -> None:
    items = NODES_CAP - 1  # the list itself is one

    assert read(b"[" + b"a," * items + b"]").problems == ()
    assert problem_names(read(b"[" + b"a," * (items + 1) + b"]")) == ["too-many-values"]


def test_the_depth_reaches_its_cap_and_no_further() -> None:
    assert read(b"[" * DEPTH_CAP + b"]" * DEPTH_CAP).problems == ()
    assert problem_names(read(b"[" * (DEPTH_CAP + 1) + b"]" * (DEPTH_CAP + 1))) == ["too-deep"]


@pytest.mark.parametrize("opening", [b"[", b"- ", b"{a: ", b"? "])
def test_endless_nesting_is_one_problem(opening: bytes) -> None:
    assert len(read(opening * 100_000).problems) == 1


def test_a_repeated_key_is_told_and_the_first_counts() -> None:
    document = read(b"a: 1\nb: 2\na: 3\n")

    assert [(found.line, found.column, found.problem) for found in document.problems] == [
        (3, 1, "duplicate-key")
    ]
    assert document.root is not None
    assert plain(document.root) == {"a": 1, "b": 2}


def test_what_was_told_before_the_reading_ended_stays() -> None:
    assert problem_names(read(b"\xef\xbb\xbfa: 1\nb: [\n")) == ["byte-order-mark", "yaml-syntax"]


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    root = read(b"\xef\xbb\xbfa: 1\n").root

    assert root is not None
    assert plain(root) == {"a": 1}


def test_a_carriage_return_alone_ends_a_line_of_the_parser_but_breaks_nothing() -> None:
    assert len(read(b"a: 1\r\tb: 2\r\t\tc").problems) == 1


def test_a_control_letter_is_found_where_it_stands() -> None:
    found = read("a: 1\nbü: \x7f\n".encode()).problems

    assert [(problem.line, problem.column, problem.problem) for problem in found] == [
        (2, 5, "control-character")
    ]


@pytest.mark.parametrize("allowed", ["\x85", "\xa0", "~", "\u2028", "\ufffd"])
def test_a_letter_that_yaml_allows_is_not_taken_for_the_fault(allowed: str) -> None:
    (found,) = read(f"a: '{allowed}'\nb: \x7f".encode()).problems

    assert found.problem == "control-character"
    assert (found.line, found.column) == (2, 4)


def test_a_place_is_line_and_column_from_one() -> None:
    assert place_of(b"ab\ncd", 0) == (1, 1)
    assert place_of(b"ab\ncd", 2) == (1, 3)
    assert place_of(b"ab\ncd", 3) == (2, 1)


def test_a_tab_after_the_indentation_is_not_called_one_in_it() -> None:
    assert problem_names(read(b"a:\tb:\tc\n")) == ["yaml-syntax"]


def test_null_and_text_of_a_node() -> None:
    root = root_of("a:\nb: []\nc: 5\n")

    assert is_null(None)
    assert is_null(root.get("a"))
    assert not is_null(root.get("b"))
    assert text_of(None) is None
    assert text_of(root.get("a")) is None
    assert text_of(root.get("b")) is None
    assert text_of(root.get("c")) == "5"


def test_all_scalars_come_once_in_the_order_of_the_file() -> None:
    root = root_of("a: &x [1, {b: 2}]\nc: *x\n")

    assert [scalar.text for scalar in scalars(root)] == ["a", "1", "b", "2", "c"]


def test_the_parser_is_the_fast_one_where_libyaml_is_built_in() -> None:
    assert "C" in yaml12._LOADER.__name__
