"""The lists of mutants: each still breaks what it says, and a survivor fails the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants.run import Mutant, ground, listed, report, verdict

ROOT = Path(__file__).resolve().parent.parent.parent
MUTANTS = list(listed())
UNNOTICED = Mutant(
    "unnoticed",
    "automation/core/moments.py",
    ("tests/unit/test_moments.py",),
    "no time zone in",
    "no zone in",
)


@pytest.mark.parametrize("mutant", [one for one in MUTANTS if one.old], ids=lambda one: one.name)
def test_a_mutant_finds_what_it_replaces_exactly_once(mutant: Mutant) -> None:
    text = (ROOT / mutant.file).read_text("utf-8")

    assert mutant.apply(text) != text
    assert all((ROOT / test).is_file() for test in mutant.tests)


def test_no_mutant_is_listed_twice() -> None:
    changes = [(one.file, one.old, one.new) for one in MUTANTS]

    assert len(changes) == len(set(changes))


@pytest.mark.parametrize("old", ["no such text", "the "])
def test_a_text_that_is_not_there_or_there_twice_is_no_mutant(old: str) -> None:
    with pytest.raises(ValueError, match=r"^odd: expected its old text once in f, found [02]$"):
        Mutant("odd", "f", (), old, "new").apply("the one and the other")


@pytest.mark.timeout(60)
def test_a_mutant_that_no_test_notices_survives_and_leaves_no_trace(tmp_path: Path) -> None:
    folder = ground(tmp_path)
    before = (folder / UNNOTICED.file).read_bytes()

    assert verdict(UNNOTICED, folder) == "survived"
    assert (folder / UNNOTICED.file).read_bytes() == before


@pytest.mark.parametrize(
    ("verdicts", "exit_code", "last"),
    [
        (["", "killed"], 0, "1 killed, 0 survived"),
        (["", "survived"], 1, "0 killed, 1 survived"),
        (["its tests fail", "killed"], 1, "1 killed, 0 survived"),
        ([""], 1, "0 killed, 0 survived"),
    ],
)
def test_only_a_run_that_killed_all_of_them_is_well(
    verdicts: list[str], exit_code: int, last: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report([(UNNOTICED, one) for one in verdicts]) == exit_code
    assert capsys.readouterr().out.splitlines()[-1] == last
