"""Rotating the files that the process manager writes our output to (contract "Logs").

It appends, and knows nothing of what we do: so between two lines of ours, when the last one has surely
arrived, the file may be copied and emptied in place. No line is lost and no other app's log is touched.
"""

from __future__ import annotations

import contextlib
import logging
import os
import zlib
from pathlib import Path

from automation.core.moments import from_text, to_text
from automation.ports.clock import Clock
from automation.ports.files import sync_folder

LIMIT_BYTES = 10 * 1024 * 1024
KEPT_FILES = 10
ARRIVAL_S = 2.0
_STEP_S = 0.02
_TAIL_BYTES = 64 * 1024
_PIECE_BYTES = 256 * 1024
_GZIP = 16 + zlib.MAX_WBITS  # zlib's way to ask for gzip's head and tail


def rotate_output(path: Path, log: logging.Logger, clock: Clock, *, limit_bytes: int = LIMIT_BYTES) -> bool:
    """Rotate our own out file when it is above the limit; tell whether it was.

    A marker is logged and must be seen at the file's end: then everything before it is there too.
    """
    if _size(path) <= limit_bytes:
        return False
    marker = f"{os.getpid()}-{clock.now_s():.6f}"
    log.info("log_rotating", extra={"marker": marker})
    if not _arrived(path, marker.encode("ascii"), clock):
        log.warning("log_rotation_put_off", extra={"file": path.name, "reason": "the marker did not arrive"})
        return False
    return _move(path, clock, log)


def rotate_errors(path: Path, log: logging.Logger, clock: Clock, *, limit_bytes: int = LIMIT_BYTES) -> bool:
    """Rotate our own error file when it is above the limit: only a crash writes there, and we live."""
    return _size(path) > limit_bytes and _move(path, clock, log)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _arrived(path: Path, marker: bytes, clock: Clock) -> bool:
    deadline_s = clock.elapsed_s() + ARRIVAL_S
    while True:
        tail = _tail(path)
        if marker in tail and tail.endswith(b"\n"):
            return True
        if clock.elapsed_s() >= deadline_s:
            return False
        clock.wait(_STEP_S)


def _tail(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - _TAIL_BYTES, 0))
            return file.read()
    except OSError:
        return b""


def _move(path: Path, clock: Clock, log: logging.Logger) -> bool:
    """Copy the file, compressed, put the copy on disk, then empty the file in place."""
    target = _free_name(path, clock.now_s())
    beside = target.with_name(f".{target.name}.tmp")
    try:
        with path.open("rb") as source, beside.open("wb") as file:
            packer = zlib.compressobj(wbits=_GZIP)
            while piece := source.read(_PIECE_BYTES):
                file.write(packer.compress(piece))
            file.write(packer.flush())
            file.flush()
            os.fsync(file.fileno())
        beside.chmod(0o640)
        beside.replace(target)
        sync_folder(path.parent)
        os.truncate(path, 0)
        _drop_oldest(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        log.warning("log_rotation_failed", extra={"file": path.name, "reason": str(error)})
        return False
    log.info("log_rotated", extra={"file": path.name, "into": target.name})
    return True


def _free_name(path: Path, now_s: float) -> Path:
    """Name the copy after the second, and after every other copy, whatever the clock says."""
    for copy in path.parent.glob(f"{path.stem}.*.log.gz"):
        with contextlib.suppress(ValueError):  # somebody else's name
            now_s = max(now_s, from_text(copy.name.removeprefix(f"{path.stem}.").removesuffix(".log.gz")) + 1)
    stamp = to_text(now_s)[:19].replace("-", "").replace(":", "") + "Z"
    return path.with_name(f"{path.stem}.{stamp}.log.gz")


def _drop_oldest(path: Path) -> None:
    kept = sorted(path.parent.glob(f"{path.stem}.*.log.gz"))
    for old in kept[:-KEPT_FILES]:
        old.unlink(missing_ok=True)
