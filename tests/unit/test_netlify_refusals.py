"""What an answer without success means."""

from __future__ import annotations

import pytest

from automation.core.errors import EffectFailed
from automation.engine.service.answers import RateLimited, TokenRefused, message_of
from automation.ports.web import Answer
from automation.systems.netlify.refusals import (
    LONGEST_WAIT_S,
    NotFound,
    limited_until_s,
    refusal,
)

NOW_S = 1_800_000_000.0


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"x-ratelimit-reset": "1800000030"}, 30.0),
        ({"x-ratelimit-reset": "1799999990"}, 1.0),
        ({"x-ratelimit-reset": "9999999999"}, LONGEST_WAIT_S),
        ({"retry-after": "7", "x-ratelimit-reset": "1800000030"}, 7.0),
        ({"retry-after": "soon"}, 60.0),
        ({"x-ratelimit-reset": "nan"}, 60.0),
        ({"x-ratelimit-reset": "inf"}, 60.0),
        ({}, 60.0),
    ],
)
def test_too_many_requests_say_until_when_and_the_wait_has_bounds(
    headers: dict[str, str], wait_s: float
) -> None:
    assert limited_until_s(Answer(429, b"", headers), NOW_S) == NOW_S + wait_s


def test_only_429_is_a_limit() -> None:
    assert limited_until_s(Answer(503, b"", {"retry-after": "7"}), NOW_S) is None


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (401, TokenRefused, False),
        (403, TokenRefused, False),
        (404, NotFound, False),
        (422, EffectFailed, False),
        (429, RateLimited, True),
        (500, EffectFailed, True),
        (599, EffectFailed, True),
        (302, EffectFailed, False),
    ],
)
def test_each_status_says_whether_asking_again_may_help(
    status: int, kind: type[EffectFailed], *, retryable: bool
) -> None:
    error = refusal(Answer(status, b'{"message": "no\\n such"}'), what="site a", now_s=NOW_S)

    assert type(error) is kind
    assert error.retryable is retryable
    assert "\n" not in str(error)


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"message": 3}', b"[" * 100_000])
def test_words_that_cannot_be_read_are_none(body: bytes) -> None:
    assert message_of(Answer(400, body)) == ""
    assert str(refusal(Answer(400, body), what="site a", now_s=NOW_S)) == "Netlify answered 400 for site a"
