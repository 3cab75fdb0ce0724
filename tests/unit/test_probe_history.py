"""From an app's answers to the moment at which it counts as hung."""

from __future__ import annotations

import pytest

from automation.ports.talking import Said, Verdict
from automation.systems.pm2.app_rules import Probe
from automation.systems.pm2.probes.history import (
    NEVER,
    Begun,
    Pace,
    Track,
    begun,
    failures,
    hung,
    learned,
    pace,
    word,
)

WELL, FAILED, UNKNOWN = (Said(verdict, verdict.value) for verdict in Verdict)
THRICE = Pace(failures=3, every_s=10.0, limit_s=5.0)
RUN = ("u0", 1000)
OLD = Begun(RUN, started_s=0.0, ready_s=3.0)


def after(*said: Said, first_s: float = 100.0, every_s: float = 10.0, how: Pace = THRICE) -> Track:
    """Return the track after answers to asks so far apart; each took a second."""
    track = Track(first_s)
    for number, one in enumerate(said):
        asked_s = first_s + number * every_s
        track = learned(track, "web", asked_s, one, how, asked_s + 1)
    return track


# --- how it is asked ---


def test_an_app_is_asked_often_enough_for_its_failures_its_time_limit_and_the_restart_to_fit() -> None:
    how = pace(Probe("http", "80", timeout_ms=5_000, failures=3, period_ms=30_000), 60.0)

    assert how == Pace(3, 27.0, 5.0)  # nine seconds for the limit and the restart, spread over three


def test_the_check_interval_is_the_period_where_the_probe_names_none() -> None:
    assert pace(Probe("tcp", "80", timeout_ms=2_000, failures=2), 20.0) == Pace(2, 17.0, 2.0)


def test_no_app_is_asked_more_than_twice_as_often_as_its_period_says() -> None:
    assert pace(Probe("http", "80", failures=1, period_ms=2_000), 30.0).every_s == 1.0


def test_a_time_limit_is_no_longer_than_the_period() -> None:
    assert pace(Probe("http", "80", timeout_ms=9_000, period_ms=2_000), 30.0).limit_s == 2.0


def test_the_age_that_a_file_may_have_is_no_time_limit_of_the_ask() -> None:
    assert pace(Probe("file", "beat", timeout_ms=600_000), 30.0).limit_s == 5.0


# --- when it counts as hung ---


def test_so_many_failures_in_a_row_make_it_hung_and_not_one_fewer() -> None:
    assert not hung(after(FAILED, FAILED), OLD, THRICE)
    assert hung(after(FAILED, FAILED, FAILED), OLD, THRICE)


def test_a_good_answer_wipes_out_the_failures_before_it() -> None:
    assert not hung(after(FAILED, FAILED, WELL, FAILED), OLD, THRICE)
    assert failures(after(FAILED, FAILED, WELL, FAILED), OLD) == 1
    assert hung(after(FAILED, WELL, FAILED, FAILED, FAILED), OLD, THRICE)


def test_it_stays_hung_until_it_answers() -> None:
    many = [FAILED] * 9

    assert hung(after(*many), OLD, THRICE)
    assert len(after(*many).failed_s) == 3
    assert not hung(after(*many, WELL), OLD, THRICE)


def test_s2_what_could_not_be_asked_neither_counts_nor_wipes_out_and_never_is_a_reason_to_act() -> None:
    assert not hung(after(FAILED, FAILED, UNKNOWN), OLD, THRICE)
    assert not hung(after(FAILED, UNKNOWN, FAILED), OLD, THRICE)
    assert hung(after(FAILED, UNKNOWN, FAILED, FAILED), OLD, THRICE)
    assert not hung(after(FAILED, FAILED, FAILED, UNKNOWN), OLD, THRICE)
    assert hung(after(FAILED, FAILED, FAILED, UNKNOWN, FAILED), OLD, THRICE)


def test_one_failure_is_enough_where_settings_say_so() -> None:
    once = Pace(1, 10.0, 5.0)

    assert hung(after(FAILED, how=once), OLD, once)
    assert not hung(Track(0.0), OLD, once)


# --- a process that has just started ---


def test_what_is_asked_before_a_process_had_its_time_to_start_does_not_count() -> None:
    track = after(FAILED, FAILED, FAILED)  # asked at 100, 110 and 120 s

    assert hung(track, Begun(RUN, 90.0, 100.0), THRICE)
    assert not hung(track, Begun(RUN, 90.0, 100.1), THRICE)
    assert failures(track, Begun(RUN, 90.0, 115.0)) == 1
    assert failures(track, Begun(RUN, 121.0, 124.0)) == 0  # it was started after all of them


def test_failures_from_its_time_to_start_make_room_for_those_that_count() -> None:
    track = after(FAILED, FAILED, FAILED, FAILED, FAILED)  # asked at 100 to 140 s

    assert hung(track, Begun(RUN, 90.0, 120.0), THRICE)


def test_its_first_good_answer_ends_its_time_to_start() -> None:
    patient = Begun(RUN, 90.0, 1000.0)

    assert not hung(after(FAILED, FAILED, FAILED), patient, THRICE)
    assert hung(after(WELL, FAILED, FAILED, FAILED), patient, THRICE)


def test_the_good_answer_of_the_run_before_ends_nothing() -> None:
    track = after(WELL, FAILED, FAILED, FAILED)  # good at 100 s

    assert not hung(track, Begun(RUN, 100.1, 1000.0), THRICE)
    assert hung(track, Begun(RUN, 100.0, 1000.0), THRICE)


def test_of_two_instances_only_that_is_blamed_which_was_ready() -> None:
    track = after(FAILED, FAILED, FAILED)

    assert [hung(track, one, THRICE) for one in (OLD, Begun(RUN, 105.0, 108.0))] == [True, False]


def test_a_run_that_is_seen_first_began_when_pm2_says_and_not_in_the_future() -> None:
    assert begun(RUN, age_s=60.0, listen_timeout_s=3.0, elapsed_s=500.0) == Begun(RUN, 440.0, 443.0)
    assert begun(RUN, age_s=-9e9, listen_timeout_s=3.0, elapsed_s=500.0) == Begun(RUN, 500.0, 503.0)


# --- when it is asked next ---


def test_the_next_ask_is_due_so_long_after_this_one_began() -> None:
    due_s = after(WELL).due_s

    assert 100 + 9.0 <= due_s <= 100 + 10.0  # spread, and never later
    assert after(FAILED).due_s == after(UNKNOWN).due_s == due_s
    assert learned(Track(0.0), "another", 100.0, WELL, THRICE, 101.0).due_s != due_s


def test_the_next_ask_is_not_due_before_this_one_has_ended() -> None:
    assert learned(Track(0.0), "web", 100.0, WELL, THRICE, 300.0).due_s == 300.0


def test_the_last_failure_that_was_missing_is_followed_by_one_more_ask_at_once() -> None:
    assert after(FAILED, FAILED, FAILED).due_s == 121.0
    assert after(FAILED, FAILED, FAILED, FAILED).due_s > 131.0
    assert after(FAILED, FAILED).due_s > 111.0


# --- what the report says ---


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ((), "not-asked"),
        ((WELL,), "well"),
        ((WELL, UNKNOWN), "unknown"),
        ((FAILED,), "failing"),
        ((FAILED, FAILED, FAILED), "hung"),
        ((FAILED, FAILED, FAILED, UNKNOWN), "unknown"),
    ],
)
def test_each_state_has_a_word(said: tuple[Said, ...], expected: str) -> None:
    assert word(after(*said), OLD, THRICE) == expected


def test_what_fails_while_it_may_still_start_is_called_starting() -> None:
    assert word(after(FAILED), Begun(RUN, 99.0, 500.0), THRICE) == "starting"


def test_why_is_kept_and_a_track_begins_with_nothing() -> None:
    assert after(Said(Verdict.FAILED, "no answer within 5 s")).why == "no answer within 5 s"
    assert (Track(1.0).good_s, Track(1.0).failed_s, Track(1.0).verdict) == (NEVER, (), None)
