"""Which paths a snapshot may hold, and which files a person means."""

from __future__ import annotations

import pytest

from automation.stores.backups.entry_path import (
    ancestors,
    is_prefix,
    matching,
    parent_of,
    problem_with,
    problem_with_entry,
    shown,
    split,
)


@pytest.mark.parametrize(
    "path",
    ["a", "a/b", ".github/workflows/ci.yml", "with\nnewline", "..a/b..", "\udcff", "é/ü", "x" * 255, " "],
)
def test_ordinary_and_odd_names_are_good(path: str) -> None:
    assert problem_with(path) is None
    assert problem_with_entry(f"files/{path}") is None


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/etc/passwd", "is absolute"),
        ("../x", "climbs out"),
        ("a/../../x", "climbs out"),
        ("", "empty name"),
        ("a//b", "empty name"),
        ("a/", "empty name"),
        ("./a", "empty name"),
        ("a\0b", "NUL"),
        ("\ud800", "in no file name"),
        ("\udcc3\udca9", "written in another way"),
        ("x" * 256, "longer than 255"),
        ("é" * 128, "longer than 255"),
        ("abcdefg/" * 600 + "x", "longer than 4096"),
    ],
)
def test_paths_that_lead_elsewhere_or_cannot_be_are_refused(path: str, reason: str) -> None:
    said = problem_with(path)

    assert said is not None
    assert reason in said
    assert problem_with_entry(f"files/{path}") is not None


@pytest.mark.parametrize(
    "path", ["files", "files/", "Files/a", "manifest.json", "../a/b", ".lock/a", "/files/a"]
)
def test_an_entry_lies_in_a_folder_of_the_snapshot(path: str) -> None:
    assert problem_with_entry(path) is not None


def test_a_prefix_is_one_plain_name() -> None:
    assert is_prefix("pm2-home")
    assert not is_prefix("manifest.json")
    assert not is_prefix("a/b")
    assert not is_prefix("")


def test_paths_come_apart() -> None:
    assert split("files/a/b") == ("files", "a/b")
    assert parent_of("a/b/c") == ("a/b", "c")
    assert parent_of("c") == ("", "c")
    assert ancestors("a/b/c") == ["a", "a/b"]
    assert ancestors("a") == []


ENTRIES = ("files/a.txt", "files/dir/b", "files/dir/c", "files/dirty", "pm2-home/dump.pm2")


def test_a_person_means_files_of_the_workspace() -> None:
    assert matching("a.txt", ENTRIES) == ["files/a.txt"]


def test_a_folder_means_all_under_it_and_nothing_beside() -> None:
    assert matching("dir", ENTRIES) == ["files/dir/b", "files/dir/c"]


def test_an_entry_can_be_named_as_the_snapshot_has_it() -> None:
    assert matching("pm2-home/dump.pm2", ENTRIES) == ["pm2-home/dump.pm2"]
    assert matching("pm2-home", ENTRIES) == ["pm2-home/dump.pm2"]


def test_the_workspace_comes_before_the_layout_of_the_snapshot() -> None:
    assert matching("files/x", ["files/files/x", "files/x"]) == ["files/files/x"]


def test_what_is_not_there_matches_nothing() -> None:
    assert matching("z", ENTRIES) == []


def test_a_path_is_shown_in_one_line() -> None:
    assert shown("a/é") == "a/é"
    assert shown("a\nb\udcff") == '"a\\nb\\udcff"'
