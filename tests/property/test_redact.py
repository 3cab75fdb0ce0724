"""Laws of redaction: no given secret survives, and what was cleaned once stays as it is."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from automation.core import redact

LAW = settings(deadline=None, max_examples=300)

PIECES = (
    *(
        "https://",
        "user:pw",
        "@",
        "host",
        "/",
        "?",
        "&",
        "=",
        ":",
        " ",
        "\n",
        ",",
        '"',
        "'",
        redact.MASK,
        "[",
        "]",
    ),
    *(
        "token",
        "TOKEN",
        "A_KEY",
        "_FILE",
        "sig",
        "password",
        "Bearer ",
        "basic ",
        "abcdefgh",
        "redacted",
        "api_key",
    ),
)
texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=6), max_size=20).map("".join)
# Brackets are the mask's own: a secret that holds them could match across the edge of a mask.
secret_texts = st.text(st.characters(exclude_characters="[]"), min_size=redact.SHORTEST, max_size=12).filter(
    lambda secret: secret not in redact.MASK
)
secret_sets = st.frozensets(
    secret_texts | st.sampled_from(["abcd", "abcdefgh", "efgh", "user:pw"]), max_size=4
)


@LAW
@given(texts, secret_sets)
def test_what_was_cleaned_stays_as_it_is(text: str, secrets: frozenset[str]) -> None:
    once = redact.text(text, secrets)

    assert redact.text(once, secrets) == once


@LAW
@given(st.lists(texts, min_size=1, max_size=4), secret_sets)
def test_no_given_secret_survives(parts: list[str], secrets: frozenset[str]) -> None:
    text = "".join(part + secret for part in parts for secret in sorted(secrets))
    cleaned = redact.text(text, secrets)

    assert not [secret for secret in secrets if secret in cleaned]


trees = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)


@LAW
@given(trees, secret_sets)
def test_no_given_secret_survives_in_any_field(tree: object, secrets: frozenset[str]) -> None:
    planted = {"here": [tree, *sorted(secrets)], **dict.fromkeys(secrets, "x")}

    cleaned = redact.values(planted, secrets)

    def leaves(value: object) -> list[str]:
        if isinstance(value, dict):
            return [text for pair in value.items() for one in pair for text in leaves(one)]
        if isinstance(value, list):
            return [text for one in value for text in leaves(one)]
        return [value] if isinstance(value, str) else []

    assert not [secret for secret in secrets for text in leaves(cleaned) if secret in text]
    assert redact.values(cleaned, secrets) == cleaned


@LAW
@given(trees)
def test_json_stays_json_of_the_same_shape(tree: object) -> None:
    cleaned = redact.values(tree)

    assert type(cleaned) is type(tree)
    assert json.loads(json.dumps(cleaned)) == cleaned
