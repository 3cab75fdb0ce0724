"""What an answer over HTTP means that is the same for every service.

* EffectFailed
  * RateLimited      too many requests; `until_s` says when to ask again
  * TokenRefused     the token is wrong, has expired, or may not do this
  * OutcomeUnknown   a request that changes something got no answer: it may have been done all the same
"""

from __future__ import annotations

import json

from automation.core.errors import EffectFailed
from automation.core.moments import to_text
from automation.ports.web import Answer

LONGEST_MESSAGE = 200


class RateLimited(EffectFailed):
    """Too many requests; the service takes none before `until_s` (seconds since 1970)."""

    def __init__(self, service: str, until_s: float) -> None:
        super().__init__(f"{service} takes no more requests until {to_text(until_s)}")
        self.until_s = until_s


class TokenRefused(EffectFailed):
    """The token is wrong, has expired, or may not do this."""

    def __init__(self, service: str, variable: str) -> None:
        said = f"{service} does not take the token; set {variable} to one that is valid"
        super().__init__(said, retryable=False)


class OutcomeUnknown(EffectFailed):
    """A request that changes something got no answer; asking again might do it twice."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(f"{what}: {reason}; it may have been done all the same", retryable=False)


def json_of(answer: Answer) -> object:
    """Return an answer's JSON.

    Raises:
        ValueError: It is none, or is nested too deep.
    """
    try:
        parsed: object = json.loads(answer.body)
    except RecursionError:
        raise ValueError("nested too deep") from None
    return parsed


def message_of(answer: Answer) -> str:
    """Return the service's own words, in one short line; empty where it said nothing that can be read."""
    try:
        body = json_of(answer)
    except ValueError:
        return ""
    said = body.get("message") if isinstance(body, dict) else None
    return " ".join(said.split())[:LONGEST_MESSAGE] if isinstance(said, str) else ""
