"""How Netlify may be asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from automation.core.errors import SettingsInvalid
from automation.core.settings import Settings, SettingsFile, parse_file
from automation.engine.context import effective
from automation.systems.netlify import SYSTEM
from automation.systems.netlify.access import NO_SITE, NO_TOKEN, Access, access_of, refuse_wrong_settings

SITE = "1f0a-22"
WORD = "opens-nothing"
FILE = "NETLIFY_AUTH_TOKEN_FILE"


def settings(text: str = "{}", **environment: str) -> Settings:
    return effective(SYSTEM, environment, parse_file(text, "file"))


def private_file(tmp_path: Path, text: str) -> str:
    path = tmp_path / "token"
    path.write_text(text, "utf-8")
    path.chmod(0o600)
    return str(path)


def test_without_a_token_nobody_asks_and_that_is_no_fault(tmp_path: Path) -> None:
    assert access_of(settings(NETLIFY_SITE_ID=SITE), tmp_path) == Access(note=NO_TOKEN)


def test_without_a_site_nobody_asks_and_that_is_no_fault(tmp_path: Path) -> None:
    assert access_of(settings(NETLIFY_AUTH_TOKEN=WORD), tmp_path) == Access(note=NO_SITE)


def test_token_site_and_address_are_what_is_needed(tmp_path: Path) -> None:
    given = settings(
        NETLIFY_AUTH_TOKEN=f" {WORD}\n", NETLIFY_SITE_ID=SITE, NETLIFY_API_URL="https://example.com"
    )

    assert access_of(given, tmp_path) == Access(SITE, WORD, "https://example.com")


def test_a_token_file_is_taken_relative_to_the_workspace(tmp_path: Path) -> None:
    private_file(tmp_path, f"{WORD}\n")

    found = access_of(settings(**{FILE: "token"}, NETLIFY_SITE_ID=SITE), tmp_path)

    assert found.token == WORD


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "the file is empty"), ("two words", "must hold one token"), ("é" * 9, "must hold one")],
)
def test_a_token_file_that_holds_no_token_is_trouble(tmp_path: Path, text: str, said: str) -> None:
    found = access_of(settings(NETLIFY_AUTH_TOKEN_FILE=private_file(tmp_path, text)), tmp_path)

    assert said in found.trouble
    assert not text or text not in found.trouble


def test_a_token_file_that_is_not_there_or_too_large_is_trouble(tmp_path: Path) -> None:
    missing = access_of(settings(**{FILE: "nowhere"}), tmp_path)
    large = access_of(settings(NETLIFY_AUTH_TOKEN_FILE=private_file(tmp_path, "x" * 5000)), tmp_path)

    assert "No such file" in missing.trouble
    assert "larger than" in large.trouble


def test_a_damaged_link_to_a_site_is_trouble(tmp_path: Path) -> None:
    (tmp_path / ".netlify").mkdir()
    (tmp_path / ".netlify" / "state.json").write_text("{", "utf-8")

    assert "not JSON" in access_of(settings(NETLIFY_AUTH_TOKEN=WORD), tmp_path).trouble


def test_a_wrong_site_is_refused_with_the_place_where_it_stands() -> None:
    with pytest.raises(SettingsInvalid, match=r"file: netlify\.siteId: expected the id"):
        refuse_wrong_settings(settings('{"netlify": {"siteId": "no site"}}'))


def test_no_token_is_read_from_the_settings_file() -> None:
    with pytest.raises(SettingsInvalid, match="no secret is read from this file"):
        settings('{"netlify": {"authToken": "secret"}}')


def test_right_settings_pass() -> None:
    refuse_wrong_settings(effective(SYSTEM, {}, SettingsFile("file")))
