"""Reading a manifest line by line: only what is written as this program writes it."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from automation.core.errors import RecordNewer
from automation.stores.backups.manifest import Entry, Manifest, text_hash, to_bytes
from automation.stores.backups.manifest_lines import (
    NotAsWritten,
    paths_besides,
    read_head,
    read_lines,
    read_rows,
)

ID = "20261124T101500Z-3f2a"
FILE = Entry("files/b", 3, 0o640, 1000, 1001, 1_795_515_300_000_000_000, "ab" * 32, valid=True)
LINK = Entry("files/c", 2, 0o777, 0, 0, 7, text_hash("to"), link="to")
WHOLE = Manifest(ID, "pm2", "2026-11-24T10:15:00.000Z", "regular", "r", "h", "/w", None, (FILE, LINK))


def read(data: bytes) -> Manifest:
    return read_lines(io.BytesIO(data), "m", expected_id=ID)


def test_a_manifest_comes_back_as_it_was_written() -> None:
    for manifest in (WHOLE, replace(WHOLE, files=()), replace(WHOLE, absent=(FILE,), linked=3)):
        assert read(to_bytes(manifest)) == manifest
        assert tuple(read_rows(io.BytesIO(to_bytes(manifest)), "m")) == manifest.files
        assert read_head(io.BytesIO(to_bytes(manifest)), "m").linked == manifest.linked


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"schema": 1', b'"schema": 0'),
        (b'"schema": 1,\n', b""),
        (b'"id": "', b'"id": "x'),
        (b'"id": "20261124T101500Z-3f2a"', b'"id": "20261124T101500Z-3f2b"'),
        (b'"kind": "regular"', b'"kind": "odd"'),
        (b'"kind": "regular"', b'"absent": [], "kind": "regular"'),
        (b'"files": [', b'"files":  ['),
        (b"{\n", b"[\n"),
        (b"files/b", b"files/c"),
        (b"files/b", b"files/d"),
        (b"files/c", b"files/b/c"),
        (b"files/b", b"files/../b"),
        (b"files/b", b"files//b"),
        (b"files/b", b"files/b/"),
        (b"files/b", b"/files/b"),
        (b"files/b", b"b"),
        (b"files/b", b"Files/b"),
        (b"files/b", b"files/" + b"b" * 256),
        (b"files/b", b"files/\\x"),
        (b"files/b", b"files/\\ud800"),
        (b'"size": 3', b'"size": 4'),
        (b'"size": 3', b'"size": 03'),
        (b'"mode": "0640"', b'"mode": "640"'),
        (b'"mtimeNs": 1795515300000000000', b'"mtimeNs": 9999999999999999999'),
        (b'"link": "to"', b'"link": "two"'),
        (b'"link": "to"', b'"link": ""'),
        (b'"valid": true', b'"valid": 1'),
        (b"},\n{", b"}\n{"),
        (b"}\n],\n", b"},\n],\n"),
        (b"}\n],\n", b"}\n]\n"),
        (b"],\n", b""),
        (b'"skipped": []', b'"skipped": {}'),
        (b'"skipped": []', b'"other": 1'),
        (b'"files": 2', b'"files": 3'),
        (b'"totals": {', b'"totals": [{'),
        (b'"totals": {"files": 2, "bytes": 5, "skipped": 0}', b'"totals": 5'),
        (b"\n}\n", b"\n}"),
        (b"\n}\n", b"\n} "),
    ],
)
def test_what_is_written_in_another_way_is_left_to_the_other_reader(old: bytes, new: bytes) -> None:
    data = to_bytes(WHOLE)
    assert old in data

    with pytest.raises(NotAsWritten):
        read(data.replace(old, new, 1))


def test_no_bytes_and_endless_ones_are_left_to_the_other_reader() -> None:
    for data in (b"", b"{\n" * 100, b"x" * 200_000, b"[1]\n" + to_bytes(WHOLE)):
        with pytest.raises(NotAsWritten):
            read(data)
        with pytest.raises(NotAsWritten):
            read_head(io.BytesIO(data), "m")
    with pytest.raises(NotAsWritten):
        read_head(io.BytesIO(to_bytes(WHOLE)), "m", expected_id="20261124T101500Z-0000")


def test_a_file_that_is_also_a_folder_is_seen_though_others_stand_between() -> None:
    others = (replace(FILE, path="files/b-"), replace(FILE, path="files/b/c"))

    with pytest.raises(NotAsWritten):
        read(to_bytes(replace(WHOLE, files=(FILE, *others))))


def test_a_manifest_that_broke_off_between_two_files_is_left_to_the_other_reader() -> None:
    data = to_bytes(WHOLE)

    with pytest.raises(NotAsWritten):
        read(data[: data.index(b'{"path": "files/c"')])


def test_a_newer_version_is_said() -> None:
    with pytest.raises(RecordNewer):
        read(to_bytes(WHOLE).replace(b'"schema": 1', b'"schema": 2'))


def test_the_paths_that_are_not_known_are_found_however_they_are_written() -> None:
    odd = ("files/.github/a", "files/a.", "files/...", "files/é", "files/\udcff")
    manifest = replace(WHOLE, files=tuple(replace(FILE, path=path) for path in sorted((*odd, "files/b"))))

    assert {*paths_besides(io.BytesIO(to_bytes(manifest)), "m", ("files/b",))} == {*odd}
    assert not [*paths_besides(io.BytesIO(to_bytes(manifest)), "m", (*odd, "files/b"))]
    assert not [*paths_besides(io.BytesIO(to_bytes(replace(WHOLE, files=()))), "m", ())]


@pytest.mark.parametrize("bad", ["files/../b", "files/./b", "files/..", "files/.", "files//b", "/files/b"])
def test_a_path_that_climbs_is_never_one_of_the_unknown_ones(bad: str) -> None:
    data = to_bytes(WHOLE).replace(b"files/b", bad.encode("ascii"), 1)

    with pytest.raises(NotAsWritten):
        [*paths_besides(io.BytesIO(data), "m", ())]
    with pytest.raises(NotAsWritten):
        read(data)


def test_names_that_begin_with_dots_are_read_in_the_quick_way_too() -> None:
    paths = ("files/.github/a", "files/..a/b", "files/.../b")
    manifest = replace(WHOLE, files=tuple(replace(FILE, path=path) for path in sorted(paths)))

    assert read(to_bytes(manifest)) == manifest
