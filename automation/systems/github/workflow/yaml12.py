"""Reading workflow YAML as GitHub does: YAML 1.2 values with places, and bounds against hostile files.

PyYAML's parser gives the events (libyaml where it is built in); the values are made of them here, because
PyYAML's own loaders turn `on` into True, `1:30` into 90, refuse a re-used anchor and take a repeated key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from automation.systems.github.workflow.nodes import Mapping, Node, Plain, Scalar, Sequence
from automation.systems.github.workflow.problem import Problem, advice, fault

SIZE_CAP_BYTES = 1024 * 1024
DEPTH_CAP = 100
NODES_CAP = 100_000  # with each alias counted as the copy that it stands for
PROBLEMS_CAP = 50

UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_BOM = b"\xef\xbb\xbf"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL = re.compile(r"(?:~|null|Null|NULL)?\Z")
_BOOL = {word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")}
_INTEGER = re.compile(r"[-+]?[0-9]{1,300}\Z")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]{1,300}\Z")
_OCTAL = re.compile(r"0o[0-7]{1,300}\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_SPECIAL_FLOAT = re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")
_TEXT_TAG = "tag:yaml.org,2002:str"
_CORE_TAGS = tuple(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map")
)


@dataclass(frozen=True, slots=True)
class Document:
    """What a file holds: its root, None where it could not be read, and what is wrong with it as YAML."""

    root: Node | None
    problems: tuple[Problem, ...]


class _Unreadable(Exception):
    """The reading ends here, for this problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def read(data: bytes) -> Document:
    """Read one YAML document. Whatever is wrong with it comes back as problems, never as an exception."""
    problems: list[Problem] = []
    try:
        text = _text(data, problems)
        root = _Composer(text, problems).compose()
    except _Unreadable as unreadable:
        return Document(None, (*problems[:PROBLEMS_CAP], unreadable.problem))
    return Document(root, tuple(problems[:PROBLEMS_CAP]))


def syntax_stop(data: bytes) -> Problem | None:
    """Return where the parser stops, without making values of what it reads; None if it reads to the end."""
    try:
        for _ in _events(_text(data, [])):
            pass
    except _Unreadable as unreadable:
        return unreadable.problem
    return None


def _text(data: bytes, problems: list[Problem]) -> str:
    """Return the file as text without a byte order mark."""
    if len(data) > SIZE_CAP_BYTES:
        raise _Unreadable(fault(1, 1, "file-too-large", f"{len(data)} bytes, of at most {SIZE_CAP_BYTES}"))
    if not data.strip(b" \t\r\n"):
        raise _Unreadable(fault(1, 1, "file-empty", "the file is empty"))
    if data.startswith(UTF16_MARKS):
        raise _Unreadable(fault(1, 1, "not-utf8", "the file is UTF-16; save it as UTF-8"))
    if b"\0" in data:
        line, column = place_of(data, data.index(b"\0"))
        raise _Unreadable(
            fault(line, column, "nul-bytes", "the file holds NUL bytes; it was not written whole")
        )
    if data.startswith(_BOM):
        problems.append(
            advice(1, 1, "byte-order-mark", "the file begins with a byte order mark; save it without")
        )
        data = data[len(_BOM) :]
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line, column = place_of(data, error.start)
        message = f"byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise _Unreadable(fault(line, column, "not-utf8", message)) from error


def place_of(data: bytes, offset: int) -> tuple[int, int]:
    """Return line and column, from 1, of a byte; the column counts bytes."""
    return data.count(b"\n", 0, offset) + 1, offset - (data.rfind(b"\n", 0, offset) + 1) + 1


@dataclass(slots=True)
class _Open:
    """A list or mapping that is being read; `nodes` counts what is in it, aliases in full."""

    start: yaml.Event
    parts: list[Node] = field(default_factory=list)
    nodes: int = 1


class _Composer:
    """Makes values of the parser's events, with a stack of its own: a deep file cannot overflow Python's."""

    def __init__(self, text: str, problems: list[Problem]) -> None:
        self._text = text
        self._problems = problems
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int] | None] = {}  # None while the value is still open
        self._root: Node | None = None

    def compose(self) -> Node:
        """Return the root of the one document."""
        documents = 0
        for event in _events(self._text):
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _Unreadable(_at(event, "several-documents", "one file holds one document"))
            else:
                self._take(event)
        if self._root is None:
            raise _Unreadable(fault(1, 1, "file-empty", "the file holds only comments"))
        return self._root

    def _take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.AliasEvent):
            self._add(*self._aliased(event))
        elif isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event)
            self._remember(event, (node, 1))
            self._add(node, 1)
        elif isinstance(event, yaml.CollectionStartEvent):
            if len(self._open) >= DEPTH_CAP:
                raise _Unreadable(_at(event, "too-deep", f"nested more than {DEPTH_CAP} levels deep"))
            self._remember(event, None)
            self._check_tag(event)
            self._open.append(_Open(event))
        elif isinstance(event, yaml.CollectionEndEvent):
            self._close()

    def _aliased(self, event: yaml.AliasEvent) -> tuple[Node, int]:
        name = event.anchor
        if name not in self._anchors:
            raise _Unreadable(_at(event, "unknown-anchor", f"*{name}: there is no &{name} before it"))
        kept = self._anchors[name]
        if kept is None:
            raise _Unreadable(_at(event, "recursive-anchor", f"*{name} stands inside of &{name} itself"))
        return kept

    def _remember(self, event: yaml.NodeEvent, value: tuple[Node, int] | None) -> None:
        if event.anchor is not None:
            self._anchors[event.anchor] = value

    def _add(self, node: Node, nodes: int) -> None:
        if not self._open:
            self._root = node
            return
        inside = self._open[-1]
        inside.parts.append(node)
        inside.nodes += nodes
        if inside.nodes > NODES_CAP:
            message = f"more than {NODES_CAP} values, each alias counted in full"
            raise _Unreadable(fault(node.line, node.column, "too-many-values", message))

    def _close(self) -> None:
        done = self._open.pop()
        line, column = _place(done.start)
        node: Node
        if isinstance(done.start, yaml.SequenceStartEvent):
            node = Sequence(line, column, tuple(done.parts))
        else:
            node = Mapping(line, column, tuple(self._pairs(done.parts)))
        anchor = getattr(done.start, "anchor", None)
        if anchor is not None:
            self._anchors[anchor] = (node, done.nodes)
        self._add(node, done.nodes)

    def _pairs(self, parts: list[Node]) -> Iterator[tuple[Scalar, Node]]:
        seen: set[str] = set()
        for key, value in zip(parts[::2], parts[1::2], strict=True):
            if not isinstance(key, Scalar):
                self._problems.append(
                    fault(key.line, key.column, "key-not-text", "a key must be a plain text")
                )
            elif key.text in seen:
                message = f"`{key.text}` stands in this mapping twice"
                self._problems.append(fault(key.line, key.column, "duplicate-key", message))
            else:
                seen.add(key.text)
                yield key, value

    def _scalar(self, event: yaml.ScalarEvent) -> Scalar:
        line, column = _place(event)
        text = event.value
        if event.implicit[0]:
            return Scalar(line, column, resolve(text), text)
        if event.implicit[1] or event.tag == _TEXT_TAG:
            return Scalar(line, column, text, text, quoted=True)
        self._check_tag(event)
        return Scalar(line, column, resolve(text), text)

    def _check_tag(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.tag is not None and event.tag not in _CORE_TAGS:
            line, column = _place(event)
            self._problems.append(
                advice(line, column, "unknown-tag", f"{event.tag[:80]} means nothing to GitHub")
            )


def resolve(text: str) -> Plain:
    """Return an unquoted text's value by YAML 1.2: `yes`, dates and `1:30` are text, and 010 is ten."""
    if _NULL.match(text):
        return None
    if text in _BOOL:
        return _BOOL[text]
    for pattern, base in ((_INTEGER, 10), (_HEXADECIMAL, 16), (_OCTAL, 8)):
        if pattern.match(text):
            return int(text[2:] if base != 10 else text, base)  # noqa: PLR2004  # decimal has no prefix
    if _SPECIAL_FLOAT.match(text):
        return float(text.replace(".", "", 1))
    return float(text) if _FLOAT.match(text) else text


def _events(text: str) -> Iterator[yaml.Event]:
    """Return the parser's events; what it refuses becomes one problem."""
    try:
        yield from yaml.parse(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        line, column = _where(error.problem_mark or error.context_mark)
        said = error.problem or error.context or "cannot be read"
        name = "tab-indentation" if _is_tab(text, line, column) else "yaml-syntax"
        raise _Unreadable(fault(line, column, name, f"not YAML: {said}")) from error
    except yaml.reader.ReaderError as error:
        offset = next((index for index, letter in enumerate(text) if not _is_printable(letter)), 0)
        line, column = text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
        raise _Unreadable(fault(line, column, "control-character", f"not YAML: {error.reason}")) from error


def _is_printable(letter: str) -> bool:
    """Tell whether YAML allows this character."""
    return letter in "\t\n\r\x85" or "\x20" <= letter <= "\x7e" or letter >= "\xa0"


def _is_tab(text: str, line: int, column: int) -> bool:
    """Tell whether a tab stands at or right before this place, in the indentation of its line."""
    before = text.split("\n")[line - 1 : line]
    indentation = before[0][: len(before[0]) - len(before[0].lstrip())] if before else ""
    return "\t" in indentation and column <= len(indentation) + 1


def _place(event: yaml.Event) -> tuple[int, int]:
    return _where(event.start_mark)


def _where(mark: object) -> tuple[int, int]:
    """Return the place of a parser's mark, which counts from 0."""
    return int(getattr(mark, "line", 0)) + 1, int(getattr(mark, "column", 0)) + 1


def _at(event: yaml.Event, problem: str, message: str) -> Problem:
    return fault(*_place(event), problem, message)
