"""Files that several programs share: written whole or not at all, read with a cap."""

from __future__ import annotations

import contextlib
import importlib
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from automation.core.errors import EffectFailed
from automation.ports.process import alive

LEFT_OVER_AFTER_S = 60.0
_BUFFER_BYTES = 256 * 1024
_JOINED_BYTES = 64 * 1024  # what is written at once, and so long in memory twice
# Kernel names of file systems on which locks are not to be trusted (safety S24).
REMOTE_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "drvfs", "fuse.sshfs", "afs"})


def write_whole(path: Path, data: bytes, *, mode: int = 0o600, group_id: int | None = None) -> None:
    """Replace a file so that a reader, or a crash, sees the old content or the new and nothing between.

    The data is on disk before the rename that shows it, and the folder after it. What a killed writer of the
    same file has left beside it goes.

    Args:
        path: The file; its folder must exist.
        data: The whole new content.
        mode: Permission bits of the new file.
        group_id: The group of the new file; that of the process, or of the folder, if None.

    Raises:
        EffectFailed: The disk said no; the message names path and reason.
    """
    write_whole_from(path, (data,), mode=mode, group_id=group_id)


def write_whole_from(
    path: Path, pieces: Iterable[bytes], *, mode: int = 0o600, group_id: int | None = None
) -> None:
    """Replace a file as `write_whole` does, by pieces that need never be in memory together.

    Raises:
        EffectFailed: The disk said no; what making a piece raises passes through, and nothing is replaced.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    _clear_left_over(path)
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
        try:
            if group_id is not None:
                os.fchown(descriptor, -1, group_id)
            os.fchmod(descriptor, mode)  # whatever the umask says
            for piece in _joined(pieces):
                write_all(descriptor, piece)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        beside.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        _remove_quietly(beside)
        raise cannot("write", path, error) from error
    except Exception:
        _remove_quietly(beside)
        raise


def _joined(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield small pieces together: each write asks the kernel once."""
    buffer = bytearray()
    for piece in pieces:
        buffer += piece
        if len(buffer) >= _JOINED_BYTES:
            yield bytes(buffer)
            buffer.clear()
    yield bytes(buffer)


def _remove_quietly(path: Path) -> None:
    with contextlib.suppress(OSError):  # on a read-only disk even the removal of nothing fails
        path.unlink()


def _clear_left_over(path: Path) -> None:
    """Remove the temporary files of writers of this file that were killed."""
    before, after = f".{path.name}.", ".tmp"
    with contextlib.suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            pid = entry.name.removeprefix(before).removesuffix(after)
            ours = entry.name == f"{before}{pid}{after}" and pid.isdecimal()
            # A writer in another container lives, and we do not see it: but it takes no minute.
            if ours and _age_s(entry) > LEFT_OVER_AFTER_S and not alive(int(pid)):
                Path(entry.path).unlink()


def _age_s(entry: os.DirEntry[str]) -> float:
    return time.time() - entry.stat(follow_symlinks=False).st_mtime


def append_whole(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Add bytes to the end of a file, made where it is not there, and put them on disk.

    Raises:
        OSError: The disk said no; a part may have been written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, mode)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte: a disk that fills up takes a part without an error, and only then says no."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def flush_file_system(path: Path) -> None:
    """Put all that was written to the file system of `path` on disk: cheaper than file by file.

    Raises:
        OSError: The disk said no, now or, for what others wrote, since the folder was opened.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        _flush(descriptor)
    finally:
        os.close(descriptor)


def _flush(descriptor: int) -> None:
    """Call syncfs, which Python does not offer; only who flushes pays for loading ctypes."""
    ctypes = importlib.import_module("ctypes")
    try:
        syncfs = ctypes.CDLL(None, use_errno=True).syncfs
    except AttributeError:  # not Linux
        os.sync()
        return
    if syncfs(descriptor) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def sync_folder(folder: Path) -> None:
    """Put a folder's own entries on disk: what a rename or a new file needs to survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_whole(path: Path, *, cap: int = 64 * 1024 * 1024) -> bytes | None:
    """Return a file's bytes, or None where there is no such file.

    Raises:
        EffectFailed: It cannot be read, or is larger than `cap`.
    """
    try:
        with path.open("rb") as file:
            data = read_at_most(file, cap + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise cannot("read", path, error) from error
    if len(data) > cap:
        raise EffectFailed(f"{path}: larger than the {cap} bytes that are expected at most", retryable=False)
    return data


def read_at_most(file: BinaryIO, cap: int) -> bytes:
    """Return what is left of an open file, at most so many bytes, and set aside no more memory than that.

    Raises:
        OSError: It cannot be read.
    """
    data = bytearray()
    while len(data) < cap and (piece := file.read(min(cap - len(data), _BUFFER_BYTES))):
        data += piece
    return bytes(data)


def make_folder(path: Path, *, mode: int = 0o755) -> None:
    """Create a folder and what leads to it; the last one gets exactly this mode when it is new.

    Raises:
        EffectFailed: It cannot be made.
    """
    try:
        if not path.is_dir():
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(mode)
    except OSError as error:
        raise cannot("create", path, error) from error


def cannot(verb: str, path: Path, error: OSError) -> EffectFailed:
    """Say in one line what could not be done to a file: path, reason and errno."""
    code = error.errno if error.errno is not None else "?"
    return EffectFailed(f"cannot {verb} {path}: {error.strerror or error} (errno {code})")


def file_system(path: Path) -> str:
    """Return the kernel's name of the file system that holds `path`; empty where it does not say."""
    try:
        device = path.stat().st_dev
        wanted = f"{os.major(device)}:{os.minor(device)}"
        for line in Path("/proc/self/mountinfo").read_text("utf-8").splitlines():
            mount, _, rest = line.partition(" - ")
            if mount.split(" ")[2] == wanted:
                return rest.split(" ")[0]
    except (OSError, IndexError):
        pass
    return ""


def refuse_remote(path: Path, variable: str = "REDUNDANCY_LOGS_DIR") -> None:
    """Refuse locks and state on a network file system, where two programs may hold one lock (safety S24).

    Args:
        path: The folder.
        variable: What says where it lies.

    Raises:
        EffectFailed: The folder lies on one.
    """
    kind = file_system(path)
    if kind in REMOTE_FILE_SYSTEMS:
        raise EffectFailed(
            f"{path} is on {kind}: locks need a local disk; set {variable} to a local folder",
            retryable=False,
        )
