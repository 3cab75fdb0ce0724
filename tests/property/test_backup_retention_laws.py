"""What every retention policy promises, whatever was taken when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from automation.core.moments import to_text
from automation.stores.backups.listing import Snapshot
from automation.stores.backups.retention import RESTORE_KEPT_S, Policy, chosen_by, which_to_keep
from automation.stores.backups.span import Span

NOW_S = 1_795_515_300.0  # 2026-11-24T10:15:00Z
HOUR_S = 3600.0

# Moments close together and far apart, up to now, so that hours, days, weeks and months are shared and not.
ages_s = st.one_of(st.floats(0, 4 * HOUR_S), st.floats(0, 10 * 24 * HOUR_S), st.floats(0, 400 * 24 * HOUR_S))
histories = st.lists(ages_s, max_size=40).map(lambda ages: sorted(NOW_S - age for age in ages))
counts = st.integers(0, 6)
policies = st.builds(
    Policy,
    st.integers(1, 6),
    counts,
    counts,
    counts,
    counts,
    st.builds(Span, days=st.integers(0, 40), hours=st.integers(0, 30)),
)


def bucket_of(format_: str) -> Callable[[float], str]:
    return lambda moment_s: datetime.fromtimestamp(moment_s, UTC).strftime(format_)


BUCKETS = {
    "keep_hourly": bucket_of("%Y-%m-%d %H"),
    "keep_daily": bucket_of("%Y-%m-%d"),
    "keep_weekly": bucket_of("%G-%V"),
    "keep_monthly": bucket_of("%Y-%m"),
}


def model(policy: Policy, moments: Sequence[float]) -> set[int]:
    """Say which stay in another way: by the sets of hours, days, weeks and months that there are."""
    stay = set(range(len(moments)))
    stay = set(sorted(stay)[-policy.keep_last :])
    for name, bucket in BUCKETS.items():
        wanted = getattr(policy, name)
        newest = {bucket(moment_s): number for number, moment_s in enumerate(moments)}
        chosen = sorted(newest.values())[-wanted:] if wanted else []
        stay |= set(chosen)
        if moments and len(newest) < wanted:
            stay.add(0)
    if policy.keep_within and moments:
        begin_s = policy.keep_within.before(moments[-1])
        stay |= {number for number, moment_s in enumerate(moments) if moment_s > begin_s}
    return stay


@given(policies, histories)
def test_a_policy_keeps_the_newest_of_each_bucket_and_no_more(policy: Policy, moments: list[float]) -> None:
    taken = [(f"{number:04d}", moment_s) for number, moment_s in enumerate(moments)]

    kept = chosen_by(policy, taken, NOW_S)

    assert {int(id_) for id_ in kept} == model(policy, moments)


snapshots = st.builds(
    Snapshot,
    id=st.just(""),
    created_at=ages_s.map(lambda age_s: to_text(NOW_S - age_s)),
    kind=st.sampled_from(["regular", "emergency", "before-restore"]),
    all_valid=st.booleans(),
    verified=st.booleans(),
)


@given(st.lists(snapshots, max_size=30), policies, st.data())
def test_whatever_a_policy_says_what_is_promised_stays(
    made: list[Snapshot], policy: Policy, data: st.DataObject
) -> None:
    there = [
        Snapshot(f"{number:04d}", one.created_at, one.kind, all_valid=one.all_valid, verified=one.verified)
        for number, one in enumerate(made)
    ]
    ids = [one.id for one in there]
    some = st.sets(st.sampled_from(ids)) if ids else st.just(set[str]())
    pinned, last = data.draw(some), data.draw(some)

    kept = which_to_keep(there, policy, pinned=pinned, last_valid_in=last, now_s=NOW_S)

    stays = {one.id for one in kept}
    assert [one.id for one in kept] == sorted(stays)
    assert pinned | last <= stays
    assert any(one.verified for one in there) or stays == set(ids)
    for wanted in ([one.id for one in there if one.verified], [one.id for one in there if one.may_be_latest]):
        assert set(wanted[-1:]) <= stays
    young = {
        one.id
        for one in there
        if one.kind == "before-restore" and to_text(NOW_S - RESTORE_KEPT_S) < one.created_at
    }
    assert young <= stays


@given(histories, policies, policies)
def test_more_to_keep_removes_no_more(moments: list[float], one: Policy, other: Policy) -> None:
    taken = [(f"{number:04d}", moment_s) for number, moment_s in enumerate(moments)]
    names = ("keep_last", *BUCKETS)
    both = replace(one, **{name: max(getattr(one, name), getattr(other, name)) for name in names})

    assert chosen_by(one, taken, NOW_S).keys() - chosen_by(both, taken, NOW_S).keys() <= {"0000"}
