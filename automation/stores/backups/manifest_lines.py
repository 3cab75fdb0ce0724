"""Reading a manifest line by line, as this program writes it: fast, and with no more memory than it fills.

What is written in any other way, a line or a byte, is `NotAsWritten`: whoever reads takes
`manifest.from_bytes` then, which reads every JSON and says what is wrong with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import BinaryIO

from automation.core.errors import RecordDamaged
from automation.ports.files import read_at_most
from automation.stores.backups.entry_path import is_prefix, problem_with_entry
from automation.stores.backups.manifest import (
    Entry,
    Manifest,
    can_be_link,
    check_schema,
    manifest_of,
    text_hash,
)

LINE_CAP_BYTES = 64 * 1024
_HEAD_LINES_CAP = 64
_TAIL_CAP_BYTES = 32 * 1024 * 1024
_NUMBER = rb"(0|[1-9][0-9]{0,8})"  # what is larger, and rare, is read in the other way
_SIZE = rb"(0|[1-9][0-9]{0,17})"
_TEXT = rb'"([^"\\\x00-\x1f\x7f-\xff]*(?:\\.[^"\\\x00-\x1f\x7f-\xff]*)*)"'
_ROW = re.compile(
    rb'\{"path": ' + _TEXT + rb', "size": ' + _SIZE + rb', "mode": "([0-7]{4})", "owner": ' + _NUMBER
    + rb', "group": ' + _NUMBER + rb', "mtimeNs": (0|-?[1-9][0-9]{0,18}), "sha256": "([0-9a-f]{64})", '
    + rb'"valid": (true|false|null)(?:, "link": ' + _TEXT + rb")?\}(,?)\n"
)  # fmt: skip
# What makes a path worth a closer look: an escape, or a name that is empty, '.' or '..'.
_NOT_PLAIN = re.compile(rb"\\|//|/\.{1,2}(?:/|\Z)")
_NOT_IN_HEAD = {"files", "absent", "skipped", "totals"}
_VERDICTS = {b"true": True, b"false": False, b"null": None}
_BEFORE_PATH, _AFTER_PATH = b'{"path": "', b'", "size": '
_SHORT = 255
_LIMIT = 2**63
_LONGEST = 18  # so many digits are always below it


class NotAsWritten(Exception):
    """No error, a reason to read a manifest in the other way: it is not written as this program writes it."""


def read_lines(file: BinaryIO, where: str, *, expected_id: str | None = None) -> Manifest:
    """Read a whole manifest.

    Raises:
        NotAsWritten: It is written in another way, or damaged.
        RecordNewer: A newer version wrote it.
    """
    head, empty = _head(file, where)
    files = () if empty else tuple(rows(file))
    tail = _tail(file)
    try:
        manifest = manifest_of({**head, **tail[0]}, where, expected_id=expected_id)
    except RecordDamaged as error:
        raise NotAsWritten from error
    whole = replace(manifest, files=files, absent=tail[1])
    totals = tail[0]["totals"]
    if not isinstance(totals, dict) or totals.get("bytes") != whole.total_bytes:
        raise NotAsWritten
    if totals.get("files") != len(files):
        raise NotAsWritten
    return whole


def read_rows(file: BinaryIO, where: str) -> Iterator[Entry]:
    """Yield the files of a manifest one by one, in the order of their paths, each as it is read.

    Raises:
        NotAsWritten: It is written in another way, or damaged: perhaps only after some of its files.
        RecordNewer: A newer version wrote it.
    """
    _, empty = _head(file, where)
    if not empty:
        yield from rows(file)


def read_head(file: BinaryIO, where: str, *, expected_id: str | None = None) -> Manifest:
    """Read what stands before a manifest's files.

    Raises:
        NotAsWritten: It is written in another way, or damaged.
        RecordNewer: A newer version wrote it.
    """
    head, _ = _head(file, where)
    try:
        return manifest_of(
            {**head, "files": [], "skipped": [], "totals": {"skipped": 0}}, where, expected_id=expected_id
        )
    except RecordDamaged as error:
        raise NotAsWritten from error


def _head(file: BinaryIO, where: str) -> tuple[dict[str, object], bool]:
    """Read up to the files, and tell whether there are none."""
    lines: list[bytes] = []
    for _ in range(_HEAD_LINES_CAP):
        line = file.readline(LINE_CAP_BYTES)
        if line in (b'"files": [\n', b'"files": [],\n'):
            fields = _fields(b"".join(lines).rstrip(b",\n") + b"}")
            try:
                check_schema(fields.get("schema"), where)
            except RecordDamaged as error:
                raise NotAsWritten from error
            if fields.keys() & _NOT_IN_HEAD:
                raise NotAsWritten
            return {**fields, "files": []}, line == b'"files": [],\n'
        lines.append(line)
    raise NotAsWritten


def _fields(text: bytes) -> dict[str, object]:
    try:
        fields: dict[str, object] = json.loads(text)  # what ends with a brace is an object, or no JSON
    except (ValueError, RecursionError) as error:
        raise NotAsWritten from error
    return fields


def _tail(file: BinaryIO) -> tuple[dict[str, object], tuple[Entry, ...]]:
    """Read what comes after the files, and what a restore has added."""
    line = file.readline(LINE_CAP_BYTES)
    absent: tuple[Entry, ...] = ()
    if line == b'"absent": [\n':
        absent, line = tuple(rows(file)), b""
    rest = read_at_most(file, _TAIL_CAP_BYTES)
    fields = _fields(b"{" + line + rest)
    if not rest.endswith(b"\n}\n") or fields.keys() != {"skipped", "totals"}:
        raise NotAsWritten
    return fields, absent


def rows(file: BinaryIO) -> Iterator[Entry]:
    """Yield the entries of a list, up to its end.

    Raises:
        NotAsWritten: One is written in another way, stands twice, or is out of order.
    """
    before: str = ""
    files: list[str] = []  # those that the path begins with, the outermost first
    shared: dict[bytes, int] = {}
    while line := file.readline(LINE_CAP_BYTES):
        found = _ROW.fullmatch(line)
        if found is None:
            raise NotAsWritten
        entry = _entry(found, shared)
        path = entry.path
        if path <= before:
            raise NotAsWritten
        while files and not path.startswith(files[-1]):
            files.pop()
        if files and any(path.startswith(file + "/") for file in files):
            raise NotAsWritten
        files.append(path)
        before = path
        yield entry
        if not found[10]:
            if file.readline(LINE_CAP_BYTES) != b"],\n":
                raise NotAsWritten
            return
    raise NotAsWritten


def paths_besides(file: BinaryIO, where: str, known: Collection[str]) -> Iterator[str]:
    """Yield the paths of a manifest that are not known; of a line with a known one nothing else is read.

    Raises:
        NotAsWritten: It is written in another way, or damaged: perhaps only after some of its paths.
        RecordNewer: A newer version wrote it.
    """
    _, empty = _head(file, where)
    while not empty and (line := file.readline(LINE_CAP_BYTES)):
        if line == b"],\n":
            return
        raw = line[len(_BEFORE_PATH) : line.find(_AFTER_PATH)]
        if raw.isascii() and b"\\" not in raw and raw.decode("ascii") in known:
            continue
        found = _ROW.fullmatch(line)
        if found is None:
            raise NotAsWritten
        path = _path(found[1])
        if path not in known:
            yield path


def _entry(found: re.Match[bytes], shared: dict[bytes, int]) -> Entry:
    raw, size, mode, owner, group, mtime_ns, sha256, valid, link, _ = found.groups()
    if len(mtime_ns) > _LONGEST and abs(int(mtime_ns)) >= _LIMIT:
        raise NotAsWritten
    if mode not in shared:
        shared[mode] = int(mode, 8)
    return Entry(
        _path(raw),
        int(size),
        shared[mode],
        int(owner),
        int(group),
        int(mtime_ns),
        sha256.decode("ascii"),
        _VERDICTS[valid],
        None if link is None else _link(link, sha256),
    )


def _path(raw: bytes) -> str:
    """Return a path that is allowed; what is plain in the plain way."""
    if len(raw) <= _SHORT and _NOT_PLAIN.search(raw) is None:
        path = raw.decode("ascii")
        prefix, slash, name = path.partition("/")
        if slash and name and name[-1] != "/" and is_prefix(prefix):
            return path
    path = _text(raw)
    if problem_with_entry(path) is not None:
        raise NotAsWritten
    return path


def _text(raw: bytes) -> str:
    try:
        text = json.loads(b'"' + raw + b'"')
    except ValueError as error:
        raise NotAsWritten from error
    return str(text)


def _link(raw: bytes, sha256: bytes) -> str:
    link = _text(raw)
    if not can_be_link(link) or text_hash(link) != sha256.decode("ascii"):
        raise NotAsWritten
    return link
