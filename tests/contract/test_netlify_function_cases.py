"""Each case of tests/cases/functions is found and judged as its expected.json says, by both judges."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from automation.ports.commands import SystemCommands
from automation.systems.netlify import syntax
from automation.systems.netlify.functions_folder import read_discovery
from automation.systems.netlify.settings_file import Settings
from automation.systems.netlify.syntax import Judged, Verdict

TESTS = Path(__file__).parent.parent
CASES = TESTS / "cases" / "functions"
MODULES = TESTS / "node-netlify" / "node_modules"
NAMES = sorted(f"{kind}/{case.name}" for kind in ("ok", "bad") for case in (CASES / kind).iterdir())


def expected(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((CASES / name / "expected.json").read_text("utf-8"))
    return read


def places(judged: Iterable[Judged], expected_places: list[str]) -> list[str]:
    """Return FILE:LINE of each first problem; FILE alone where the line is left open."""
    found = [f"{each.problems[0].file}:{each.problems[0].line}" for each in judged if each.problems]
    return sorted(place if place in expected_places else place.rpartition(":")[0] for place in found)


@pytest.mark.parametrize("name", NAMES)
def test_the_functions_of_a_case_are_those_that_netlify_finds(name: str) -> None:
    found = read_discovery(CASES / name, "functions", Settings())

    assert {one.name: [one.main_file, one.runtime] for one in found.functions} == expected(name)["functions"]


@pytest.mark.parametrize("name", NAMES)
def test_the_remarks_on_a_case_are_those_expected_and_no_others(name: str) -> None:
    remarks: dict[str, list[str]] = {}
    for remark in read_discovery(CASES / name, "functions", Settings()).remarks:
        remarks.setdefault(remark.problem, []).append(remark.path)

    assert remarks == expected(name).get("remarks", {})


def test_every_bad_case_is_named_after_what_is_found_in_it() -> None:
    for name in NAMES:
        kind, _, rest = name.partition("/")
        faults = {*expected(name).get("remarks", {}), *(["syntax"] if expected(name).get("syntax") else [])}

        assert faults == ({rest.partition(".")[0]} if kind == "bad" else set()), name


def test_esbuild_finds_each_syntax_error_and_no_other(tmp_path: Path) -> None:
    assert (MODULES / ".bin" / "esbuild").exists(), "run npm ci in tests/node-netlify"
    (tmp_path / "node_modules").symlink_to(MODULES)
    files, wanted = _all_cases(tmp_path)

    judged = syntax.judge(tmp_path, files, SystemCommands())

    assert {each.judge for each in judged.values() if each.verdict is not Verdict.UNKNOWN} == {"esbuild"}
    assert places(judged.values(), wanted) == wanted
    assert {file for file, each in judged.items() if each.verdict is Verdict.UNKNOWN} == _go_files(files)


def test_tree_sitter_finds_each_syntax_error_and_no_other(tmp_path: Path) -> None:
    files, wanted = _all_cases(tmp_path)

    judged = syntax.judge(tmp_path, files, SystemCommands())

    assert {each.judge for each in judged.values() if each.verdict is not Verdict.UNKNOWN} == {"tree-sitter"}
    assert places(judged.values(), wanted) == wanted
    assert {file for file, each in judged.items() if each.verdict is Verdict.UNKNOWN} == _go_files(files)


def _all_cases(workspace: Path) -> tuple[list[str], list[str]]:
    """Copy all cases into one workspace; return its functions' main files, and where errors are expected."""
    files, wanted = [], []
    for name in NAMES:
        shutil.copytree(CASES / name / "functions", workspace / name / "functions")
        files += [f"{name}/{main_file}" for main_file, _ in expected(name)["functions"].values()]
        wanted += [f"{name}/{place}" for place in expected(name).get("syntax", [])]
    return files, sorted(wanted)


def _go_files(files: list[str]) -> set[str]:
    return {file for file in files if file.endswith(".go")}
