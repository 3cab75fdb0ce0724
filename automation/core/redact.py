"""Keeping secrets out of what is written: by the name of the field, and inside addresses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

MASK = "[redacted]"

SECRET_NAME = re.compile(
    r"TOKEN|SECRET|PASSW|PASSPHRASE|KEY|CREDENTIAL|PRIVATE|COOKIE|AUTH(?!OR(?!I[SZ]))", re.IGNORECASE
)
SHORTEST = 4  # a shorter secret would tear innocent words apart
_MOST_ROUNDS = 10

# Names are bounded, so that a text without an end to its words takes no longer than its length.
_URL_LOGIN = re.compile(r"(?P<name>://)[^/\s]*(?=@)")
_QUERY_SECRET = re.compile(
    r"(?P<name>[?&][^=&?\s]{0,64}(?:token|secret|key|password|sig)[^=&?\s]{0,64}=)[^&\s]+", re.IGNORECASE
)
_VALUE = r"""(?:"[^"\n]{1,200}"|'[^'\n]{1,200}'|[^\s,;]+)"""
_VARIABLE = re.compile(
    r"(?P<name>\b[A-Z0-9_]{0,64}(?:TOKEN|SECRET|PASSW|KEY|CREDENTIAL)[A-Z0-9_]{0,64}(?<!_FILE)=)" + _VALUE
)
_ASSIGNED = re.compile(
    r"(?P<name>\b[A-Z0-9_]*(?:TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|CREDENTIALS?)\b[\"']?\s*[=:]\s*)"
    + _VALUE,
    re.IGNORECASE,
)
_BEARER = re.compile(r"(?P<name>\b(?:Bearer|Basic|token)\s+)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)
_PATTERNS = (_URL_LOGIN, _QUERY_SECRET, _BEARER, _VARIABLE, _ASSIGNED)


def text(value: str, secrets: frozenset[str] = frozenset()) -> str:
    """Return a text without URL logins, secret query values, `NAME_TOKEN=…` values and the given secrets.

    What one pattern masks may be what kept another from matching, so it goes on until nothing changes.
    """
    cleaned, rounds = _cleaned(value, secrets), 1
    while cleaned != value and rounds < _MOST_ROUNDS:
        value, cleaned, rounds = cleaned, _cleaned(cleaned, secrets), rounds + 1
    return cleaned


def _cleaned(value: str, secrets: frozenset[str]) -> str:
    given = _any_of(secrets)
    if given is not None:
        value = given.sub(MASK, value)
    for pattern in _PATTERNS:
        value = pattern.sub(rf"\g<name>{MASK}", value)
    return value


@lru_cache(maxsize=8)
def _any_of(secrets: frozenset[str]) -> re.Pattern[str] | None:
    """Match any of the secrets, the longest first; the mask matches as itself, lest it be torn apart."""
    long_enough = sorted((one for one in secrets if len(one) >= SHORTEST), key=lambda one: (-len(one), one))
    return re.compile("|".join(map(re.escape, (MASK, *long_enough)))) if long_enough else None


def values(tree: object, secrets: frozenset[str] = frozenset()) -> object:
    """Return JSON values in which every field with a secret's name is masked, and every text is cleaned."""
    if isinstance(tree, Mapping):
        return {
            (text(key, secrets) if isinstance(key, str) else key): MASK
            if isinstance(key, str) and SECRET_NAME.search(key) and isinstance(item, str) and item
            else values(item, secrets)
            for key, item in tree.items()
        }
    if isinstance(tree, list | tuple):
        return [values(item, secrets) for item in tree]
    return text(tree, secrets) if isinstance(tree, str) else tree
