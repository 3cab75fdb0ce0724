"""How the host itself is: its memory, disks, load and pressure, from /proc. Small, and it never waits."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from automation.ports.files import REMOTE_FILE_SYSTEMS, file_system

MOST_BYTES = 64 * 1024
KIB = 1024


@dataclass(frozen=True, slots=True)
class Disk:
    """One file system, by a folder on it: what our user can still have of bytes and of files."""

    path: str
    total_bytes: int
    free_bytes: int
    total_files: int  # 0: it does not count them
    free_files: int


@dataclass(frozen=True, slots=True)
class HostReading:
    """One reading; None where the host does not say.

    `pressure` holds the share of the last minute, in percent, in which something waited: `cpu some`,
    `memory full`, `io full` (PSI).
    """

    cores: int
    memory_total_bytes: int | None = None
    memory_available_bytes: int | None = None
    swap_total_bytes: int = 0
    swap_free_bytes: int = 0
    load_5m: float | None = None
    disks: tuple[Disk, ...] = ()
    pressure: Mapping[str, float] = field(default_factory=dict)


ReadHost = Callable[[], HostReading]


def host_reader(folders: Sequence[Path], proc: Path = Path("/proc")) -> ReadHost:
    """Return what reads the host and the disks of these folders; those on a network are left out.

    A server that is gone would hold us for minutes, and its disk is not the host's.
    """
    local = tuple(folder for folder in folders if file_system(folder) not in REMOTE_FILE_SYSTEMS)
    return lambda: read_host(local, proc)


def read_host(folders: Sequence[Path], proc: Path = Path("/proc")) -> HostReading:
    """Read the host once; what cannot be read is not known, and nothing is raised."""
    memory = _memory(_text(proc / "meminfo"))
    pressure = {
        f"{kind} {share}": value
        for kind, share in (("cpu", "some"), ("memory", "full"), ("io", "full"))
        if (value := _pressure(_text(proc / "pressure" / kind), share)) is not None
    }
    return HostReading(
        cores=len(os.sched_getaffinity(0)),
        memory_total_bytes=memory.get("MemTotal"),
        memory_available_bytes=memory.get("MemAvailable"),
        swap_total_bytes=memory.get("SwapTotal", 0),
        swap_free_bytes=memory.get("SwapFree", 0),
        load_5m=_load(_text(proc / "loadavg")),
        disks=_disks(folders),
        pressure=pressure,
    )


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def _memory(text: str) -> dict[str, int]:
    """Return /proc/meminfo in bytes."""
    found = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        number = rest.split()[:1]
        if number and number[0].isdigit():
            found[name] = int(number[0]) * KIB
    return found


def _load(text: str) -> float | None:
    try:
        return float(text.split()[1])
    except (IndexError, ValueError):
        return None


def _pressure(text: str, share: str) -> float | None:
    """Return the percentage of the last minute from lines as `some avg10=0.00 avg60=0.12 …`."""
    for line in text.splitlines():
        words = line.split()
        if words[:1] == [share]:
            for word in words:
                name, _, value = word.partition("=")
                if name == "avg60" and value.replace(".", "", 1).isdigit():
                    return float(value)
    return None


def _disks(folders: Sequence[Path]) -> tuple[Disk, ...]:
    """Return each file system once."""
    found: dict[int, Disk] = {}
    for folder in folders:
        try:
            device, said = folder.stat().st_dev, os.statvfs(folder)
        except OSError:
            continue
        disk = Disk(
            str(folder),
            said.f_blocks * said.f_frsize,
            said.f_bavail * said.f_frsize,
            said.f_files,
            said.f_favail,
        )
        found.setdefault(device, disk)
    return tuple(found.values())
