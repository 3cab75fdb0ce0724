"""Which site is guarded."""

from __future__ import annotations

import pytest

from automation.systems.netlify.site_id import site_id_of

STATE = b'{"siteId": "1f-from-link", "geolocation": {}}'


@pytest.mark.parametrize(
    ("setting", "state", "expected"),
    [
        ("abc-1", STATE, "abc-1"),
        (" abc.netlify.app ", None, "abc.netlify.app"),
        (None, STATE, "1f-from-link"),
        ("", STATE, "1f-from-link"),
        ("  ", STATE, "1f-from-link"),
        (None, None, None),
        (None, b"{}", None),
        (None, b'{"siteId": ""}', None),
        (None, b"[]", None),
    ],
)
def test_the_setting_is_asked_first_and_then_the_linked_folder(
    setting: str | None, state: bytes | None, expected: str | None
) -> None:
    assert site_id_of(setting, state) == expected


@pytest.mark.parametrize(
    ("setting", "state", "said"),
    [
        ("a/b", None, "NETLIFY_SITE_ID: expected"),
        ("a\nb", None, "NETLIFY_SITE_ID: expected"),
        (None, b'{"siteId": 7}', "state.json: siteId: expected"),
        (None, b'{"siteId": "../x"}', "state.json: siteId: expected"),
        (None, b"{", "not JSON"),
        (None, b"[" * 100_000, "not JSON"),
        (None, b"\xff", "not JSON"),
    ],
)
def test_what_is_no_id_is_said_with_where_it_stands(
    setting: str | None, state: bytes | None, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        site_id_of(setting, state)
