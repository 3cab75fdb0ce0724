"""A disk as a power cut finds it: what was flushed is there; of all else any part may be, or may not.

The model is as unkind as POSIX allows: a flushed file may have no name, a name may lead to an empty file, two
changes of one folder may arrive in either order. A rename within one folder is one change, and so is any
other change of a name.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

ROOT = 0
Kind = Literal["file", "folder", "link"]
# Assignments to names of one folder that arrive together or not at all; None: the name is gone.
NameChange = tuple[tuple[str, int | None], ...]


@dataclass(frozen=True, slots=True)
class Look:
    """What a file has besides its bytes."""

    mode: int
    owner: int = 0
    group: int = 0
    mtime_ns: int = 0


@dataclass(frozen=True, slots=True)
class Made:
    """A new file, folder or link."""

    folder: int
    name: str
    node: int
    kind: Kind
    look: Look
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Named:
    """A further name of a file."""

    folder: int
    name: str
    node: int


@dataclass(frozen=True, slots=True)
class Unnamed:
    """A name that is gone."""

    folder: int
    name: str


@dataclass(frozen=True, slots=True)
class Moved:
    """A rename, over what may have had the new name."""

    folder: int
    name: str
    to_folder: int
    to_name: str


@dataclass(frozen=True, slots=True)
class Filled:
    """New bytes of a file, as a whole."""

    node: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Dressed:
    """A new mode, owner or time."""

    node: int
    look: Look


@dataclass(frozen=True, slots=True)
class Flushed:
    """A file's bytes and mode, or a folder's names and mode, put on disk; None: everything."""

    node: int | None


Effect = Made | Named | Unnamed | Moved | Filled | Dressed | Flushed


@dataclass(slots=True)
class Node:
    """A file, folder or link: as the running system sees it, and as it is on disk."""

    kind: Kind
    look: Look
    data: bytes = b""
    names: dict[str, int] = field(default_factory=dict)
    safe_look: Look = Look(0)
    safe_data: bytes = b""
    safe_names: dict[str, int] = field(default_factory=dict)
    pending: list[NameChange] = field(default_factory=list)

    def flush(self) -> None:
        """Put it on disk."""
        self.safe_look, self.safe_data = self.look, self.data
        self.safe_names = dict(self.names)
        self.pending.clear()

    def change(self, change: NameChange) -> None:
        """Change names, for now only as the running system sees them."""
        _assign(self.names, change)
        self.pending.append(change)


def _assign(names: dict[str, int], change: NameChange) -> None:
    for name, node in change:
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node


@dataclass(frozen=True, slots=True)
class Picture:
    """A file, folder or link as a power cut leaves it; two names of one file have one number."""

    node: int
    kind: Kind
    look: Look
    data: bytes = b""
    inside: tuple[tuple[str, Picture], ...] = ()


@dataclass(frozen=True, slots=True)
class Loss:
    """What a power cut does to all that is not flushed.

    Attributes:
        keeps: Tells of a folder and a change of its names whether it arrived.
        left_of: Says what a file holds, from its bytes on disk and the new ones.
        looks_kept: Whether new modes arrived.
    """

    keeps: Callable[[int, NameChange], bool]
    left_of: Callable[[bytes, bytes], bytes]
    looks_kept: bool = False


@dataclass(slots=True)
class Drive:
    """All nodes by number, and what happens to them."""

    nodes: dict[int, Node]

    def copy(self) -> Drive:
        """Return one that goes its own way."""
        return Drive(copy.deepcopy(self.nodes))

    def apply(self, effect: Effect) -> None:
        """Let something happen."""
        match effect:
            case Made():
                self._make(effect)
            case Named(folder, name, node):
                self.nodes[folder].change(((name, node),))
            case Unnamed(folder, name):
                self.nodes[folder].change(((name, None),))
            case Moved():
                self._move(effect)
            case _:
                self._touch(effect)

    def _touch(self, effect: Filled | Dressed | Flushed) -> None:
        match effect:
            case Filled(node, data):
                self.nodes[node].data = data
            case Dressed(node, look):
                self.nodes[node].look = look
            case Flushed(which):
                for each in self.nodes.values() if which is None else (self.nodes[which],):
                    each.flush()

    def _make(self, made: Made) -> None:
        node = Node(made.kind, made.look, made.data, safe_look=made.look)
        if made.kind == "link":
            node.safe_data = made.data  # a link and its name are written as one
        self.nodes[made.node] = node
        self.nodes[made.folder].change(((made.name, made.node),))

    def _move(self, moved: Moved) -> None:
        node = self.nodes[moved.folder].names[moved.name]
        if moved.folder == moved.to_folder:
            self.nodes[moved.folder].change(((moved.name, None), (moved.to_name, node)))
        else:
            self.nodes[moved.to_folder].change(((moved.to_name, node),))
            self.nodes[moved.folder].change(((moved.name, None),))

    def pending(self) -> Iterator[tuple[int, NameChange]]:
        """Yield each change of names that is not on disk, with its folder."""
        for number, node in self.nodes.items():
            for change in node.pending:
                yield number, change

    def unflushed(self) -> Iterator[int]:
        """Yield each file whose bytes are not on disk."""
        for number, node in self.nodes.items():
            if node.kind == "file" and node.data != node.safe_data:
                yield number

    def after(self, how: Loss) -> Picture:
        """Return what is there after a power cut."""
        return self._picture(ROOT, how)

    def _picture(self, number: int, how: Loss) -> Picture:
        node = self.nodes[number]
        look = node.look if how.looks_kept else node.safe_look
        if node.kind != "folder":
            known = node.data == node.safe_data
            data = node.data if known else how.left_of(node.safe_data, node.data)
            return Picture(number, node.kind, look, data)
        names = dict(node.safe_names)
        for change in node.pending:
            if how.keeps(number, change):
                _assign(names, change)
        inside = tuple((name, self._picture(child, how)) for name, child in sorted(names.items()))
        return Picture(number, "folder", look, inside=inside)
