"""Recording what a program does to a folder, change by change; laying out what a power cut leaves of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from automation.ports import files
from tests.power.drive import (
    ROOT,
    Dressed,
    Drive,
    Effect,
    Filled,
    Flushed,
    Kind,
    Look,
    Made,
    Moved,
    Named,
    Node,
    Picture,
    Unnamed,
)
from tests.power.watching import Change, watched

Identity = tuple[int, int]
# What flushes a whole file system is no function of os.
FLUSHES = ((files, "_flush"),)


@dataclass(slots=True)
class Recorder:
    """All that happened beneath a folder, in order; what is there at the beginning is on disk.

    `forgets` names files and folders whose flushes are taken for not made.
    """

    root: Path
    forgets: Callable[[Path], bool] = lambda _: False
    effects: list[Effect] = field(default_factory=list)
    numbers: dict[Identity, int] = field(default_factory=dict)
    first: Drive = field(default_factory=lambda: Drive({}))
    live: Drive = field(default_factory=lambda: Drive({}))

    def __post_init__(self) -> None:
        """Look at what is there."""
        self.first = Drive(dict(_nodes(self.root, self.numbers)))
        for node in self.first.nodes.values():
            node.flush()
        self.live = self.first.copy()

    @contextmanager
    def on(self) -> Iterator[None]:
        """Record within a block, and make sure at its end that nothing was missed."""
        with watched(after=self.note, also=FLUSHES):
            yield
        self.check()

    def check(self) -> None:
        """Compare what was recorded with what is really there: what was missed makes no good test."""
        really = dict(_looked_at(self.root))
        recorded = dict(_paths(self.live, ROOT, ""))
        wrong = {path for path in {*really, *recorded} if really.get(path) != recorded.get(path)}
        assert not wrong, f"changed unseen: {sorted(wrong)}"

    def flush_all(self) -> None:
        """Let everything be on disk, as it is when a while has passed."""
        self._add(Flushed(None))

    def note(self, change: Change) -> None:
        """Record a change that was just made."""
        for effect in self._effects_of(change):
            self._add(effect)

    def _add(self, effect: Effect) -> None:
        self.effects.append(effect)
        self.live.apply(effect)

    def _effects_of(self, change: Change) -> Iterator[Effect]:
        match change.name:
            case "open" | "mkdir" | "symlink" | "link" | "unlink" | "remove" | "rmdir" | "rename" | "replace":
                yield from self._names_changed(change)
            case "chmod" | "fchmod" | "chown" | "fchown" | "lchown" | "utime":
                yield from self._dressed(change)
            case "fsync" | "fdatasync" | "_flush":
                number = self.numbers.get(_identity(os.fstat(change.arguments[0])))
                path = Path(f"/proc/self/fd/{change.arguments[0]}").readlink()
                if number is not None and not self.forgets(path):
                    yield Flushed(None if change.name == "_flush" else number)
            case "sync":
                yield Flushed(None)
            case _:
                yield from self._filled(change.arguments[1 if change.name == "copy_file_range" else 0])

    def _names_changed(self, change: Change) -> Iterator[Effect]:
        arguments, named = change.arguments, change.named
        if change.name in {"open", "mkdir", "symlink"}:
            yield from self._appeared(arguments[1 if change.name == "symlink" else 0], named.get("dir_fd"))
            return
        if change.name in {"rename", "replace"}:
            folder, name = self._place(arguments[0], named.get("src_dir_fd"))
            to_folder, to_name = self._place(arguments[1], named.get("dst_dir_fd"))
            if folder is not None and to_folder is not None:
                yield Moved(folder, name, to_folder, to_name)
            return
        linked = change.name == "link"
        within = named.get("dst_dir_fd" if linked else "dir_fd")
        folder, name = self._place(arguments[1 if linked else 0], within)
        if folder is not None:
            yield Named(folder, name, self._number(arguments[1], within)) if linked else Unnamed(folder, name)

    def _place(self, path: Any, within: int | None) -> tuple[int | None, str]:  # noqa: ANN401  # as os takes it
        """Return the number of the folder that a path lies in, and its name there."""
        parent, name = os.path.split(os.fspath(path))
        status = os.stat(parent or ".", dir_fd=within) if parent or within is None else os.fstat(within)
        return self.numbers.get(_identity(status)), os.fsdecode(name)

    def _number(self, path: Any, within: int | None) -> int:  # noqa: ANN401
        return self.numbers[_identity(os.stat(path, dir_fd=within, follow_symlinks=False))]

    def _appeared(self, path: Any, within: int | None) -> Iterator[Effect]:  # noqa: ANN401
        folder, name = self._place(path, within)
        if folder is None:
            return
        status = os.stat(path, dir_fd=within, follow_symlinks=False)
        known = self.live.nodes[folder].names.get(name)
        if known is not None:
            if stat.S_ISREG(status.st_mode) and not status.st_size and self.live.nodes[known].data:
                yield Filled(known, b"")  # it was opened to be written anew
            return
        number = max(self.live.nodes) + 1
        self.numbers[_identity(status)] = number
        data = os.fsencode(os.readlink(path, dir_fd=within)) if stat.S_ISLNK(status.st_mode) else b""
        yield Made(folder, name, number, _kind(status), _look(status), data)

    def _dressed(self, change: Change) -> Iterator[Effect]:
        target, within = change.arguments[0], change.named.get("dir_fd")
        follow = change.named.get("follow_symlinks", True) and change.name != "lchown"
        if isinstance(target, int):
            status = os.fstat(target)
        else:
            status = os.stat(target, dir_fd=within, follow_symlinks=follow)
        number = self.numbers.get(_identity(status))
        if number is not None:
            yield Dressed(number, _look(status))

    def _filled(self, target: Any) -> Iterator[Effect]:  # noqa: ANN401
        """Read the whole file again: the files of these tests are small."""
        path = f"/proc/self/fd/{target}" if isinstance(target, int) else target
        number = self.numbers.get(_identity(Path(path).stat()))
        if number is not None:
            yield Filled(number, Path(path).read_bytes())


def _identity(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino


def _kind(status: os.stat_result) -> Kind:
    if stat.S_ISDIR(status.st_mode):
        return "folder"
    return "link" if stat.S_ISLNK(status.st_mode) else "file"


def _look(status: os.stat_result) -> Look:
    return Look(stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)


def _bytes_of(path: Path, kind: Kind) -> bytes:
    if kind == "folder":
        return b""
    return os.fsencode(path.readlink()) if kind == "link" else path.read_bytes()


def _nodes(root: Path, numbers: dict[Identity, int]) -> Iterator[tuple[int, Node]]:
    """Yield a node for all that is there, and number it."""
    numbers[_identity(root.lstat())] = ROOT
    for path in (root, *sorted(root.rglob("*"))):
        number = numbers.setdefault(_identity(path.lstat()), len(numbers))
        kind = _kind(path.lstat())
        inside = sorted(path.iterdir()) if kind == "folder" else []
        names = {each.name: numbers.setdefault(_identity(each.lstat()), len(numbers)) for each in inside}
        yield number, Node(kind, _look(path.lstat()), _bytes_of(path, kind), names)


def _looked_at(root: Path) -> Iterator[tuple[str, object]]:
    for path in root.rglob("*"):
        kind = _kind(path.lstat())
        yield str(path.relative_to(root)), _shown(path.name, kind, _look(path.lstat()), _bytes_of(path, kind))


def _paths(drive: Drive, number: int, at: str) -> Iterator[tuple[str, object]]:
    for name, child in drive.nodes[number].names.items():
        node, path = drive.nodes[child], f"{at}/{name}" if at else name
        yield path, _shown(name, node.kind, node.look, node.data)
        yield from _paths(drive, child, path)


def _shown(name: str, kind: Kind, look: Look, data: bytes) -> object:
    """Return what is compared: of a lock file its holder is of no interest, nor is the mode of a link."""
    return kind, None if kind == "link" else look.mode, b"" if name.endswith(".lock") else data


def lay_out(picture: Picture, place: Path) -> None:
    """Make a folder hold what a power cut left: the root of the picture becomes `place`."""
    _lay(picture, place, {})


def _lay(picture: Picture, place: Path, laid: dict[int, Path]) -> None:
    if picture.kind == "folder":
        place.mkdir()
        for name, child in picture.inside:
            _lay(child, place / name, laid)
        place.chmod(picture.look.mode)
    elif picture.kind == "link":
        place.symlink_to(os.fsdecode(picture.data))
    elif picture.node in laid:
        place.hardlink_to(laid[picture.node])
    else:
        place.write_bytes(picture.data)
        place.chmod(picture.look.mode)
        laid[picture.node] = place
