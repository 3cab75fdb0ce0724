"""Whether a damaged dump may be put back, and from where: S20 for a file that no git knows. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from automation.systems.pm2.dump.condition import DAMAGED, Condition, Dump


@dataclass(frozen=True, slots=True)
class FromSnapshot:
    """Put back the copy of a snapshot."""

    snapshot_id: str


@dataclass(frozen=True, slots=True)
class FromBefore:
    """Put back the dump that PM2 itself kept beside it."""


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """Do nothing, and say why; `for_good`: waiting changes nothing."""

    why: str
    for_good: bool = False


def decide_dump(
    dump: Dump, newest_valid: str | None, *, before_is_whole: bool, now_s: float, grace_s: float
) -> FromSnapshot | FromBefore | LeftAlone:
    """Decide what to do about a dump.

    Args:
        dump: How it is now; look again before acting on the answer (safety S1).
        newest_valid: The newest snapshot with a valid copy that names apps; None where there is none.
        before_is_whole: Whether `dump.pm2.bak` is a list of apps.
        now_s: Seconds since 1970.
        grace_s: How long after a write it is left alone: `pm2 save` writes it in place, piece by piece.
    """
    if dump.condition not in DAMAGED:
        return LeftAlone(_why_not_damage(dump.condition))
    age_s = None if dump.written_at_s is None else now_s - dump.written_at_s
    if age_s is not None and age_s < grace_s:
        return LeftAlone(f"it was written {max(age_s, 0.0):.0f} s ago; PM2 may be writing it")
    if newest_valid is not None:
        return FromSnapshot(newest_valid)
    if before_is_whole:
        return FromBefore()
    return LeftAlone("neither a snapshot nor dump.pm2.bak holds a whole one", for_good=True)


def _why_not_damage(condition: Condition) -> str:
    if condition is Condition.WHOLE:
        return "it is whole"
    if condition is Condition.UNREADABLE:
        return "it cannot be read"
    return f"it is {condition}, which somebody may have meant"
