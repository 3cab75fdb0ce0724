"""Keeping secrets out of what is written: by the name of the field, and inside addresses."""

from __future__ import annotations

import re
from collections.abc import Mapping

MASK = "[redacted]"

SECRET_NAME = re.compile(
    r"TOKEN|SECRET|PASSW|PASSPHRASE|KEY|CREDENTIAL|PRIVATE|COOKIE|AUTH(?!OR)", re.IGNORECASE
)
_URL_LOGIN = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)[^/\s:@]*:?[^/\s@]*@", re.IGNORECASE)
_QUERY_SECRET = re.compile(
    r"(?P<name>[?&][^=&\s]*(?:token|secret|key|password|signature|sig)[^=&\s]*=)[^&\s]+", re.IGNORECASE
)
_ASSIGNED = re.compile(
    r"(?P<name>\b[A-Za-z0-9_]*(?:TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|CREDENTIALS?)\b\s*[=:]\s*)(?P<value>[^\s,;]+)",
    re.IGNORECASE,
)
_BEARER = re.compile(r"(?P<name>\b(?:Bearer|Basic|token)\s+)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)


def text(value: str, secrets: frozenset[str] = frozenset()) -> str:
    """Return a text without URL logins, secret query values, `NAME_TOKEN=…` values and the given secrets."""
    for secret in secrets:
        if len(secret) >= 4:  # noqa: PLR2004  # a shorter one would tear innocent words apart
            value = value.replace(secret, MASK)
    value = _URL_LOGIN.sub(rf"\g<scheme>{MASK}@", value)
    value = _QUERY_SECRET.sub(rf"\g<name>{MASK}", value)
    value = _BEARER.sub(rf"\g<name>{MASK}", value)
    return _ASSIGNED.sub(rf"\g<name>{MASK}", value)


def values(tree: object, secrets: frozenset[str] = frozenset()) -> object:
    """Return JSON values in which every field with a secret's name is masked, and every text is cleaned."""
    if isinstance(tree, Mapping):
        return {
            key: MASK
            if isinstance(key, str) and SECRET_NAME.search(key) and isinstance(item, str) and item
            else values(item, secrets)
            for key, item in tree.items()
        }
    if isinstance(tree, list | tuple):
        return [values(item, secrets) for item in tree]
    return text(tree, secrets) if isinstance(tree, str) else tree
