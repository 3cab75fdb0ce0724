"""Laws of moments as text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from automation.core.moments import from_text, spoken, to_text

moments = st.floats(0.0, 4e9)


@given(moments)
def test_a_moment_comes_back_to_the_millisecond(moment_s: float) -> None:
    text = to_text(moment_s)

    assert abs(from_text(text) - moment_s) <= 0.001
    assert to_text(from_text(text)) == text


@given(moments, moments)
def test_texts_are_ordered_as_the_moments_are(one_s: float, other_s: float) -> None:
    assert (to_text(one_s) <= to_text(other_s)) or one_s > other_s


@given(st.text())
def test_only_a_value_error_says_that_a_text_is_no_moment(text: str) -> None:
    try:
        moment_s = from_text(text)
    except ValueError:
        return
    assert isinstance(moment_s, float)


@given(st.floats(-1e6, 1e9))
def test_a_duration_is_short_to_say(seconds: float) -> None:
    assert len(spoken(seconds)) <= 12
