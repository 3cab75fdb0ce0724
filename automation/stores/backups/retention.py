"""Which snapshots to keep: pure, in restic's words, and never fewer than the rules promise (S21, S22)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime

from automation.core.errors import SettingsInvalid
from automation.core.moments import from_text
from automation.stores.backups.listing import Snapshot
from automation.stores.backups.manifest import Manifest
from automation.stores.backups.span import NO_TIME, Span

RESTORE_KEPT_S = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class Policy:
    """How many snapshots to keep, in restic's words.

    Attributes:
        keep_last: The newest ones.
        keep_hourly: The newest of an hour, for so many of the newest hours that have any.
        keep_daily: The same of days, as all that follows by UTC's calendar.
        keep_weekly: The same of ISO weeks, which begin on Mondays.
        keep_monthly: The same of months.
        keep_within: Every one that is younger than this, counted back from the newest.
    """

    keep_last: int = 10
    keep_hourly: int = 0
    keep_daily: int = 0
    keep_weekly: int = 0
    keep_monthly: int = 0
    keep_within: Span = NO_TIME

    def __post_init__(self) -> None:
        """Refuse a count below 0, and a policy that keeps nothing."""
        counts = {field.name: getattr(self, field.name) for field in fields(self)[:-1]}
        for name, count in counts.items():
            if count < 0:
                first, second = name.split("_")
                raise SettingsInvalid(
                    f"retention.{first}{second.capitalize()}: expected a number >= 0, got {count}"
                )
        if not any(counts.values()) and not self.keep_within:
            raise SettingsInvalid("retention: keeps nothing; expected a count > 0, such as keepLast 10")


# What is kept where settings say nothing.
STANDARD = Policy(keep_last=10, keep_hourly=24, keep_daily=14, keep_weekly=8, keep_monthly=6)


@dataclass(frozen=True, slots=True)
class Kept:
    """A snapshot that stays, and why."""

    id: str
    why: str


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed, or with `dry_run` would be, and what stays."""

    removed: tuple[str, ...]
    kept: tuple[Kept, ...]


def which_to_keep(
    snapshots: Sequence[Snapshot],
    policy: Policy,
    *,
    pinned: Collection[str],
    last_valid_in: Collection[str],
    now_s: float,
) -> tuple[Kept, ...]:
    """Decide what stays.

    Only whole snapshots that a backup took are counted: neither damaged ones nor those that a restore made
    can push a good one out.

    Args:
        snapshots: All there are, newest last.
        policy: How many to keep.
        pinned: Ids that a set names.
        last_valid_in: Ids of snapshots that hold a file's last valid copy.
        now_s: Seconds since 1970.
    """
    counted = [snapshot for snapshot in snapshots if _counts(snapshot)]
    by_policy = chosen_by(policy, [(each.id, from_text(each.created_at)) for each in counted], now_s)
    verified = [snapshot.id for snapshot in snapshots if snapshot.verified][-1:]
    latest = [snapshot.id for snapshot in snapshots if snapshot.may_be_latest][-1:]
    kept = []
    for snapshot in snapshots:
        newer_count = sum(each.id > snapshot.id for each in counted[-max(policy.keep_last, 1) :])
        why = by_policy.get(snapshot.id)
        if snapshot.id in verified:
            why = why or "the newest verified"
        why = why or _why(snapshot, replaced=newer_count >= max(policy.keep_last, 1), now_s=now_s)
        if snapshot.id in latest:
            why = why or "`latest` points to it"
        if snapshot.id in pinned:
            why = why or "a set names it"
        if snapshot.id in last_valid_in:
            why = why or "it holds the last valid copy of a file"
        if why is not None:
            kept.append(Kept(snapshot.id, why))
    return tuple(kept)


def _counts(snapshot: Snapshot) -> bool:
    return snapshot.verified and snapshot.kind != "before-restore"


def _why(snapshot: Snapshot, *, replaced: bool, now_s: float) -> str | None:
    if snapshot.newer:
        return "a newer version wrote it"
    if not snapshot.verified and not replaced:
        return "damaged, and newer than what would replace it"
    if snapshot.kind == "before-restore" and now_s - from_text(snapshot.created_at) < RESTORE_KEPT_S:
        return "a restore made it less than 7 days ago"
    return None


Bucket = Callable[[datetime], tuple[int, ...]]


def _hour(moment: datetime) -> tuple[int, ...]:
    return moment.year, moment.month, moment.day, moment.hour


def _day(moment: datetime) -> tuple[int, ...]:
    return moment.year, moment.month, moment.day


def _week(moment: datetime) -> tuple[int, ...]:
    return tuple(moment.isocalendar()[:2])


def _month(moment: datetime) -> tuple[int, ...]:
    return moment.year, moment.month


def chosen_by(policy: Policy, taken: Sequence[tuple[str, float]], now_s: float) -> dict[str, str]:
    """Return the ids that a policy itself keeps, and why.

    Where there are fewer hours, days, weeks or months than wanted, the oldest snapshot stays too, so that the
    history grows as long as the policy allows.

    Args:
        policy: How many to keep.
        taken: Ids and the moments they were taken, in seconds since 1970, newest last.
        now_s: Seconds since 1970: what claims to be taken later is not the newest.
    """
    reasons: dict[str, dict[str, list[str]]] = {}
    for id_, _ in taken[-policy.keep_last :] if policy.keep_last else ():
        reasons.setdefault(id_, {})[f"one of the last {policy.keep_last}"] = []
    buckets: tuple[tuple[str, int, Bucket], ...] = (
        ("hour", policy.keep_hourly, _hour),
        ("day", policy.keep_daily, _day),
        ("week", policy.keep_weekly, _week),
        ("month", policy.keep_monthly, _month),
    )
    for name, count, bucket in buckets:
        for id_, why, word in _newest_of_each(taken, name, count, bucket):
            reasons.setdefault(id_, {}).setdefault(why, []).append(word)
    for id_ in _within(taken, policy.keep_within, now_s):
        reasons.setdefault(id_, {})[f"within {policy.keep_within} of the newest"] = []
    return {id_: _said(whys) for id_, whys in reasons.items()}


def _said(whys: Mapping[str, Sequence[str]]) -> str:
    return "; ".join(why.format(", ".join(words)) for why, words in whys.items())


def _newest_of_each(
    taken: Sequence[tuple[str, float]], name: str, count: int, bucket: Bucket
) -> Iterable[tuple[str, str, str]]:
    """Yield the newest of each bucket, for so many buckets; then the oldest where some are left.

    Each comes with why it stays, and with the word that belongs there.
    """
    last: tuple[int, ...] | None = None
    for id_, moment_s in reversed(taken):
        if count == 0:
            return
        this = bucket(datetime.fromtimestamp(moment_s, UTC))
        if this != last:
            last, count = this, count - 1
            yield id_, "the newest of its {}", name
        elif id_ == taken[0][0]:
            yield id_, "the oldest, with fewer {} than wanted", f"{name}s"


def _within(taken: Sequence[tuple[str, float]], span: Span, now_s: float) -> list[str]:
    """Return what is younger than a span, counted back from the newest that is not in the future."""
    if not span:
        return []
    newest_s = max((moment_s for _, moment_s in taken if moment_s <= now_s), default=0.0)
    begin_s = span.before(newest_s)
    return [id_ for id_, moment_s in taken if moment_s > begin_s]


def last_valid_in(manifests: Iterable[Manifest], damaged: Collection[str]) -> frozenset[str]:
    """Return the snapshots that hold, for some file, the last copy that was found valid.

    Args:
        manifests: All that can be read, newest first.
        damaged: Ids in which a verification found damage: they count only for files that no other one has.
    """
    whole: dict[str, str] = {}
    rest: dict[str, str] = {}
    for manifest in manifests:
        place = rest if manifest.id in damaged else whole
        for entry in manifest.files:
            if entry.valid is True:
                place.setdefault(entry.path, manifest.id)
        del manifest  # or it would stay in memory while the next one is read
    return frozenset((rest | whole).values())
