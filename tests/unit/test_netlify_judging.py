"""Whether a guarded file is what its kind should be."""

from __future__ import annotations

from pathlib import Path

import pytest

from automation.ports.commands import SystemCommands
from automation.systems.netlify import guarded, syntax
from automation.systems.netlify.guarded import files_below, is_guarded
from automation.systems.netlify.judging import LoopJudge, SnapshotJudge, cheap, is_source
from tests.netlify_ground import BROKEN, BROKEN_TOML, HELLO, TOML

FOLDER = "netlify/functions"


@pytest.mark.parametrize(
    ("path", "data", "verdict"),
    [
        ("netlify.toml", TOML, True),
        ("site/netlify.toml", BROKEN_TOML, False),
        ("netlify.toml", b"", False),
        ("package.json", b"{}", True),
        ("package-lock.json", b"{", False),
        ("functions-manifest.json", b"[" * 200_000, False),
        (f"{FOLDER}/tsconfig.json", b"{ // notes\n}", None),
        (f"{FOLDER}/hello.mjs", BROKEN, None),
        (f"{FOLDER}/hello.mjs", b" \n", False),
        (f"{FOLDER}/hello.mjs", b"\0\0", False),
        ("_redirects", b"", None),
        (f"{FOLDER}/.gitkeep", b"", None),
    ],
)
def test_what_can_be_said_without_a_program(path: str, data: bytes, verdict: bool | None) -> None:  # noqa: FBT001  # an example
    assert cheap(path, data) is verdict


def test_a_loop_judges_sources_only_where_a_restore_depends_on_it() -> None:
    judge = LoopJudge(SystemCommands())
    before = judge("a.js", BROKEN)
    with judge.asking_programs():
        during = (judge("a.js", BROKEN), judge("a.mjs", HELLO), judge("a.go", b"package main"))

    assert before is None
    assert during == (False, True, None)
    assert judge("a.js", BROKEN) is None


def test_a_backup_judges_all_sources_at_once_and_does_not_guess_about_changed_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "good.mjs").write_bytes(HELLO)
    (tmp_path / "bad.js").write_bytes(BROKEN)
    monkeypatch.setattr(syntax, "SOURCE_CAP_BYTES", len(HELLO))
    (tmp_path / "large.js").write_bytes(HELLO * 2)
    runs: list[int] = []
    judge_all = syntax.judge

    def counted(*given: object) -> object:
        runs.append(1)
        return judge_all(*given)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr(syntax, "judge", counted)
    judge = SnapshotJudge(tmp_path, ("good.mjs", "bad.js", "large.js", "gone.js"), SystemCommands())

    assert judge("netlify.toml", TOML) is True
    assert runs == []
    assert judge("good.mjs", HELLO) is True
    assert judge("bad.js", BROKEN) is False
    assert judge("good.mjs", HELLO + b"\n") is None
    assert judge("large.js", HELLO * 2) is None
    assert judge("gone.js", HELLO) is None
    assert judge("another.js", HELLO) is None
    assert runs == [1]


@pytest.mark.parametrize(
    ("path", "folder", "wanted"),
    [
        ("netlify.toml", None, True),
        ("site/netlify.toml", None, True),
        (f"{FOLDER}/a.js", FOLDER, True),
        (f"{FOLDER}/a/index.ts", FOLDER, True),
        (f"{FOLDER}/data.json", FOLDER, True),
        (f"{FOLDER}/a.js", None, False),
        ("netlify/functions-old/a.js", FOLDER, False),
        (f"{FOLDER}/node_modules/x/index.js", FOLDER, False),
        (f"{FOLDER}/.a.js.12.tmp", FOLDER, False),
        (f"{FOLDER}/.cache/a.js", FOLDER, False),
        (f"{FOLDER}/4913", FOLDER, False),
        (f"{FOLDER}/a.js~", FOLDER, False),
        ("lists/functions.json", FOLDER, True),
        ("a.js", ".", True),
        ("package.json", FOLDER, False),
    ],
)
def test_what_functions_are_made_of_is_guarded_and_nothing_that_passes(
    path: str, folder: str | None, *, wanted: bool
) -> None:
    assert is_guarded(path, folder, "lists/functions.json") is wanted


def test_a_folders_files_are_listed_without_what_is_not_the_sites(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in ("b/index.ts", "a.js", "node_modules/x.js", ".git/HEAD", "logs/x", "backups/x", ".env"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    own = (tmp_path / "logs", tmp_path / "backups")
    everything = files_below(tmp_path, ".", own)
    monkeypatch.setattr(guarded, "FILES_CAP", 2)

    assert everything == (".env", "a.js", "b/index.ts")
    assert len(files_below(tmp_path, ".", own)) == 2
    assert files_below(tmp_path, "nowhere", own) == ()


def test_sources_are_javascript_and_typescript() -> None:
    assert is_source("a.mts")
    assert not is_source("a.go")
