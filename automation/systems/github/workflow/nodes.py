"""The values of a YAML file, each with its place. An aliased value is one object, not copies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

Plain = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value, and its text as written; `quoted` says that it stands in quotes or in a block."""

    line: int
    column: int
    value: Plain
    text: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    line: int
    column: int
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and values in the order of the file; of a repeated key the first counts."""

    line: int
    column: int
    pairs: tuple[tuple[Scalar, Node], ...]

    def get(self, key: str) -> Node | None:
        """Return the value of a key, None where the key is not there."""
        return next((value for name, value in self.pairs if name.text == key), None)

    def key(self, key: str) -> Scalar | None:
        """Return the key itself, which says where it stands."""
        return next((name for name, _ in self.pairs if name.text == key), None)


Node = Scalar | Sequence | Mapping


def is_null(node: Node | None) -> bool:
    """Tell whether there is nothing: no such key, or a key without a value."""
    return node is None or (isinstance(node, Scalar) and node.value is None)


def text_of(node: Node | None) -> str | None:
    """Return the text of a scalar that is not null, numbers included; None for anything else."""
    return node.text if isinstance(node, Scalar) and node.value is not None else None


def scalars(node: Node) -> Iterator[Scalar]:
    """Return all scalars, keys included, each object once: an alias is not walked again."""
    seen: set[int] = set()
    waiting: list[Node] = [node]
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        if isinstance(current, Scalar):
            yield current
        elif isinstance(current, Sequence):
            waiting.extend(reversed(current.items))
        else:
            waiting.extend(part for pair in reversed(current.pairs) for part in reversed(pair))


def plain(node: Node) -> object:
    """Return the value as Python's own lists, dicts and values; of an aliased value, copies."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return {key.text: plain(value) for key, value in node.pairs}
