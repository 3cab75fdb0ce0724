"""What became of the daemon that was seen last: did it crash, or did somebody end it (safety S14). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

Identity = tuple[int, int]  # a daemon's pid, and its start in clock ticks since boot


class Fate(StrEnum):
    """What is known of the daemon that the roster is of."""

    NEVER = "never"  # no daemon was ever seen here
    LIVES = "lives"
    CRASHED = "crashed"
    ENDED = "ended"  # in order: a person's or a system's act, which is not undone
    SPLIT = "split"  # it lives, and another one has taken its sockets


@dataclass(frozen=True, slots=True)
class Ends:
    """What was written down about ends: of which daemon, and who ended in order.

    `daemon_in_order`: a guard saw it end in order. `guard_in_order`: the last guard ended in order before
    anything had happened to that daemon; what came after it, nobody saw.
    """

    daemon: Identity
    daemon_in_order: bool = False
    guard_in_order: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known when the question is asked.

    `last` is the daemon of the roster and `last_boot_id` its boot (None: no roster), `now` the daemon that
    answers (None: nobody listens). `pid_file_left` is whether pm2.pid was there when the daemon's end was
    seen; None when nobody saw it. `same_guard` says that this very process had seen the last daemon alive.
    """

    boot_id: str
    last: Identity | None
    last_boot_id: str
    now: Identity | None
    pid_file_left: bool | None
    same_guard: bool
    last_lives: bool = False
    ends: Ends | None = None


def fate(seen: Seen) -> Fate:
    """Return what became of the last daemon.

    Nobody listens: a pid file left behind, or another boot, is a crash; otherwise it ended in order.
    Another daemon listens: it crashed if that was seen; or, for a guard that has just begun, if it is another
    boot, or neither the daemon nor the guard before ended in order (both were killed at once).
    """
    if seen.last is None:
        return Fate.CRASHED if seen.now is None and seen.pid_file_left else Fate.NEVER
    same_boot = seen.last_boot_id == seen.boot_id
    if same_boot and seen.now == seen.last:
        return Fate.LIVES
    if same_boot and seen.last_lives and seen.now is not None:
        return Fate.SPLIT
    return Fate.CRASHED if _crashed(seen, same_boot=same_boot) else Fate.ENDED


def _crashed(seen: Seen, *, same_boot: bool) -> bool:
    """Tell how a daemon ended that is gone."""
    ends = seen.ends if seen.ends is not None and seen.ends.daemon == seen.last else None
    if ends is not None and ends.daemon_in_order:
        return False
    if not same_boot or seen.pid_file_left is not None:
        return not same_boot or seen.pid_file_left is True
    if seen.now is None or seen.same_guard:
        return False
    return ends is None or not ends.guard_in_order
