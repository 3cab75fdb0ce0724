"""Laws of ladders and waits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from automation.core.ladder import Ladder, Pace, Rung

paces = st.builds(Pace, st.floats(0.0, 1e4), st.floats(0.0, 1e4), st.floats(0.0, 1.0))
rungs = st.lists(st.builds(Rung, st.sampled_from("abc"), st.integers(0, 5)), max_size=5).map(tuple)
subjects = st.text(st.characters() | st.characters(categories=["Cs"]))


@given(paces, st.integers(0, 10**9), subjects)
def test_a_wait_is_never_longer_than_the_longest_and_its_jitter(
    pace: Pace, attempts: int, subject: str
) -> None:
    wait_s = pace.wait_after(attempts, subject)

    assert min(pace.first_s, pace.longest_s) <= wait_s <= pace.longest_s * (1.0 + pace.jitter) + 1e-9


@given(paces, st.integers(0, 100), subjects)
def test_a_wait_depends_on_nothing_but_its_arguments(pace: Pace, attempts: int, subject: str) -> None:
    assert pace.wait_after(attempts, subject) == pace.wait_after(attempts, subject)


@given(rungs)
def test_a_ladder_is_as_long_as_its_attempts(ladder_rungs: tuple[Rung, ...]) -> None:
    ladder = Ladder("down", ladder_rungs)
    whole = [rung for rung in ladder_rungs for _ in range(rung.attempts)]

    assert [ladder.rung(attempts) for attempts in range(len(whole) + 2)] == [*whole, None, None]
