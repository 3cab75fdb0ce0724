"""The log of a guard whose stdout nobody reads any more: bounded, and no line is torn."""

from __future__ import annotations

from pathlib import Path

from automation.engine import orphan_log


def append(path: Path, *lines: bytes) -> None:
    for line in lines:
        orphan_log.append(path, line, limit_bytes=4, kept_files=2)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_line_that_fills_the_file_to_its_limit_still_goes_into_it(tmp_path: Path) -> None:
    append(tmp_path / "log", b"a\n", b"b\n")

    assert contents(tmp_path) == {"log": b"a\nb\n"}


def test_a_line_above_the_limit_begins_a_new_file_and_the_oldest_ones_go(tmp_path: Path) -> None:
    append(tmp_path / "log", b"aa\n", b"bb\n", b"cc\n", b"dd\n")

    assert contents(tmp_path) == {"log": b"dd\n", "log.1": b"cc\n", "log.2": b"bb\n"}


def test_a_line_longer_than_the_limit_has_a_file_of_its_own(tmp_path: Path) -> None:
    append(tmp_path / "log", b"long one\n", b"a\n")

    assert contents(tmp_path) == {"log": b"a\n", "log.1": b"long one\n"}


def test_an_empty_file_that_is_there_is_not_kept(tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    append(tmp_path / "log", b"long one\n")

    assert contents(tmp_path) == {"log": b"long one\n"}
