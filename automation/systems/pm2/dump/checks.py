"""What is wrong with PM2's dump, as findings. Pure.

`pm2 save` is advised only where PM2's list lacks nothing that should be in it: after a loss it would make the
loss the truth, and a second one takes the backup with it (safety S10).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from automation.core.finding import Finding, Severity
from automation.systems.pm2.dump.judging import DumpState, SavedList, named

DUMP = "dump.pm2"
APART_AFTER_S = 300.0
RESURRECT = "`pm2 resurrect` then starts what is missing"


def dump_findings(saved: SavedList | None, now_s: float) -> Iterator[Finding]:
    """Report what is wrong with the dump; nothing where nobody looked at it."""
    if saved is not None:
        yield from dump_damaged(saved)
        yield from dump_gone(saved)
        yield from dump_empty(saved)
        yield from dump_unreadable(saved)
        yield from dump_shrunk(saved)
        yield from dump_drift(saved, now_s)
        yield from own_entries_unsaved(saved)


def dump_damaged(saved: SavedList) -> Iterator[Finding]:
    """Report a dump that PM2 cannot read."""
    if saved.dump.state is DumpState.BLANK:
        said = f"PM2's saved list: {saved.dump.detail}, not even an empty list"
    elif saved.dump.state is DumpState.DAMAGED:
        said = f"PM2's saved list cannot be read ({saved.dump.detail}): `pm2 resurrect` would delete it"
    else:
        return
    yield Finding("dump-damaged", DUMP, Severity.CRITICAL, said, _advice(saved))


def dump_gone(saved: SavedList) -> Iterator[Finding]:
    """Report a dump that is gone; where none ever was, that is no fault. Somebody may have meant it."""
    if saved.dump.state is DumpState.ABSENT and saved.known.expected:
        said = f"PM2's saved list is gone; it held {_these(saved.known.expected)}"
        yield Finding("dump-gone", DUMP, Severity.CRITICAL, said, _advice(saved))


def dump_empty(saved: SavedList) -> Iterator[Finding]:
    """Report an empty list that held something before."""
    if saved.dump.state is DumpState.EMPTY and saved.lost:
        said = f"PM2's saved list holds no app; it held {named(saved.lost)}"
        yield Finding("dump-empty", DUMP, Severity.CRITICAL, said, _advice(saved))


def dump_unreadable(saved: SavedList) -> Iterator[Finding]:
    """Report a dump that cannot be read, which is not the same as damaged."""
    if saved.dump.state is DumpState.UNREADABLE:
        said, what = saved.dump.detail, "look at its owner and mode"
        yield Finding("dump-unreadable", DUMP, Severity.WARNING, said, what)


def dump_shrunk(saved: SavedList) -> Iterator[Finding]:
    """Report a dump that lacks apps which nobody deleted."""
    if saved.dump.state is DumpState.READ and saved.lost:
        yield Finding(
            "dump-shrunk",
            DUMP,
            Severity.WARNING,
            f"PM2's saved list has lost {named(saved.lost)}, and nobody deleted that from PM2",
            f"{_advice(saved)}; if it was meant: `touch {saved.path}`",
        )


def dump_drift(saved: SavedList, now_s: float) -> Iterator[Finding]:
    """Report apps that run and are not saved, and saved ones that are not there, after five minutes of it."""
    unsaved = tuple(name for name in _long(saved.apart.unsaved, now_s) if name not in saved.lost)
    missing = _long(saved.apart.missing, now_s)
    said = []
    if unsaved:
        said.append(f"in PM2's list and not saved: {named(unsaved)}")
    if missing:
        said.append(f"saved and not in PM2's list: {named(missing)}")
    if said:
        yield Finding("dump-drift", DUMP, Severity.WARNING, "; ".join(said), _drift_advice(saved, missing))


def own_entries_unsaved(saved: SavedList) -> Iterator[Finding]:
    """Report our own apps that a boot would not start, or not as they run now."""
    if saved.own_unsaved:
        yield Finding(
            "own-entries-unsaved",
            DUMP,
            Severity.WARNING,
            f"PM2's saved list does not hold {named(saved.own_unsaved)} as running now",
            "the guard adds them by itself; by hand: automation/start-enhanced-redundancy.sh",
        )


def look_again_s(saved: SavedList | None) -> float | None:
    """Ask for another look where it will be known soon what a change of the dump means."""
    return 1.0 if saved is not None and saved.settling else None


def _advice(saved: SavedList) -> str:
    if saved.running and not saved.short:
        return f"every app that should be there is in PM2's list ({saved.running}): `pm2 save` writes it anew"
    lacks = f"PM2's list lacks {named(saved.short)}" if saved.short else "PM2's list is empty"
    return f"no `pm2 save` now: {lacks}. {_restore(saved)}; {RESURRECT}"


def _drift_advice(saved: SavedList, missing: tuple[str, ...]) -> str:
    if missing:
        return (
            "`pm2 resurrect` starts what is saved and not there; no `pm2 save` before, it would be forgotten"
        )
    if saved.short:
        return f"no `pm2 save` now: PM2's list lacks {named(saved.short)}. {_restore(saved)}; {RESURRECT}"
    return "`pm2 save` saves what runs; `pm2 delete NAME` what should not"


def _restore(saved: SavedList) -> str:
    return f"`enhanced-pm2-redundancy restore --path {saved.kept_as}` puts the last good one back"


def _long(since_s: Mapping[str, float], now_s: float) -> tuple[str, ...]:
    return tuple(sorted(name for name, at_s in since_s.items() if now_s - at_s >= APART_AFTER_S))


def _these(counts: Mapping[str, int]) -> str:
    return named(tuple(sorted(counts)))
