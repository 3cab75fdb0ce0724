"""Mechanical repairs: what is repaired, and what is left to a person."""

from __future__ import annotations

from pathlib import Path

import pytest

from automation.core.finding import Severity
from automation.systems.github.workflow import fixes
from automation.systems.github.workflow.fixes import fix
from automation.systems.github.workflow.nodes import plain
from automation.systems.github.workflow.structure import check_workflow
from automation.systems.github.workflow.yaml12 import read

CASES = Path(__file__).parent.parent / "cases" / "workflows"
GOOD = b"on: push\njobs:\n  build:\n    runs-on: ubuntu-latest\n    steps:\n      - run: make\n"


def parsed(data: bytes) -> object:
    root = read(data).root
    assert root is not None
    return plain(root)


@pytest.mark.parametrize("path", sorted((CASES / "ok").iterdir()), ids=lambda path: path.stem)
def test_a_valid_file_is_left_alone(path: Path) -> None:
    assert fix(path.read_bytes()) is None


@pytest.mark.parametrize("path", sorted((CASES / "bad").iterdir()), ids=lambda path: path.stem)
def test_whatever_is_repaired_checks_clean_and_keeps_its_words(path: Path) -> None:
    data = path.read_bytes()
    repaired = fix(data)

    if repaired is None:
        return
    assert path.stem in ("not-utf8.utf16", "tab-indentation")
    assert all(found.severity is Severity.WARNING for found in check_workflow(repaired))


@pytest.mark.parametrize("data", [GOOD.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + GOOD], ids=["crlf", "mark"])
def test_what_github_takes_is_no_fault(data: bytes) -> None:
    assert fix(data) is None


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_becomes_utf8(encoding: str) -> None:
    mark = {"utf-16": b"", "utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}[encoding]

    assert fix(mark + GOOD.decode().encode(encoding)) == GOOD


def test_half_a_letter_of_utf16_is_left_to_a_person() -> None:
    assert fix(GOOD.decode().encode("utf-16") + b"x") is None


@pytest.mark.parametrize("tail", [b"\0", b"\0" * 700, b"\x1a", b"\x04\0\x1a"])
def test_a_tail_of_control_bytes_goes(tail: bytes) -> None:
    assert fix(GOOD + tail) == GOOD


@pytest.mark.parametrize("byte", [*range(9), 11, 12, *range(14, 32), 127])
def test_each_control_byte_goes_from_the_tail(byte: int) -> None:
    assert fix(GOOD + bytes([byte])) == GOOD


@pytest.mark.parametrize("between", [b"\t", b" ", b"x", b"\x80"])
def test_a_tail_behind_anything_else_may_be_a_lost_end(between: bytes) -> None:
    assert fix(GOOD + between + b"\0") is None


def test_a_tail_in_the_middle_of_a_line_may_be_a_lost_end() -> None:
    assert fix(GOOD[:-1] + b"\0\0") is None


@pytest.mark.parametrize("size", [512, 4096])
def test_a_tail_from_the_border_of_a_sector_is_a_lost_end(size: int) -> None:
    data = GOOD + b"#" * (size - len(GOOD) - 1) + b"\n"

    assert fix(data + b"\0" * 100) is None
    assert fix(data + b"#\n" + b"\0" * 100) == data + b"#\n"


def test_tabs_become_spaces_and_nothing_else_changes() -> None:
    tabbed = b"on: push\njobs:\n\tbuild:\n\t\truns-on: u\n\t\tsteps:\n\t\t\t- run: |\n\t\t\t\t\tmake\n"

    repaired = fix(tabbed)

    assert repaired is not None
    assert b"\n  build:\n    runs-on: u\n" in repaired
    assert parsed(repaired) == {
        "on": "push",
        "jobs": {"build": {"runs-on": "u", "steps": [{"run": "make\n"}]}},
    }
    assert [line.lstrip() for line in repaired.split(b"\n")] == [
        line.lstrip() for line in tabbed.split(b"\n")
    ]


def test_a_tab_that_belongs_to_a_script_stays() -> None:
    script = b"    steps:\n      - run: |\n          all:\n          \techo\n"
    data = b"on: push\njobs:\n  build:\n\truns-on: u\n" + script

    repaired = fix(data)

    assert repaired == b"on: push\njobs:\n  build:\n    runs-on: u\n" + script


def test_tabs_that_may_mean_two_things_are_left_to_a_person() -> None:
    script = b"\t\t\t- run: |\n\t\t\t\t\tif x; then\n\t\t\t\t\t\ty\n\t\t\t\t\tfi\n"

    assert fix(b"on: push\njobs:\n\tbuild:\n\t\truns-on: u\n\t\tsteps:\n" + script) is None


def test_too_many_tabs_are_left_to_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fixes, "TAB_LINES_CAP", 3)
    tabbed = b"on: push\njobs:\n\tbuild:\n\t\truns-on: u\n\t\tsteps:\n\t\t\t- run: x\n"

    assert fix(tabbed) is None


def test_a_large_file_with_tabs_is_left_to_a_person() -> None:
    tabbed = GOOD.replace(b"    runs-on", b"\truns-on").replace(b"    steps", b"\tsteps")
    room = fixes.TAB_BYTES_CAP - len(tabbed)

    assert fix(tabbed + b"#" * room) is not None
    assert fix(tabbed + b"#" * (room + 1)) is None


def test_a_fault_behind_the_tabs_is_left_to_a_person() -> None:
    assert fix(GOOD.replace(b"    runs-on", b"\truns-on") + b"a: b: c\n") is None


def test_tabs_and_a_tail_are_repaired_together() -> None:
    repaired = fix(GOOD.replace(b"    runs-on", b"\truns-on").replace(b"    steps", b"\tsteps") + b"\x1a")

    assert repaired is not None
    assert parsed(repaired) == parsed(GOOD)


def test_a_repair_that_does_not_end_clean_is_none() -> None:
    assert fix(GOOD.replace(b"- run: make", b"- name: x") + b"\0") is None
