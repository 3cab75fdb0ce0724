"""Putting our own entries into PM2's dump, and taking them out again (safety S10).

Under the daemon lock, after a verified copy of the dump was kept, by one atomic replace. PM2's own `pm2 save`
knows no lock: see ports.rewriting.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from automation.core.errors import StepRefused
from automation.core.moments import to_text
from automation.ports.clock import Clock
from automation.ports.files import make_folder, write_and_read_back
from automation.ports.locks import locked
from automation.ports.rewriting import rewrite
from automation.systems.pm2.dump.elements import DumpDamaged, elements
from automation.systems.pm2.dump.merging import merged, strangers, without

LOCK_WAIT_S = 5.0


@dataclass(frozen=True, slots=True)
class DumpFiles:
    """Where the dump of a PM2 home lies, the copy of it that is kept before we change it, and the lock."""

    dump: Path
    copy: Path
    lock: Path


def dump_files(dump: Path, own_folder: Path) -> DumpFiles:
    """Return the files that belong to a dump, in our folder inside PM2's home."""
    return DumpFiles(dump, own_folder / "dump-before.pm2", own_folder / "daemon.lock")


def save_entries(
    files: DumpFiles,
    own: Sequence[Mapping[str, object]],
    suites: Collection[str],
    clock: Clock,
    *,
    lock_wait_s: float = LOCK_WAIT_S,
) -> str:
    """Merge our entries into the dump, and say in a few words what was done.

    Raises:
        StepRefused: There is no dump that holds anything, it is damaged, or others' entries bear our names.
        LockBusy: Somebody is starting or ending PM2's daemon.
        EffectFailed: The disk said no; the dump is as it was.
    """
    names = [str(one["name"]) for one in own]

    def change(data: bytes) -> bytes:
        saved = elements(data)
        if not saved:
            raise StepRefused("PM2's saved list is empty: one that holds only our own apps is not made")
        held = sorted(strangers(saved, suites) & set(names))
        if held:
            raise StepRefused(f"others' entries of PM2's saved list bear our names: {', '.join(held)}")
        return _kept(files, data, merged(data, own, suites))

    done = _change(files, change, clock, lock_wait_s)
    return f"saved {', '.join(names)}" if done else "not needed: they are saved"


def remove_entries(
    files: DumpFiles,
    names: Collection[str],
    suites: Collection[str],
    clock: Clock,
    *,
    lock_wait_s: float = LOCK_WAIT_S,
) -> bool:
    """Take our entries of these names out of the dump; tell whether any was there.

    Raises:
        StepRefused: There is no dump, or it is damaged.
        LockBusy: Somebody is starting or ending PM2's daemon.
        EffectFailed: The disk said no; the dump is as it was.
    """
    return _change(files, lambda data: _kept(files, data, without(data, names, suites)), clock, lock_wait_s)


def _change(files: DumpFiles, change: Callable[[bytes], bytes], clock: Clock, lock_wait_s: float) -> bool:
    if not files.dump.exists():
        raise StepRefused("PM2's list was never saved: a dump that holds only our own apps is not made")
    make_folder(files.lock.parent, mode=0o700)
    since = to_text(clock.now_s())
    with locked(files.lock, purpose="our entries in PM2's dump", since=since, timeout_s=lock_wait_s):
        try:
            return rewrite(files.dump, change, clock.wait)
        except DumpDamaged as error:
            raise StepRefused(f"PM2's saved list is damaged and was not touched: {error}") from error


def _kept(files: DumpFiles, data: bytes, new: bytes) -> bytes:
    """Keep a copy of the dump as it is, read it again, and return the new one.

    Raises:
        EffectFailed: The disk said no, or gave something else back; then the dump must not be changed.
    """
    if new != data:
        write_and_read_back(files.copy, data)
    return new
