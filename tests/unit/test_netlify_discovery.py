"""Which entries of a folder are functions, and what is odd about them; the cases on disk show the rest."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from automation.core.errors import LookFailed
from automation.systems.netlify import functions_folder
from automation.systems.netlify.discovery import (
    EXTENSIONS,
    Entry,
    Function,
    Kind,
    Runtime,
    discover,
    main_files,
    split_extension,
)
from automation.systems.netlify.functions_folder import read_discovery, read_entries
from automation.systems.netlify.settings_file import Settings


def elf(mark: bytes, machine: int = 62) -> bytes:
    return b"\x7fELF\x02\x01" + bytes(12) + struct.pack("<H", machine) + bytes(100) + mark


def test_each_extension_yields_to_those_before_it_and_to_a_folder() -> None:
    entries = [Entry(f"hello{extension}") for extension in reversed(EXTENSIONS)]

    for extension in EXTENSIONS:
        assert [one.main_file for one in discover(entries, "f").functions] == [f"f/hello{extension}"]
        entries.pop()
    folder = Entry("hello", Kind.FOLDER, frozenset({"index.cts"}))
    assert discover([Entry("hello.js"), folder], ".").functions[0].main_file == "hello/index.cts"


def test_main_files_are_preferred_in_the_order_of_netlify() -> None:
    names = main_files("a")

    assert names[:4] == ("a.js", "index.js", "a.ts", "index.ts")
    assert names[-4:] == ("a.cts", "index.cts", "a.go", "main.go")
    for position, name in enumerate(names[:-2]):
        inside = frozenset(names[position:-2])
        assert discover([Entry("a", Kind.FOLDER, inside)], "f").functions[0].main_file == f"f/a/{name}"


def test_the_dependencies_folder_is_no_function_even_with_a_main_file() -> None:
    entry = Entry("node_modules", Kind.FOLDER, frozenset({"index.js"}))

    assert discover([entry], "f").functions == ()


def test_a_program_is_a_function_and_beats_a_script_of_its_name() -> None:
    entries = [Entry("a", binary=Runtime.GO), Entry("a.js"), Entry("b", binary=Runtime.RUST)]

    found = discover(entries, "f")

    assert found.functions == (Function("a", "f/a", "go"), Function("b", "f/b", "rs"))
    assert [(remark.problem, remark.path) for remark in found.remarks] == [("name-taken", "f/a.js")]


def test_a_link_that_leads_nowhere_breaks_the_build() -> None:
    found = discover([Entry("a.js", Kind.BROKEN_LINK), Entry("notes", Kind.BROKEN_LINK)], "f")

    assert [one.name for one in found.functions] == ["a"]
    assert [(remark.problem, remark.path, remark.breaks_build) for remark in found.remarks] == [
        ("broken-link", "f/a.js", True)
    ]


def test_the_reserved_name_breaks_the_build() -> None:
    assert discover([Entry("___netlify-entry-point.js")], "f").remarks[0].breaks_build


def test_the_order_of_the_entries_means_nothing() -> None:
    entries = [Entry("b.js"), Entry("a.ts"), Entry("a.js"), Entry("v1", Kind.FOLDER, frozenset({"index.js"}))]

    assert discover(entries, "f") == discover(reversed(entries), "f")


def test_schedules_come_from_the_settings() -> None:
    found = discover([Entry("a.js"), Entry("b.js")], "f", {"a": "@daily"}.get)

    assert [one.schedule for one in found.functions] == ["@daily", None]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a.js", ("a", ".js")),
        ("a.b.js", ("a.b", ".js")),
        (".js", (".js", "")),
        (".a.js", (".a", ".js")),
        ("..js", (".", ".js")),
        ("a.", ("a", ".")),
        ("js", ("js", "")),
    ],
)
def test_names_are_split_as_node_splits_them(name: str, parts: tuple[str, str]) -> None:
    assert split_extension(name) == parts


def test_a_folder_is_read_with_links_programs_and_odd_entries(tmp_path: Path) -> None:
    place = tmp_path / "functions"
    place.mkdir()
    (place / "hello.js").write_text("")
    (place / "linked.js").symlink_to("hello.js")
    (place / "lost.ts").symlink_to("nowhere")
    (place / "real").mkdir()
    (place / "real" / "index.mjs").write_text("")
    (place / "alias").symlink_to("real")
    (place / "folder-in-file-clothes").mkdir()
    (place / "folder-in-file-clothes" / "index.js").mkdir()
    (place / "node_modules").mkdir()
    (place / "worker").write_bytes(elf(b".note.go.buildid"))
    (place / "crab").write_bytes(elf(b"rust_eh_personality"))
    (place / "other").write_bytes(elf(b"GCC"))
    (place / "arm").write_bytes(elf(b".note.go.buildid", machine=183))
    (place / "short").write_bytes(b"\x7fELF")
    os.mkfifo(place / "pipe")

    found = read_discovery(tmp_path, "functions", Settings(schedules=(("real", "@daily"),)))

    assert {one.name: (one.main_file, one.runtime, one.schedule) for one in found.functions} == {
        "hello": ("functions/hello.js", "js", None),
        "linked": ("functions/linked.js", "js", None),
        "lost": ("functions/lost.ts", "js", None),
        "real": ("functions/real/index.mjs", "js", "@daily"),
        "worker": ("functions/worker", "go", None),
        "crab": ("functions/crab", "rs", None),
    }
    assert [remark.problem for remark in found.remarks] == ["broken-link"]


def test_a_missing_folder_is_not_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(LookFailed, match="netlify/functions: there is no such folder"):
        read_entries(tmp_path, "netlify/functions")


def test_a_file_where_the_folder_should_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "functions").write_text("")

    with pytest.raises(LookFailed, match="cannot list"):
        read_entries(tmp_path, "functions")


def test_too_many_entries_are_not_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functions_folder, "ENTRIES_CAP", 2)
    for name in ("a.js", "b.js", "c.js"):
        (tmp_path / name).write_text("")

    with pytest.raises(LookFailed, match="more than 2 entries"):
        read_entries(tmp_path, ".")
    (tmp_path / "c.js").unlink()
    assert len(read_entries(tmp_path, ".")) == 2


def test_a_program_that_may_not_be_read_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "secret").write_bytes(elf(b".note.go.buildid"))

    assert functions_folder._made_with(tmp_path / "loop") is None
    assert functions_folder._made_with(tmp_path / "secret") is Runtime.GO
