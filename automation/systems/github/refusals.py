"""What an answer that is not a success means: wait, another token, another name, or nothing to be done.

* EffectFailed
  * NotFound         there is no such thing, or the token may not see it
  * and those of engine.service.answers
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from automation.core.errors import EffectFailed
from automation.engine.service.answers import RateLimited, TokenRefused, message_of
from automation.ports.web import Answer
from automation.systems.github.records import Rate

LONGEST_WAIT_S = 2 * 3600.0
WAIT_WITHOUT_HINT_S = 60.0
_FORBIDDEN, _UNAUTHORIZED, _NOT_FOUND, _TOO_MANY = 403, 401, 404, 429
_REDIRECTIONS = (301, 302, 307, 308)
_SERVER_FAULTS = range(500, 600)


class NotFound(EffectFailed):
    """There is no such thing, or the token may not see it: GitHub does not tell which."""

    def __init__(self, what: str, permission: str) -> None:
        said = f"GitHub knows no {what}, or the token lacks {permission} for it"
        super().__init__(said, retryable=False)


def refusal(answer: Answer, *, what: str, permission: str, now_s: float) -> EffectFailed:
    """Return the error that an answer without success stands for.

    Args:
        answer: What came, of any status but the expected ones.
        what: What was asked for, as a person would say it: `repository o/r`.
        permission: What the token needs for it: `actions:read`.
        now_s: Seconds since 1970 by our clock.
    """
    until_s = limited_until_s(answer, now_s)
    if until_s is not None:
        return RateLimited("GitHub", until_s)
    if answer.status == _UNAUTHORIZED:
        return TokenRefused("GitHub", "GITHUB_TOKEN_FILE")
    if answer.status == _NOT_FOUND:
        return NotFound(what, permission)
    if answer.status in _REDIRECTIONS:
        return EffectFailed(f"GitHub has moved {what}; set the new name", retryable=False)
    said = f"GitHub answered {answer.status} for {what}"
    if answer.status in _SERVER_FAULTS:
        return EffectFailed(said)
    message = message_of(answer)
    return EffectFailed(f"{said}: {message}" if message else said, retryable=False)


def limited_until_s(answer: Answer, now_s: float) -> float | None:
    """Return until when GitHub wants to be left alone; None if this answer is no rate limit."""
    if answer.status not in (_FORBIDDEN, _TOO_MANY):
        return None
    wait_s = _retry_after_s(answer.headers)
    if wait_s is None and answer.headers.get("x-ratelimit-remaining") == "0":
        wait_s = _until_reset_s(answer.headers, now_s)
    if wait_s is None and (answer.status == _TOO_MANY or "rate limit" in message_of(answer).lower()):
        wait_s = WAIT_WITHOUT_HINT_S
    return None if wait_s is None else now_s + min(max(wait_s, 1.0), LONGEST_WAIT_S)


def rate_of(headers: Mapping[str, str]) -> Rate | None:
    """Return what the headers say of the requests that are left; None where they say nothing."""
    remaining, reset = headers.get("x-ratelimit-remaining", ""), headers.get("x-ratelimit-reset", "")
    return Rate(int(remaining), float(reset)) if _is_number(remaining) and _is_number(reset) else None


def server_now_s(headers: Mapping[str, str], otherwise_s: float) -> float:
    """Return the server's own time, so that our clock need not be right."""
    try:
        return parsedate_to_datetime(headers.get("date", "")).timestamp()
    except (ValueError, OverflowError):
        return otherwise_s


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    said = headers.get("retry-after", "").strip()
    if _is_number(said):
        return float(said)
    try:
        return parsedate_to_datetime(said).timestamp() - server_now_s(headers, 0.0)
    except (ValueError, OverflowError):
        return None


def _until_reset_s(headers: Mapping[str, str], now_s: float) -> float | None:
    rate = rate_of(headers)
    return None if rate is None else rate.reset_at_s - server_now_s(headers, now_s)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len("9999999999")
