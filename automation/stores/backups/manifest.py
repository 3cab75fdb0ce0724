"""What a snapshot says of itself, and reading it back from bytes that nobody vouches for."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii
from typing import Literal, TypeVar, get_args

from automation.core.errors import RecordDamaged, RecordNewer
from automation.core.moments import from_text
from automation.stores.backups.entry_path import ancestors, problem_with_entry, shown
from automation.stores.backups.snapshot_id import is_snapshot_id

SCHEMA = 1
SKIPPED_CAP = 1000
LINK_CAP_BYTES = 4095

Kind = Literal["regular", "emergency", "before-restore"]

_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_MODE = re.compile(r"[0-7]{4}", re.ASCII)
_ID_LIMIT = 2**32
_MTIME_LIMIT_NS = 2**63

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Problem:
    """A file, and why it was left out, is bad, or could not be written."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a snapshot; of a link, `link` is where it points, and the hash is the hash of that text."""

    path: str
    size: int
    mode: int
    owner: int
    group: int
    mtime_ns: int
    sha256: str
    valid: bool | None = None
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Previous:
    """The snapshot before, and the hash of its manifest: a chain in which no link can be changed unseen."""

    id: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """All that a snapshot says of itself.

    Attributes:
        linked: How many snapshots before it, without a gap, share unchanged files with it; 0: it is whole.
        absent: What a restore was about to write where nothing was: restoring this snapshot removes it again.
    """

    id: str
    system: str
    created_at: str
    kind: Kind
    reason: str
    host: str
    workspace: str
    previous: Previous | None
    files: tuple[Entry, ...]
    skipped: tuple[Problem, ...] = ()
    skipped_count: int = 0
    linked: int = 0
    absent: tuple[Entry, ...] = ()

    @property
    def total_bytes(self) -> int:
        """The bytes of all files."""
        return sum(entry.size for entry in self.files)

    @property
    def all_valid(self) -> bool:
        """Tell whether no file was found invalid when it was taken; what nobody judged does not count."""
        return all(entry.valid is not False for entry in self.files)


def text_hash(text: str) -> str:
    """Return the SHA-256 of a link's target."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def can_be_link(text: str) -> bool:
    """Tell whether a link can point to this text, and this program would write it in this way."""
    try:
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    good = 0 < len(raw) <= LINK_CAP_BYTES and b"\0" not in raw
    return good and raw.decode("utf-8", "surrogateescape") == text


@dataclass(frozen=True, slots=True)
class Totals:
    """What is known of a manifest's files when all of them are written."""

    files: int
    total_bytes: int
    skipped: tuple[Problem, ...] = ()
    skipped_count: int = 0


def to_bytes(manifest: Manifest) -> bytes:
    """Return a manifest as JSON in ASCII, one file a line."""
    totals = Totals(
        len(manifest.files), manifest.total_bytes, manifest.skipped[:SKIPPED_CAP], manifest.skipped_count
    )
    rows = (entry_to_line(entry) for entry in manifest.files)
    return b"".join(pieces(manifest, rows, lambda: totals))


def pieces(head: Manifest, rows: Iterable[bytes], totals: Callable[[], Totals]) -> Iterator[bytes]:
    """Yield a manifest piece by piece.

    Args:
        head: What is known beforehand; its `files`, `skipped` and `skipped_count` do not count.
        rows: The lines of its files, in the order of their paths.
        totals: Asked when all rows are written.
    """
    previous = head.previous
    fields = {
        "schema": SCHEMA,
        "id": head.id,
        "system": head.system,
        "createdAt": head.created_at,
        "kind": head.kind,
        "reason": head.reason,
        "host": head.host,
        "workspace": head.workspace,
        "previous": None if previous is None else {"id": previous.id, "sha256": previous.sha256},
        "linked": head.linked,
    }
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in fields.items())
    yield b"{\n" + lines.encode("ascii") + b",\n"
    yield from _column("files", rows)
    if head.absent:
        yield from _column("absent", (entry_to_line(entry) for entry in head.absent))
    end = totals()
    skipped = [{"path": problem.path, "reason": problem.reason} for problem in end.skipped]
    sums = {"files": end.files, "bytes": end.total_bytes, "skipped": end.skipped_count}
    yield from _column("skipped", (json.dumps(row).encode("ascii") for row in skipped))
    yield b'"totals": ' + json.dumps(sums).encode("ascii") + b"\n}\n"


def _column(name: str, rows: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a list, one row a line."""
    before = f'"{name}": [\n'.encode("ascii")
    empty = True
    for row in rows:
        yield before + row
        before, empty = b",\n", False
    yield f'"{name}": [],\n'.encode("ascii") if empty else b"\n],\n"


def entry_to_line(entry: Entry) -> bytes:
    """Return an entry as JSON in ASCII, without the end of the line."""
    valid = "null" if entry.valid is None else "true" if entry.valid else "false"
    line = (
        f'{{"path": {encode_basestring_ascii(entry.path)}, "size": {entry.size}, "mode": "{entry.mode:04o}", '
        f'"owner": {entry.owner}, "group": {entry.group}, "mtimeNs": {entry.mtime_ns}, '
        f'"sha256": "{entry.sha256}", "valid": {valid}'
    )
    end = "}" if entry.link is None else f', "link": {encode_basestring_ascii(entry.link)}}}'
    return (line + end).encode("ascii")


def from_bytes(data: bytes, where: str, *, expected_id: str | None = None) -> Manifest:
    """Read a manifest.

    Args:
        data: Any bytes.
        where: The file, for the message.
        expected_id: The name of the folder that it lies in.

    Raises:
        RecordDamaged: It is no manifest, or names a path that no backup of ours would hold.
        RecordNewer: A newer version wrote it.
    """
    try:
        fields = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise RecordDamaged(where, f"is no JSON: {str(error)[:200]}") from error
    if not isinstance(fields, dict):
        raise RecordDamaged(where, "expected an object")
    check_schema(fields.get("schema"), where)
    manifest = manifest_of(fields, where, expected_id=expected_id)
    _check_whole(manifest, fields, where)
    return manifest


def manifest_of(fields: dict[str, object], where: str, *, expected_id: str | None) -> Manifest:
    """Read a manifest's fields, each by itself.

    Raises:
        RecordDamaged: One of them is not as its schema says.
    """
    manifest = _Reader(fields, where).manifest()
    if expected_id is not None and manifest.id != expected_id:
        raise RecordDamaged(where, f"id: expected {expected_id}, got {manifest.id}")
    return manifest


def check_schema(schema: object, where: str) -> None:
    """Refuse what another version wrote."""
    if type(schema) is int and schema > SCHEMA:
        raise RecordNewer(where, schema)
    if type(schema) is not int or schema != SCHEMA:
        raise RecordDamaged(where, f"schema: expected {SCHEMA}, got {str(schema)[:40]}")


def _check_whole(manifest: Manifest, fields: dict[str, object], where: str) -> None:
    """Refuse what only shows over all files: a path twice, a file that is also a folder, wrong sums."""
    paths = {entry.path for entry in manifest.files}
    if len(paths) != len(manifest.files):
        raise RecordDamaged(where, "files: a path stands there twice")
    folders = {folder for path in paths for folder in ancestors(path)}
    if not folders.isdisjoint(paths):
        raise RecordDamaged(where, "files: a path is both a file and a folder")
    totals = _Reader(_typed(fields, "totals", dict, where), where)
    if totals.number("files") != len(paths) or totals.number("bytes") != manifest.total_bytes:
        raise RecordDamaged(where, "totals: do not agree with files")


def _typed(fields: dict[str, object], key: str, kind: type[T], where: str) -> T:
    """Return a field that has exactly this type: to JSON, true is no number."""
    value = fields.get(key)
    if type(value) is not kind:
        raise RecordDamaged(where, f"{key}: expected {kind.__name__}, got {type(value).__name__}")
    return value


class _Reader:
    """Reads the fields of one JSON object, and refuses what is not as written."""

    def __init__(self, fields: dict[str, object], where: str) -> None:
        self._fields = fields
        self._where = where

    def text(self, key: str) -> str:
        return _typed(self._fields, key, str, self._where)

    def number(self, key: str, *, limit: int = _MTIME_LIMIT_NS, negative: bool = False) -> int:
        value = _typed(self._fields, key, int, self._where)
        if not (-limit if negative else 0) <= value < limit:
            self.refuse(f"{key}: {str(value)[:40]} is out of range")
        return value

    def shaped(self, key: str, shape: re.Pattern[str]) -> str:
        value = self.text(key)
        if shape.fullmatch(value) is None:
            self.refuse(f"{key}: {shown(value[:80])} has not the expected shape")
        return value

    def refuse(self, problem: str) -> None:
        raise RecordDamaged(self._where, problem)

    def each(self, key: str) -> list[_Reader]:
        """Return a reader for each object of a list."""
        rows = _typed(self._fields, key, list, self._where)
        if not all(isinstance(row, dict) for row in rows):
            self.refuse(f"{key}: expected a list of objects")
        return [_Reader(row, self._where) for row in rows]

    def snapshot_id(self) -> str:
        value = self.text("id")
        if not is_snapshot_id(value):
            self.refuse(f"id: {shown(value[:80])} is no snapshot's name")
        return value

    def kind(self) -> Kind:
        for kind in get_args(Kind):
            if self._fields.get("kind") == kind:
                return kind  # type: ignore[no-any-return]  # get_args says Any
        raise RecordDamaged(self._where, "kind: expected one of " + ", ".join(get_args(Kind)))

    def moment(self, key: str) -> str:
        value = self.text(key)
        try:
            from_text(value)
        except (ValueError, OverflowError):
            self.refuse(f"{key}: {shown(value[:80])} is no moment")
        return value

    def previous(self) -> Previous | None:
        if self._fields.get("previous") is None:
            return None
        reader = _Reader(_typed(self._fields, "previous", dict, self._where), self._where)
        return Previous(reader.snapshot_id(), reader.shaped("sha256", _HASH))

    def problem(self) -> Problem:
        return Problem(self.text("path"), self.text("reason"))

    def entry(self) -> Entry:
        path = self.text("path")
        problem = problem_with_entry(path)
        if problem is not None:
            self.refuse(f"files: {shown(path[:200])} {problem}")
        link = self.link(path)
        sha256 = self.shaped("sha256", _HASH)
        if link is not None and text_hash(link) != sha256:
            self.refuse(f"files: {shown(path[:200])}: the hash is not that of the link")
        return Entry(
            path=path,
            size=self.number("size"),
            mode=int(self.shaped("mode", _MODE), 8),
            owner=self.number("owner", limit=_ID_LIMIT),
            group=self.number("group", limit=_ID_LIMIT),
            mtime_ns=self.number("mtimeNs", negative=True),
            sha256=sha256,
            valid=self.verdict(),
            link=link,
        )

    def verdict(self) -> bool | None:
        value = self._fields.get("valid")
        if value is None or isinstance(value, bool):
            return value
        raise RecordDamaged(self._where, "valid: expected true, false or null")

    def link(self, path: str) -> str | None:
        """Return where a link points: any text that a link can hold; it is kept, and never followed."""
        if self._fields.get("link") is None:
            return None
        target = self.text("link")
        if not can_be_link(target):
            self.refuse(f"files: {shown(path[:200])}: a link that cannot be made")
        return target

    def manifest(self) -> Manifest:
        skipped = tuple(reader.problem() for reader in self.each("skipped"))
        totals = _Reader(_typed(self._fields, "totals", dict, self._where), self._where)
        return Manifest(
            id=self.snapshot_id(),
            system=self.text("system"),
            created_at=self.moment("createdAt"),
            kind=self.kind(),
            reason=self.text("reason"),
            host=self.text("host"),
            workspace=self.text("workspace"),
            previous=self.previous(),
            files=tuple(reader.entry() for reader in self.each("files")),
            skipped=skipped[:SKIPPED_CAP],
            skipped_count=totals.number("skipped"),
            linked=self.number("linked") if "linked" in self._fields else 0,
            absent=tuple(reader.entry() for reader in self.each("absent"))
            if "absent" in self._fields
            else (),
        )
