"""Reading a manifest from any bytes yields a manifest, or one of the two errors that say why not."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from automation.core.errors import RecordDamaged, RecordNewer
from automation.core.moments import to_text
from automation.stores.backups.entry_path import problem_with_entry
from automation.stores.backups.manifest import (
    Entry,
    Manifest,
    Previous,
    Problem,
    from_bytes,
    text_hash,
    to_bytes,
)
from automation.stores.backups.manifest_lines import NotAsWritten, read_head, read_lines, read_rows
from automation.stores.backups.snapshot_id import is_snapshot_id, next_id

raw_names = st.binary(min_size=1, max_size=40).filter(
    lambda name: b"/" not in name and b"\0" not in name and name not in (b".", b"..")
)
paths = st.lists(raw_names, min_size=1, max_size=3).map(
    lambda names: "files/" + b"/".join(names).decode("utf-8", "surrogateescape")
)
hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)
ids = st.builds(next_id, st.floats(0, 4e9), st.none(), st.integers(0, 0xFFFF))
moments = st.floats(0, 4e9).map(to_text)
links = raw_names.map(lambda name: name.decode("utf-8", "surrogateescape"))


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    link = draw(st.none() | links)
    return Entry(
        path=draw(paths),
        size=draw(st.integers(0, 2**40)),
        mode=draw(st.integers(0, 0o7777)),
        owner=draw(st.integers(0, 2**32 - 1)),
        group=draw(st.integers(0, 2**32 - 1)),
        mtime_ns=draw(st.integers(-(2**62), 2**62)),
        sha256=draw(hashes) if link is None else text_hash(link),
        valid=draw(st.none() | st.booleans()),
        link=link,
    )


def consistent(files: list[Entry]) -> tuple[Entry, ...]:
    """Leave out a path that is there already, or is a folder of another."""
    kept: dict[str, Entry] = {}
    for entry in files:
        clash = any(
            entry.path == path or entry.path.startswith(path + "/") or path.startswith(entry.path + "/")
            for path in kept
        )
        if not clash:
            kept[entry.path] = entry
    return tuple(kept.values())


manifests = st.builds(
    Manifest,
    id=ids,
    system=st.text(max_size=10),
    created_at=moments,
    kind=st.sampled_from(["regular", "emergency", "before-restore"]),
    reason=st.text(max_size=20),
    host=st.text(max_size=10),
    workspace=st.text(max_size=10),
    previous=st.none() | st.builds(Previous, ids, hashes),
    files=st.lists(entries(), max_size=4).map(consistent),
    skipped=st.lists(st.builds(Problem, paths, st.text(max_size=10)), max_size=2).map(tuple),
    skipped_count=st.integers(0, 5),
    linked=st.integers(0, 19),
    absent=st.lists(entries(), max_size=2).map(consistent),
)


def read(data: bytes) -> Manifest | None:
    try:
        return from_bytes(data, "m")
    except (RecordDamaged, RecordNewer):
        return None


def path_of(entry: Entry) -> str:
    return entry.path


def read_by_lines(data: bytes) -> Manifest | None:
    try:
        return read_lines(io.BytesIO(data), "m")
    except (NotAsWritten, RecordNewer):
        return None


def in_order(manifest: Manifest) -> Manifest:
    """Put the files in the order in which a backup writes them."""
    return replace(
        manifest,
        files=tuple(sorted(manifest.files, key=path_of)),
        absent=tuple(sorted(manifest.absent, key=path_of)),
    )


@given(manifests.map(in_order))
def test_a_manifest_read_by_lines_is_the_one_that_was_written(manifest: Manifest) -> None:
    rare = any(
        max(entry.owner, entry.group) >= 10**9 or "\x7f" in json.dumps(entry.path) + str(entry.link)
        for entry in (*manifest.files, *manifest.absent)
    )

    found = read_by_lines(to_bytes(manifest))

    assert found == manifest or (rare and found is None)
    if found is not None:
        head = read_head(io.BytesIO(to_bytes(manifest)), "m", expected_id=manifest.id)
        assert head.previous == manifest.previous
        assert tuple(read_rows(io.BytesIO(to_bytes(manifest)), "m")) == manifest.files


changes = st.sampled_from(
    [
        b"",
        b" ",
        b",",
        b"\n",
        b"}",
        b"]",
        b"0",
        b"1",
        b"-",
        b'"',
        b"\\",
        b"null",
        b"true",
        b"/",
        b"..",
        b"files/a",
        b"8",
    ]
) | st.binary(max_size=3)


@given(manifests.map(in_order), st.data())
def test_whatever_is_changed_in_a_manifest_both_ways_of_reading_agree(
    manifest: Manifest, data: st.DataObject
) -> None:
    whole = to_bytes(manifest)
    begin = data.draw(st.integers(0, len(whole)))
    end = min(len(whole), begin + data.draw(st.integers(0, 8)))
    changed = whole[:begin] + data.draw(changes) + whole[end:]

    found = read_by_lines(changed)

    assert found is None or found == read(changed)


@given(manifests.map(in_order).filter(lambda manifest: len(manifest.files) > 1), st.data())
def test_lines_that_are_repeated_or_out_of_order_are_not_read_by_lines(
    manifest: Manifest, data: st.DataObject
) -> None:
    first, second = data.draw(st.permutations(manifest.files))[:2]
    files = data.draw(
        st.sampled_from([(max(first, second, key=path_of), min(first, second, key=path_of)), (first, first)])
    )

    assert read_by_lines(to_bytes(replace(manifest, files=files))) is None


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused_by_name(data: bytes) -> None:
    assert read(data) is None


@given(manifests)
def test_every_manifest_comes_back_as_it_was_written(manifest: Manifest) -> None:
    assert from_bytes(to_bytes(manifest), "m", expected_id=manifest.id) == manifest


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(manifests, json_values, st.data())
def test_a_manifest_with_any_field_replaced_is_good_or_refused_by_name(
    manifest: Manifest, value: object, data: st.DataObject
) -> None:
    fields: Any = json.loads(to_bytes(manifest))
    target = data.draw(st.sampled_from([fields, fields["totals"], *fields["files"], *fields["skipped"]]))
    target[data.draw(st.sampled_from(sorted(target)))] = value

    found = read(json.dumps(fields).encode())

    if found is not None:
        assert is_snapshot_id(found.id)
        assert all(problem_with_entry(entry.path) is None for entry in found.files)
        assert len({entry.path for entry in found.files}) == len(found.files)


hostile = st.sampled_from(["", "/", "..", ".", "a", "files", "\0", "\ud800", "\udcc3\udca9", "x" * 256])


@given(manifests.filter(lambda manifest: bool(manifest.files)), st.lists(hostile, min_size=1, max_size=5))
def test_a_hostile_path_is_refused_unless_it_stays_in_a_folder_of_the_snapshot(
    manifest: Manifest, names: list[str]
) -> None:
    fields = json.loads(to_bytes(manifest))
    fields["files"][0]["path"] = "/".join(names)
    good = len(names) > 1 and all(name in {"a", "files"} for name in names)

    found = read(json.dumps(fields).encode())

    assert good or found is None


@given(manifests, st.data())
def test_a_manifest_that_broke_off_anywhere_is_refused(manifest: Manifest, data: st.DataObject) -> None:
    whole = to_bytes(manifest).rstrip()

    assert read(whole[: data.draw(st.integers(0, len(whole) - 1))]) is None


@given(
    st.lists(st.tuples(st.floats(-1e5, 1e5), st.integers(0, 0xFFFF)), min_size=1, max_size=30),
    st.floats(0, 4e9),
)
def test_ids_are_unique_and_ordered_however_the_clock_jumps(
    jumps: list[tuple[float, int]], start_s: float
) -> None:
    newest: str | None = None
    names: list[str] = []
    for jump_s, salt in jumps:
        newest = next_id(start_s + jump_s, newest, salt)
        names.append(newest)

    assert names == sorted(set(names))
    assert all(is_snapshot_id(name) for name in names)
