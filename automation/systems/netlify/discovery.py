"""Which functions a folder holds, by Netlify's own rules.

Only what lies directly in the folder counts. A file is a function by its extension; a folder by the main file
in it. What Netlify deploys although it hardly was meant (`types.d.ts`, `x.test.js`) is a function here too,
with a remark: leaving it out would show a site that does not exist.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

# The first of these with a name wins over the others.
EXTENSIONS = (".js", ".zip", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts")
_MAIN_EXTENSIONS = (".js", ".ts", ".mjs", ".cjs", ".tsx", ".mts", ".cts")
RESERVED_NAME = "___netlify-entry-point"
SKIPPED = "node_modules"

_NAME = re.compile(r"[A-Za-z0-9_-]+")
_NOISE = re.compile(r"\.d\.[mc]?ts$|\.(?:test|spec)\.[mc]?[jt]sx?$|^[._]|^utils?$|^lib$|^shared$")


class Runtime(StrEnum):
    """What runs a function."""

    JAVASCRIPT = "js"
    GO = "go"
    RUST = "rs"


class Kind(StrEnum):
    """What an entry of the functions folder is; a link to a folder counts as a file, as Netlify has it."""

    FILE = "file"
    FOLDER = "folder"
    BROKEN_LINK = "broken link"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the functions folder.

    `inside` names those of `main_files(name)` that the folder holds. `binary` is what a Linux x86-64 program
    was made with, Go or Rust; None for all else.
    """

    name: str
    kind: Kind = Kind.FILE
    inside: frozenset[str] = frozenset()
    binary: Runtime | None = None


@dataclass(frozen=True, slots=True)
class Function:
    """A function as a deploy would have it; `main_file` is relative to the workspace."""

    name: str
    main_file: str
    runtime: str
    schedule: str | None = None
    routes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Remark:
    """What is odd about an entry; `breaks_build` where Netlify refuses to build because of it."""

    problem: str
    path: str
    message: str
    breaks_build: bool = False


@dataclass(frozen=True, slots=True)
class Discovery:
    """The functions by name, and what is odd."""

    functions: tuple[Function, ...] = ()
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An entry that could become the function of its name; the highest rank does."""

    name: str
    path: str
    main_file: str
    runtime: Runtime
    rank: tuple[int, int, str]


def main_files(folder: str) -> tuple[str, ...]:
    """Return the file names that make a folder a function, the first to be preferred; Go's are last."""
    names = [f"{stem}{extension}" for extension in _MAIN_EXTENSIONS for stem in (folder, "index")]
    return (*names, f"{folder}.go", "main.go")


def _no_schedule(_: str) -> str | None:
    return None


def discover(
    entries: Iterable[Entry], folder: str, schedule_of: Callable[[str], str | None] = _no_schedule
) -> Discovery:
    """Return the functions among the entries of a folder.

    Args:
        entries: All entries of the functions folder, in any order.
        folder: Its path relative to the workspace; it is put before the paths that are returned.
        schedule_of: The cron expression that the settings file gives a name.
    """
    listed = sorted(entries, key=lambda entry: entry.name)
    candidates = [candidate for entry in listed for candidate in _candidates(entry, folder)]
    chosen: dict[str, _Candidate] = {}
    for candidate in sorted(candidates, key=lambda one: one.rank):
        chosen[candidate.name] = candidate
    reserved = chosen.pop(RESERVED_NAME, None)
    functions = tuple(
        Function(one.name, one.main_file, one.runtime.value, schedule_of(one.name))
        for _, one in sorted(chosen.items())
    )
    remarks = [*_of_entries(listed, folder), *_of_names(candidates, chosen)]
    if reserved is not None:
        said = f"{RESERVED_NAME} is a name that Netlify keeps for itself; rename it"
        remarks.append(Remark("name-reserved", reserved.path, said, breaks_build=True))
    return Discovery(functions, tuple(sorted(remarks, key=lambda remark: (remark.path, remark.problem))))


def _candidates(entry: Entry, folder: str) -> Iterator[_Candidate]:
    path = posixpath.normpath(posixpath.join(folder, entry.name))
    name, extension = split_extension(entry.name)
    if entry.name == SKIPPED:
        return
    if entry.kind is Kind.FOLDER:
        yield from _folder_candidates(entry, name, path)
    elif extension in EXTENSIONS:
        rank = (0, -EXTENSIONS.index(extension), entry.name)
        yield _Candidate(name, path, path, Runtime.JAVASCRIPT, rank)
    elif entry.binary is not None:
        order = 2 if entry.binary is Runtime.GO else 3
        yield _Candidate(name, path, path, entry.binary, (order, 0, entry.name))


def _folder_candidates(entry: Entry, name: str, path: str) -> Iterator[_Candidate]:
    """Yield what a folder could be: with main files in both languages a build takes the one in Go."""
    found = [file for file in main_files(entry.name) if file in entry.inside]
    scripts = [file for file in found if not file.endswith(".go")]
    programs = [file for file in found if file.endswith(".go")]
    if scripts:
        yield _Candidate(name, path, f"{path}/{scripts[0]}", Runtime.JAVASCRIPT, (1, 0, entry.name))
    if programs:
        yield _Candidate(name, path, f"{path}/{programs[0]}", Runtime.GO, (2, 0, entry.name))


def _of_entries(entries: Sequence[Entry], folder: str) -> Iterator[Remark]:
    for entry in entries:
        if entry.kind is Kind.BROKEN_LINK and split_extension(entry.name)[1] in EXTENSIONS:
            path = posixpath.normpath(posixpath.join(folder, entry.name))
            said = "the link leads nowhere; remove it, or restore the file that it names"
            yield Remark("broken-link", path, said, breaks_build=True)


def _of_names(candidates: Sequence[_Candidate], chosen: dict[str, _Candidate]) -> Iterator[Remark]:
    for candidate in candidates:
        winner = chosen.get(candidate.name)
        if winner is not None and winner is not candidate:
            said = f"not deployed: {winner.main_file} has the same name, {candidate.name}"
            yield Remark("name-taken", candidate.main_file, said)
    for name, winner in chosen.items():
        base = posixpath.basename(winner.path)
        if _NOISE.search(base) or _NOISE.search(name):
            said = f"is deployed as function {name}; if that is not meant, move it out of this folder"
            yield Remark("unlikely-function", winner.path, said)
        elif not _NAME.fullmatch(name):
            said = f"the name {name!r} holds more than letters, digits, - and _; its address will not work"
            yield Remark("name-invalid", winner.path, said)


def split_extension(name: str) -> tuple[str, str]:
    """Split a file name as Node does: a dot at the very beginning begins no extension."""
    stem, dot, extension = name.rpartition(".")
    return (stem, dot + extension) if stem else (name, "")
