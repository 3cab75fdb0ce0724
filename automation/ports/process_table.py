"""The processes of this machine, as /proc shows them: who runs, under whom, and with which marks."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from automation.ports.files import read_at_most

MOST_PROCESSES = 50_000
MOST_BYTES = 8 * 1024 * 1024  # of one environment or command line; Linux allows 6 MiB for both
PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Running:
    """One process: `start_ticks` are clock ticks since boot, `state` is the kernel's letter (T: stopped)."""

    pid: int
    parent: int
    session: int
    start_ticks: int
    uid: int
    state: str


@dataclass(frozen=True, slots=True)
class Namespaces:
    """In which pid and mount namespaces a process lives; None where we may not see it."""

    pid: int | None
    mount: int | None


def running() -> tuple[Running, ...]:
    """Return all processes that we can see and that live: no zombies, no kernel threads' details.

    Raises:
        OSError: There is no /proc.
    """
    found: list[Running] = []
    with os.scandir(PROC) as folder:
        for entry in folder:
            if entry.name.isdigit() and len(found) < MOST_PROCESSES:
                one = look_at(int(entry.name))
                if one is not None:
                    found.append(one)
    return tuple(found)


def look_at(pid: int) -> Running | None:
    """Return one process; None where it does not live, or is only waited for by its parent."""
    try:
        text = (PROC / str(pid) / "stat").read_text("utf-8", "replace")
        uid = (PROC / str(pid)).stat().st_uid
        words = text.rpartition(")")[2].split()
        one = Running(pid, int(words[1]), int(words[3]), int(words[19]), uid, words[0])
    except (OSError, ValueError, IndexError):
        return None
    return None if one.state in {"Z", "X"} else one


def is_stopped(pid: int | None) -> bool:
    """Tell whether a process was stopped by a signal, and could go on."""
    seen = None if pid is None else look_at(pid)
    return seen is not None and seen.state == "T"


def command_line(pid: int) -> tuple[str, ...]:
    """Return a process's arguments, as it shows them; empty where it does not, or we may not see them."""
    return tuple(_texts(pid, "cmdline"))


def program(pid: int) -> str:
    """Return the file name of the program that a process runs; empty where we may not see it."""
    try:
        return (PROC / str(pid) / "exe").readlink().name.removesuffix(" (deleted)")
    except OSError:
        return ""


def environment(pid: int) -> dict[str, str]:
    """Return what a process was started with; empty where we may not see it. It holds secrets: keep none."""
    pairs = (text.partition("=") for text in _texts(pid, "environ"))
    return {name: value for name, found, value in pairs if found}


def namespaces(pid: int) -> Namespaces:
    """Return the namespaces of a process: a container's processes show the same paths and live elsewhere."""
    return Namespaces(_namespace(pid, "pid"), _namespace(pid, "mnt"))


def ancestors(pid: int, table: Mapping[int, Running]) -> Iterator[Running]:
    """Return the parent of a process, its parent, and so on, as far as the table goes."""
    seen: set[int] = {pid}
    one = table.get(pid)
    while one is not None and one.parent not in seen:
        seen.add(one.parent)
        one = table.get(one.parent)
        if one is not None:
            yield one


def descendants(roots: Iterable[int], table: Mapping[int, Running]) -> set[int]:
    """Return the children of some processes, and theirs; the roots are among them only as such."""
    children: dict[int, list[int]] = {}
    for one in table.values():
        children.setdefault(one.parent, []).append(one.pid)
    found: set[int] = set()
    waiting = list(roots)
    while waiting:
        for child in children.get(waiting.pop(), ()):
            if child not in found:
                found.add(child)
                waiting.append(child)
    return found


def _namespace(pid: int, kind: str) -> int | None:
    try:
        return (PROC / str(pid) / "ns" / kind).stat().st_ino
    except OSError:
        return None


def _texts(pid: int, name: str) -> Iterator[str]:
    try:
        with (PROC / str(pid) / name).open("rb") as file:
            data = read_at_most(file, MOST_BYTES)
    except OSError:
        return
    for text in data.split(b"\0"):
        if text:
            yield text.decode("utf-8", "surrogateescape")
