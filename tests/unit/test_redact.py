"""Secrets in texts and fields: what must not be written is not, and what people need to read stays."""

from __future__ import annotations

import pytest

from automation.core import redact
from automation.core.redact import MASK


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("https://user:hunter22@host/path", f"https://{MASK}@host/path"),
        ("https://hunter22@host", f"https://{MASK}@host"),
        ("clone https://u:p@ss@host/a@b now", f"clone https://{MASK}@host/a@b now"),
        ("git+ssh://git:pw@host", f"git+ssh://{MASK}@host"),
        ("http://a:b@x http://c:d@y", f"http://{MASK}@x http://{MASK}@y"),
        ("GET /a?b=1&access_token=abc&c=2", f"GET /a?b=1&access_token={MASK}"),
        ("/x?X-Amz-Signature=abc&c=2", f"/x?X-Amz-Signature={MASK}&c=2"),
        ("GITHUB_TOKEN=ghp_abc, then", f"GITHUB_TOKEN={MASK}, then"),
        ("password: hunter22", f"password: {MASK}"),
        ('{"api_key": "two words", "a": 1}', f'{{"api_key": {MASK}, "a": 1}}'),
        ("PASSWORD='two words' x", f"PASSWORD={MASK} x"),
        ("AWS_SECRET_ACCESS_KEY=abc AWS_REGION=eu", f"AWS_SECRET_ACCESS_KEY={MASK} AWS_REGION=eu"),
        ("Authorization: Bearer abcdefgh", f"Authorization: Bearer {MASK}"),
        ("basic dXNlcjpwdw==", f"basic {MASK}"),
        ("token ghp_abcdef", f"token {MASK}"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, cleaned: str) -> None:
    assert redact.text(text) == cleaned


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing is wrong",
        "mail me@host.example, see https://host/path?page=2&sort=up",
        "NETLIFY_AUTH_TOKEN_FILE=/etc/netlify",
        "token: ",
        "the token is gone",
        "Bearer short",
        "http://127.0.0.1:8888/x",
    ],
)
def test_what_people_need_to_read_stays(text: str) -> None:
    assert redact.text(text) == text


def test_a_given_secret_is_masked_wherever_it_stands() -> None:
    assert redact.text("xhunter22y hunter22", frozenset({"hunter22"})) == f"x{MASK}y {MASK}"


def test_a_secret_inside_another_leaves_nothing_of_the_longer_one() -> None:
    secrets = frozenset({"abcd", "abcdefgh", "efgh-abcd"})

    assert redact.text("<abcdefgh> <efgh-abcd>", secrets) == f"<{MASK}> <{MASK}>"


@pytest.mark.parametrize(
    ("secret", "cleaned"), [("abc", "an abc"), ("abcd", "an abc"), ("an a", f"{MASK}bc")]
)
def test_a_secret_too_short_to_be_one_is_left(secret: str, cleaned: str) -> None:
    assert redact.text("an abc", frozenset({secret})) == cleaned


def test_a_secret_that_means_something_in_a_pattern_is_taken_as_it_is() -> None:
    assert redact.text("a.*b axxb", frozenset({"a.*b"})) == f"{MASK} axxb"


def test_the_mask_is_not_torn_apart_by_a_secret_that_is_part_of_it() -> None:
    assert redact.text(f"password={MASK} redacted", frozenset({"redacted"})) == f"password={MASK} {MASK}"


def test_a_secret_that_another_one_hid_is_found_too() -> None:
    assert redact.text("x://?sig=a/b&@host") == f"x://{MASK}@host"


@pytest.mark.parametrize("piece", ["a", "?token", "?sig&", "KEY", "TOKEN ", 'TOKEN="', "://", "Basic ", "a@"])
def test_a_text_without_an_end_to_its_words_is_cleaned_all_the_same(piece: str) -> None:
    text = piece * (100_000 // len(piece))

    assert isinstance(redact.text(text, frozenset({"hunter22"})), str)


def test_fields_with_the_name_of_a_secret_are_masked() -> None:
    fields = {
        "apiKey": "abc",
        "Authorization": "abc",
        "author": "ann",
        "authority": "x",
        "token_file": "x",
        "empty_token": "",
    }

    assert redact.values(fields) == {
        "apiKey": MASK,
        "Authorization": MASK,
        "author": "ann",
        "authority": "x",
        "token_file": MASK,
        "empty_token": "",
    }


def test_numbers_and_flags_stay_what_they_are() -> None:
    fields = {"tokens": 5, "key": None, "ok": True, "ratio": 0.5, 7: "x"}

    assert redact.values(fields) == fields


def test_texts_are_cleaned_at_any_depth_and_tuples_become_lists() -> None:
    tree = {"env": [{"HOME": "/hunter22", "A_TOKEN": "abc"}, ("https://u:p@h", 1)]}

    assert redact.values(tree, frozenset({"hunter22"})) == {
        "env": [{"HOME": f"/{MASK}", "A_TOKEN": MASK}, [f"https://{MASK}@h", 1]]
    }


def test_a_secret_used_as_a_key_is_masked_too() -> None:
    assert redact.values({"hunter22": 1}, frozenset({"hunter22"})) == {MASK: 1}
    assert redact.values({"hunter22-key": "x"}, frozenset({"hunter22"})) == {f"{MASK}-key": MASK}


@pytest.mark.parametrize(
    "name",
    ["GITHUB_TOKEN", "secret", "Passwd", "passphrase", "KEY", "credentials", "privateKey", "Cookie", "auth"],
)
def test_such_names_are_names_of_secrets(name: str) -> None:
    assert redact.SECRET_NAME.search(name)
