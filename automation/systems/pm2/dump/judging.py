"""What is wrong with PM2's dump, from one look to the next. Pure: the moment is an argument.

A dump says only what is saved now. Whether that is too little shows in what it held before, in what a person
deleted since, and in PM2's list. Apps are counted by name; our own four are never counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from automation.systems.pm2.dump.elements import DumpDamaged, elements
from automation.systems.pm2.dump.own import saved_fingerprints
from automation.systems.pm2.intents import Intents
from automation.systems.pm2.process import OURS, Process

Print = tuple[int, int]  # size and CRC-32 of the bytes
MOST_NAMES = 2000


class DumpState(StrEnum):
    """What the file is."""

    ABSENT = "absent"
    UNREADABLE = "unreadable"  # could not look, which is not the same as damaged
    BLANK = "blank"  # nothing in it, or NUL bytes
    DAMAGED = "damaged"
    EMPTY = "empty"  # a list of nothing
    READ = "read"


@dataclass(frozen=True, slots=True)
class Dump:
    """What the dump holds: the names of all entries but ours, and the fingerprints of ours by name."""

    state: DumpState = DumpState.ABSENT
    detail: str = ""
    names: tuple[str, ...] = ()
    own: Mapping[str, int] = field(default_factory=dict)
    print: Print = (0, 0)
    written_ns: int = 0

    @property
    def is_list(self) -> bool:
        """Tell whether PM2 could start from it."""
        return self.state in {DumpState.EMPTY, DumpState.READ}


@dataclass(frozen=True, slots=True)
class Known:
    """What should be in the dump: how often each name was in it, less what a person deleted since.

    `print` and `written_ns` are of the dump that was judged last: one that was written anew with the very
    same bytes was touched, by which a person says that it is right as it is.
    """

    expected: Mapping[str, int] = field(default_factory=dict)
    print: Print = (0, 0)
    written_ns: int = 0


@dataclass(frozen=True, slots=True)
class Apart:
    """By name since when (seconds since 1970) dump and list differ."""

    unsaved: Mapping[str, float] = field(default_factory=dict)
    missing: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SavedList:
    """One look at the dump, judged: what the checks speak of.

    `lost` are the names that should be in the dump and are not, `short` those that should be in PM2's list
    and are not: while there are any, `pm2 save` would make the loss the truth. `own_unsaved` are ours that do
    not stand in the dump as they run. `settling` says that more will be known soon. `path` is where the dump
    lies, and `kept_as` what it is called in a snapshot: both for advice.
    """

    dump: Dump
    known: Known = Known()
    apart: Apart = Apart()
    lost: tuple[str, ...] = ()
    short: tuple[str, ...] = ()
    running: int = 0
    own_unsaved: tuple[str, ...] = ()
    settling: bool = False
    path: str = "$PM2_HOME/dump.pm2"
    kept_as: str = "pm2-home/dump.pm2"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at PM2 brought: its list (None where nobody has one), what a person deleted, and our own.

    `own` are the fingerprints of our entries in the list, by name.
    """

    processes: Sequence[Process] | None = None
    intents: Intents | None = None
    own: Mapping[str, int] = field(default_factory=dict)


def read_dump(data: bytes, suites: Sequence[str], mark: Print, written_ns: int) -> Dump:
    """Return what is in a dump's bytes."""
    if not data.strip(b"\0 \t\r\n"):
        return Dump(
            DumpState.BLANK, "it is empty" if not data else "nothing is in it", (), {}, mark, written_ns
        )
    try:
        saved = elements(data)
    except DumpDamaged as error:
        return Dump(DumpState.DAMAGED, str(error), (), {}, mark, written_ns)
    names = tuple(sorted(one.name for one in saved if one.name not in OURS))
    state = DumpState.READ if saved else DumpState.EMPTY
    return Dump(state, "", names, saved_fingerprints(saved, suites), mark, written_ns)


def listed_names(processes: Sequence[Process]) -> Counter[str]:
    """Count, by name, what `pm2 save` would save of the list, less our own."""
    return Counter(one.name for one in processes if not (one.ours or one.twin or one.module))


def deletions(intents: Intents | None) -> tuple[Counter[str], Counter[str]]:
    """Count, by name, what was deleted by hand, and what has vanished just now, so that nobody knows yet."""
    gone = () if intents is None else intents.gone
    return (
        Counter(one.name for one in gone if one.deleted),
        Counter(one.name for one in gone if not one.deleted),
    )


def expectations(known: Known, dump: Dump, listed: Counter[str], deleted: Counter[str]) -> Known:
    """Return what should be in the dump after a look at one that PM2 could start from.

    What is not in it any more is still expected, but for what a person deleted from the list, too; and but
    for all of it, where the same bytes were written anew.
    """
    saved = Counter(dump.names)
    touched = dump.print == known.print and dump.written_ns > known.written_ns > 0
    if touched:
        return Known(dict(saved), dump.print, dump.written_ns)
    expected = Counter(known.expected) | saved
    for name, lost in (expected - saved).items():
        excused = min(lost, deleted[name], max(expected[name] - listed[name], 0))
        expected[name] -= excused
    kept = {name: count for name, count in sorted(expected.items())[:MOST_NAMES] if count > 0}
    return Known(kept, dump.print, dump.written_ns)


def differences(
    before: Apart, saved: Counter[str], listed: Counter[str], excused: Counter[str], now_s: float
) -> Apart:
    """Return where dump and list differ, each name with the moment since when.

    Args:
        before: The differences of the last look.
        saved: What is in the dump.
        listed: What is in PM2's list.
        excused: What may be missing from the list: a person deleted it, or it vanished just now.
        now_s: Seconds since 1970.
    """
    unsaved = listed - saved
    missing = saved - listed - excused
    return Apart(
        {name: min(before.unsaved.get(name, now_s), now_s) for name in unsaved},
        {name: min(before.missing.get(name, now_s), now_s) for name in missing},
    )


def named(names: Sequence[str], most: int = 10) -> str:
    """Return names for people: the first few, and how many more."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def judge(dump: Dump, seen: Seen, before: SavedList | None, known: Known, now_s: float) -> SavedList:
    """Judge a dump beside PM2's list and what was known before.

    Args:
        dump: What the file holds.
        seen: PM2's list, and what a person deleted from it.
        before: What the last look amounted to.
        known: What should be in the dump.
        now_s: Seconds since 1970.
    """
    listed = listed_names(seen.processes or ())
    deleted, vanished = deletions(seen.intents)
    if dump.is_list:
        known = expectations(known, dump, listed, deleted)
    saved, expected = Counter(dump.names), Counter(known.expected)
    lost = expected - saved if dump.is_list else Counter[str]()
    apart = Apart()
    if dump.state is DumpState.READ and seen.processes is not None:
        apart = differences(before.apart if before else Apart(), saved, listed, deleted + vanished, now_s)
    return SavedList(
        dump=dump,
        known=known,
        apart=apart,
        lost=tuple(sorted(lost - vanished)),
        short=tuple(sorted(expected - listed - deleted)),
        running=sum(listed.values()),
        own_unsaved=own_unsaved(dump, seen.own),
        settling=bool(lost & vanished),
    )


def own_unsaved(dump: Dump, own: Mapping[str, int]) -> tuple[str, ...]:
    """Return the names of ours that do not stand in the dump as they run.

    Only in a dump that holds something: none is made that holds only ours (safety S10).
    """
    if dump.state is not DumpState.READ:
        return ()
    return tuple(sorted(name for name, mark in own.items() if dump.own.get(name) != mark))
