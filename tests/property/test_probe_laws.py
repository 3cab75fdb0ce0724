"""Laws of the probes: a hung app is found in the time that settings state, and a well one never."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from automation.ports.talking import Said, Verdict
from automation.systems.pm2.app_rules import Probe
from automation.systems.pm2.probes.history import ACTING_S, Begun, Pace, Track, failures, hung, learned, pace

WELL, FAILED, UNKNOWN = (Said(verdict, "") for verdict in Verdict)
OLD = Begun(("u0", 1), started_s=0.0, ready_s=3.0)

probes = st.builds(
    Probe,
    st.just("http"),
    st.just("80"),
    timeout_ms=st.integers(100, 20_000),
    failures=st.integers(1, 10),
    period_ms=st.integers(1_000, 120_000),
)


def found_at_s(probe: Probe, hangs_at_s: float, name: str) -> float:
    """Ask an app that answers at once until it hangs, and then not at all; return when it counts as hung."""
    how, track = pace(probe, 30.0), Track(10.0)
    while True:
        asked_s = track.due_s
        said = WELL if asked_s < hangs_at_s else FAILED
        now_s = asked_s + (0.0 if said is WELL else how.limit_s)
        track = learned(track, name, asked_s, said, how, now_s)
        if hung(track, OLD, how):
            return now_s


@given(probes, st.floats(11.0, 5_000.0), st.text(max_size=5))
def test_a_hung_app_is_restarted_within_its_failures_times_its_period(
    probe: Probe, hangs_at_s: float, name: str
) -> None:
    assert probe.period_ms is not None
    period_s = probe.period_ms / 1000
    promised_s = probe.failures * period_s
    assume(promised_s >= 2 * (pace(probe, 30.0).limit_s + ACTING_S))  # what the README says of short ones
    assume(pace(probe, 30.0).limit_s <= pace(probe, 30.0).every_s * 0.9)

    assert found_at_s(probe, hangs_at_s, name) + ACTING_S <= hangs_at_s + promised_s + 0.001


@given(probes, st.floats(11.0, 5_000.0))
def test_however_short_the_period_it_is_found_within_its_failures_asks_and_their_limits(
    probe: Probe, hangs_at_s: float
) -> None:
    how = pace(probe, 30.0)

    assert found_at_s(probe, hangs_at_s, "web") <= hangs_at_s + how.failures * max(
        how.every_s, how.limit_s
    ) + max(how.every_s, how.limit_s)


answers = st.lists(st.sampled_from([WELL, FAILED, UNKNOWN]), max_size=30)
paces = st.builds(Pace, st.integers(1, 5), st.floats(1, 60), st.floats(0.1, 5))


@given(answers, paces)
def test_it_hangs_exactly_after_so_many_failures_with_no_good_answer_among_them(
    said: list[Said], how: Pace
) -> None:
    track = Track(100.0)
    for one in said:
        track = learned(track, "web", track.due_s, one, how, track.due_s + 0.1)
    in_a_row = 0
    for one in said:
        in_a_row = 0 if one is WELL else in_a_row + (one is FAILED)

    assert failures(track, OLD) == min(in_a_row, how.failures)
    assert hung(track, OLD, how) == (in_a_row >= how.failures and said[-1] is FAILED)


@given(answers, paces, st.floats(0, 2_000))
def test_no_process_is_blamed_for_what_came_before_it_was_ready(
    said: list[Said], how: Pace, started_s: float
) -> None:
    track, asked = Track(100.0), list[tuple[float, Said]]()
    for one in said:
        asked.append((track.due_s, one))
        track = learned(track, "web", track.due_s, one, how, track.due_s + 0.1)
    young = Begun(("u0", 1), started_s, started_s + 3.0)

    assert failures(track, young) <= sum(at_s >= started_s for at_s, one in asked if one is FAILED)


@given(answers, paces)
def test_an_app_is_never_asked_later_than_its_pace_says_nor_twice_at_once(
    said: list[Said], how: Pace
) -> None:
    track = Track(100.0)
    for one in said:
        asked_s, answered_s = track.due_s, track.due_s + how.limit_s
        track = learned(track, "web", asked_s, one, how, answered_s)

        assert answered_s <= track.due_s <= max(asked_s + how.every_s, answered_s)
