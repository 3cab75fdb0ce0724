"""What an answer that is not a success means: wait, another token, another name, or nothing to be done.

* EffectFailed
  * NotFound         there is no such thing, or the token may not see it
  * and those of engine.service.answers
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from automation.core.errors import EffectFailed
from automation.engine.service.answers import RateLimited, TokenRefused, message_of
from automation.ports.web import Answer

LONGEST_WAIT_S = 2 * 3600.0
SHORTEST_WAIT_S = 1.0
WAIT_WITHOUT_HINT_S = 60.0
SERVER_FAULT = 500
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _TOO_MANY = 401, 403, 404, 429


class NotFound(EffectFailed):
    """There is no such thing, or the token may not see it: Netlify does not tell which."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"Netlify knows no {what}, or the token may not see it; check NETLIFY_SITE_ID", retryable=False
        )


def refusal(answer: Answer, *, what: str, now_s: float) -> EffectFailed:
    """Return the error that an answer without success stands for.

    Args:
        answer: What came, of any status but the expected ones.
        what: What was asked for, as a person would say it: `deploy 64ab of site 1f`.
        now_s: Seconds since 1970 by our clock.
    """
    until_s = limited_until_s(answer, now_s)
    if until_s is not None:
        return RateLimited("Netlify", until_s)
    if answer.status in (_UNAUTHORIZED, _FORBIDDEN):
        return TokenRefused("Netlify", "NETLIFY_AUTH_TOKEN_FILE")
    if answer.status == _NOT_FOUND:
        return NotFound(what)
    said = f"Netlify answered {answer.status} for {what}"
    if answer.status >= SERVER_FAULT:
        return EffectFailed(said)
    message = message_of(answer)
    return EffectFailed(f"{said}: {message}" if message else said, retryable=False)


def limited_until_s(answer: Answer, now_s: float) -> float | None:
    """Return until when Netlify wants to be left alone; None if this answer is no rate limit.

    Netlify says a moment (X-RateLimit-Reset, seconds since 1970); what stands in between says a wait.
    """
    if answer.status != _TOO_MANY:
        return None
    wait_s = _number(answer.headers, "retry-after")
    if wait_s is None:
        reset_s = _number(answer.headers, "x-ratelimit-reset")
        wait_s = WAIT_WITHOUT_HINT_S if reset_s is None else reset_s - now_s
    return now_s + min(max(wait_s, SHORTEST_WAIT_S), LONGEST_WAIT_S)


def _number(headers: Mapping[str, str], name: str) -> float | None:
    try:
        value = float(headers.get(name, ""))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
