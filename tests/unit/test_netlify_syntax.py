"""What is said of a source that cannot be judged, and how esbuild's words are read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from automation.ports.commands import Ran, SystemCommands
from automation.systems.netlify import syntax, syntax_trees
from automation.systems.netlify.syntax import Judged, SyntaxProblem, Verdict, by_trees, judge, verdicts

BROKEN = """X [ERROR] Expected ";" but found "x"

    f/a.js:1:6:
      1 | let x x
        |       ^
        |       ;

X [ERROR] Unexpected "="

    f/b:c.ts:12:9:
      12 | const a: = 1;
         |          ^

"""


def install_esbuild(workspace: Path, script: str) -> None:
    """Put a program into the workspace where esbuild would be."""
    program = workspace / syntax.ESBUILD
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def judged_alone(workspace: Path, file: str) -> Judged:
    return judge(workspace, [file], SystemCommands())[file]


def test_esbuilds_words_become_places_that_count_from_one() -> None:
    found = verdicts(Ran(1, "", BROKEN), ["f/a.js", "f/b:c.ts", "f/c.js"])

    assert [str(problem) for each in found.values() for problem in each.problems] == [
        'f/a.js:1:7: Expected ";" but found "x"',
        'f/b:c.ts:12:10: Unexpected "="',
    ]
    assert found["f/c.js"] == Judged(Verdict.VALID, judge="esbuild")


@pytest.mark.parametrize(
    "ran",
    [
        Ran(1, "", BROKEN + 'X [ERROR] Could not resolve "./f/c.js"\n\n'),
        Ran(1, "", BROKEN + "X [ERROR] Odd\n\n    other.js:1:1:\n"),
        Ran(2, "", BROKEN),
        Ran(1, "", BROKEN, truncated=True),
    ],
    ids=["an error without a place", "an error elsewhere", "another status", "cut off"],
)
def test_when_esbuild_failed_for_another_reason_nothing_is_known_of_the_other_files(ran: Ran) -> None:
    assert set(verdicts(ran, ["f/a.js", "f/b:c.ts", "f/c.js"])) == {"f/a.js", "f/b:c.ts"}


def test_only_the_first_few_problems_of_a_file_are_kept() -> None:
    many = "".join(f"X [ERROR] no\n\n    a.js:{line}:0:\n" for line in range(1, 50))

    found = verdicts(Ran(1, "", many), ["a.js"])["a.js"]

    assert found.problems == tuple(SyntaxProblem("a.js", line, 1, "no") for line in range(1, 6))


@pytest.mark.parametrize("script", ["echo nonsense >&2; exit 1", "exec sleep 60", "kill -9 $$"])
def test_where_esbuild_gives_no_answer_tree_sitter_judges(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    monkeypatch.setattr(syntax, "ESBUILD_TIMEOUT_S", 0.3)
    install_esbuild(tmp_path, script)
    (tmp_path / "a.js").write_text("let x x\n")

    found = judged_alone(tmp_path, "a.js")

    assert (found.verdict, found.judge) == (Verdict.INVALID, "tree-sitter")
    assert str(found.problems[0]).startswith("a.js:1:")


@pytest.mark.parametrize("name", ["a=b.js", "a*.js"])
def test_names_that_mean_more_to_esbuild_go_to_tree_sitter(tmp_path: Path, name: str) -> None:
    install_esbuild(tmp_path, "exit 0")
    (tmp_path / name).write_text("let x = 1\n")

    assert judged_alone(tmp_path, name) == Judged(Verdict.VALID, judge="tree-sitter")


def test_many_files_are_judged_in_several_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syntax, "FILES_AT_ONCE", 2)
    install_esbuild(tmp_path, 'echo run >> "$PWD/runs"')
    names = [f"{number}.js" for number in range(5)]
    for name in names:
        (tmp_path / name).write_text("")

    found = judge(tmp_path, names, SystemCommands())

    assert {each.verdict for each in found.values()} == {Verdict.VALID}
    assert (tmp_path / "runs").read_text().count("run") == 3


def test_without_any_judge_the_answer_is_unknown_with_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("let x = 1\n")

    found = by_trees(tmp_path, ["a.js"], SystemCommands(), ["tree_sitter", "tree_sitter_of_no_language"])

    assert found["a.js"].verdict is Verdict.UNKNOWN
    assert "installed" in found["a.js"].reason


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("main.go", "only JavaScript and TypeScript"),
        ("packed.zip", "only JavaScript and TypeScript"),
        ("missing.js", "there is no such file"),
        ("folder.js", "there is no such file"),
        ("large.js", "of at most"),
        ("loop.js", "there is no such file"),
        (f"{'n' * 300}.js", "File name too long"),
    ],
)
def test_what_cannot_be_judged_is_unknown_and_says_why(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "main.go").write_text("package main\n")
    (tmp_path / "packed.zip").write_bytes(b"PK")
    (tmp_path / "folder.js").mkdir()
    (tmp_path / "loop.js").symlink_to("loop.js")
    with (tmp_path / "large.js").open("wb") as file:
        file.truncate(syntax.SOURCE_CAP_BYTES + 1)

    found = judged_alone(tmp_path, name)

    assert found.verdict is Verdict.UNKNOWN
    assert reason in found.reason


def test_a_source_that_vanishes_or_grows_meanwhile_is_unknown(tmp_path: Path) -> None:
    with (tmp_path / "grown.js").open("wb") as file:
        file.truncate(syntax.SOURCE_CAP_BYTES + 1)

    found = by_trees(tmp_path, ["gone.js", "grown.js"], SystemCommands())

    assert found["gone.js"].verdict is found["grown.js"].verdict is Verdict.UNKNOWN
    assert found["gone.js"].reason == "gone.js: cannot be read: No such file or directory"
    assert "larger than" in found["grown.js"].reason


def test_a_file_that_is_too_much_for_tree_sitter_leaves_the_others_their_answers(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("let x = 1\n")
    (tmp_path / "monster.js").write_bytes(b"f(" * (syntax.SOURCE_CAP_BYTES // 2))
    (tmp_path / "z.js").write_text("let x x\n")

    found = by_trees(tmp_path, ["a.js", "monster.js", "z.js"], SystemCommands())

    assert found["a.js"].verdict is Verdict.VALID
    assert found["monster.js"] == Judged(
        Verdict.UNKNOWN, reason="monster.js: tree-sitter could not cope with it"
    )
    assert found["z.js"].verdict is Verdict.INVALID


def test_runs_of_tree_sitter_end_even_when_each_file_ends_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syntax, "TREES_PROGRAM", tmp_path / "missing.py")
    names = [f"{number}.js" for number in range(5)]

    found = by_trees(tmp_path, names, SystemCommands())

    assert {each.verdict for each in found.values()} == {Verdict.UNKNOWN}
    assert [found[name].reason.rpartition(": ")[2] for name in names] == [
        *["tree-sitter could not cope with it"] * 3,
        *["not reached"] * 2,
    ]


def test_a_program_that_does_not_end_is_ended_and_what_it_wrote_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "endless.py"
    program.write_text(
        "import pathlib, sys, time\n"
        'pathlib.Path(sys.argv[2]).write_text(\'["a.js", []]\\n["b.js", [\')\n'
        "time.sleep(60)\n"
    )
    monkeypatch.setattr(syntax, "TREES_PROGRAM", program)
    monkeypatch.setattr(syntax, "TREES_RUNS_CAP", 1)
    monkeypatch.setattr(syntax, "TREES_TIMEOUT_S", 3.0)

    found = by_trees(tmp_path, ["a.js", "b.js"], SystemCommands())

    assert found["a.js"].verdict is Verdict.VALID
    assert found["b.js"].verdict is Verdict.UNKNOWN


def test_the_programs_lines_say_what_was_found_or_why_not(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("let x x\n")
    (tmp_path / "b.ts").write_text("let x: number = 1\n")
    with (tmp_path / "large.js").open("wb") as file:
        file.truncate(syntax_trees.SOURCE_CAP_BYTES + 1)
    paths = [str(tmp_path / name) for name in ("a.js", "b.ts", "large.js", "missing.js")]

    lines = [json.loads(line) for line in syntax_trees.answers(paths)]

    assert [path for path, _ in lines] == paths
    assert [said for _, said in lines] == [
        [[1, 5, "unexpected `x`"]],
        [],
        f"larger than the {syntax_trees.SOURCE_CAP_BYTES} bytes that are judged",
        "cannot be read: No such file or directory",
    ]


def test_the_source_is_not_run_and_nothing_is_left_in_the_workspace(tmp_path: Path) -> None:
    modules = Path(__file__).parent.parent / "node-netlify" / "node_modules"
    (tmp_path / "node_modules").symlink_to(modules)
    (tmp_path / "a.js").write_text("require('node:fs').writeFileSync('ran', '')\n")

    assert judged_alone(tmp_path, "a.js") == Judged(Verdict.VALID, judge="esbuild")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.js", "node_modules"]


@pytest.mark.parametrize(
    ("source", "place", "said"),
    [
        (b"let a = 1;\nlet b c;\n", (2, 7), "unexpected `c`"),
        (b"if (a) {\n", (1, 9), "} expected"),
        (b"f(\n", (1, 1), "unexpected `f(`"),
    ],
)
def test_tree_sitter_says_where_and_what(source: bytes, place: tuple[int, int], said: str) -> None:
    line, column, message = syntax_trees.errors_of(source, ".js")[0]

    assert ((line, column), message) == (place, said)


def test_tree_sitter_says_a_few_of_many_errors() -> None:
    assert len(syntax_trees.errors_of(b"let a b;\n" * 100, ".ts")) == syntax_trees.PROBLEMS_CAP


def test_a_deep_source_is_walked_without_recursion() -> None:
    found = syntax_trees.errors_of(b"[" * 20_000 + b"let", ".js")

    assert found


def test_a_source_with_more_nodes_than_are_looked_at_is_still_no_valid_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(syntax_trees, "NODES_CAP", 1)

    assert syntax_trees.errors_of(b"function f() { let a b; }", ".js") == ((1, 1, "syntax error"),)
