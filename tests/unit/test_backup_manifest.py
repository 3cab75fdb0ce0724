"""What a manifest says, and what is refused when one is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from automation.core.errors import RecordDamaged, RecordNewer
from automation.stores.backups.manifest import (
    Entry,
    Manifest,
    Previous,
    Problem,
    from_bytes,
    text_hash,
    to_bytes,
)

ID = "20261124T101500Z-3f2a"
FILE = Entry("files/a\n\udcff", 3, 0o640, 1000, 1001, -5, "ab" * 32, valid=True)
LINK = Entry("files/link", 2, 0o777, 0, 0, 7, text_hash("to"), link="to")
MANIFEST = Manifest(
    id=ID,
    system="pm2",
    created_at="2026-11-24T10:15:00.000Z",
    kind="regular",
    reason="by hand",
    host="host",
    workspace="/srv/app",
    previous=Previous("20261124T101000Z-0001", "cd" * 32),
    files=(FILE, LINK),
    skipped=(Problem("files/pipe", "is a pipe"),),
    skipped_count=4,
)


def test_a_manifest_comes_back_as_it_was_written() -> None:
    assert from_bytes(to_bytes(MANIFEST), "m", expected_id=ID) == MANIFEST


def test_a_manifest_is_plain_ascii_with_the_keys_of_the_contract() -> None:
    data = json.loads(to_bytes(MANIFEST).decode("ascii"))

    assert data["schema"] == 1
    assert data["createdAt"] == "2026-11-24T10:15:00.000Z"
    assert data["previous"] == {"id": "20261124T101000Z-0001", "sha256": "cd" * 32}
    assert data["totals"] == {"files": 2, "bytes": 5, "skipped": 4}
    assert data["files"][0] == {
        "path": "files/a\n\udcff",
        "size": 3,
        "mode": "0640",
        "owner": 1000,
        "group": 1001,
        "mtimeNs": -5,
        "sha256": "ab" * 32,
        "valid": True,
    }
    assert data["files"][1]["link"] == "to"


def test_an_empty_manifest_comes_back_too() -> None:
    empty = replace(MANIFEST, files=(), skipped=(), skipped_count=0, previous=None)

    assert from_bytes(to_bytes(empty), "m") == empty


def test_one_invalid_file_makes_a_snapshot_not_all_valid_and_an_unknown_one_does_not() -> None:
    assert MANIFEST.all_valid
    assert not replace(MANIFEST, files=(replace(FILE, valid=False), LINK)).all_valid


def test_a_newer_schema_is_left_alone() -> None:
    with pytest.raises(RecordNewer):
        from_bytes(b'{"schema": 2}', "m")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff",
        b'{"schema": true}',
        b'{"schema": 0}',
        b'{"schema": "1"}',
        b"[" * 100_000,
        b'{"schema": ' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_manifest_is_damaged(data: bytes) -> None:
    with pytest.raises(RecordDamaged, match=r"^m: "):
        from_bytes(data, "m")


def test_every_shorter_beginning_of_a_manifest_is_damaged() -> None:
    whole = to_bytes(MANIFEST).rstrip()
    for length in range(len(whole)):
        with pytest.raises(RecordDamaged):
            from_bytes(whole[:length], "m")


def test_a_manifest_in_another_snapshots_folder_is_damaged() -> None:
    with pytest.raises(RecordDamaged, match="expected 20261124T101500Z-0000"):
        from_bytes(to_bytes(MANIFEST), "m", expected_id="20261124T101500Z-0000")


Fields = dict[str, Any]


def _set(key: str, value: object) -> Callable[[Fields], None]:
    return lambda data: data.__setitem__(key, value)


def _set_file(key: str, value: object, which: int = 0) -> Callable[[Fields], None]:
    return lambda data: data["files"][which].__setitem__(key, value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_set("id", "x"), "is no snapshot's name"),
        (_set("id", 1), "id: expected str, got int"),
        (_set("system", None), "system: expected str"),
        (_set("createdAt", "yesterday"), "createdAt: yesterday is no moment"),
        (_set("createdAt", "2026-11-24T10:15:00"), "is no moment"),
        (_set("kind", "other"), "kind: expected one of regular"),
        (_set("previous", {"id": ID}), "sha256: expected str"),
        (_set("previous", "x"), "previous: expected dict"),
        (_set("files", {}), "files: expected list"),
        (_set("files", [1]), "files: expected a list of objects"),
        (_set("skipped", None), "skipped: expected list"),
        (_set("totals", {"files": 2, "bytes": 4, "skipped": 0}), "do not agree"),
        (_set("totals", {"files": 1, "bytes": 5, "skipped": 0}), "do not agree"),
        (_set_file("path", "/etc/passwd"), "/etc/passwd"),
        (_set_file("path", "files/../../x"), "climbs out"),
        (_set_file("path", "files//etc"), "is absolute"),
        (_set_file("path", "files/link"), "stands there twice"),
        (_set_file("path", "files/link/x"), "both a file and a folder"),
        (_set_file("size", -1), "size: -1 is out of range"),
        (_set_file("size", value=True), "size: expected int, got bool"),
        (_set_file("size", 2**63), "out of range"),
        (_set_file("mode", "640"), "mode: 640 has not the expected shape"),
        (_set_file("mode", 416), "mode: expected str"),
        (_set_file("owner", 2**32), "owner: 4294967296 is out of range"),
        (_set_file("mtimeNs", -(2**63) - 1), "mtimeNs"),
        (_set_file("sha256", "AB" * 32), "sha256"),
        (_set_file("valid", 1), "valid: expected true, false or null"),
        (_set_file("link", "elsewhere", 1), "the hash is not that of the link"),
        (_set_file("link", "", 1), "a link that cannot be made"),
        (_set_file("link", "a\0", 1), "a link that cannot be made"),
        (_set_file("link", "\ud800", 1), "a link that cannot be made"),
        (_set_file("link", "\udcc3\udca9", 1), "a link that cannot be made"),
        (_set_file("link", "x" * 4096, 1), "a link that cannot be made"),
        (_set_file("link", 1, 1), "link: expected str"),
    ],
)
def test_a_field_that_is_not_as_it_should_be_is_named(change: Callable[[Fields], None], said: str) -> None:
    data = json.loads(to_bytes(MANIFEST))
    change(data)

    with pytest.raises(RecordDamaged) as caught:
        from_bytes(json.dumps(data).encode(), "m")

    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_list_of_skipped_files_is_capped_when_it_is_read() -> None:
    many = replace(MANIFEST, skipped=(Problem("files/x", "y"),) * 1500)

    assert len(from_bytes(to_bytes(many), "m").skipped) == 1000
