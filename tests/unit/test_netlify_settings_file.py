"""What netlify.toml says, and where the functions lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from automation.core.errors import EffectFailed
from automation.systems.netlify.settings_file import (
    SIZE_CAP_BYTES,
    Damaged,
    Folder,
    Settings,
    functions_folder,
    parse,
    read_functions_folder,
    read_settings,
    schedule_of,
)


def parsed(text: str) -> Settings:
    settings = parse(text.encode())
    assert isinstance(settings, Settings), settings
    return settings


def damage(data: bytes) -> Damaged:
    damaged = parse(data)
    assert isinstance(damaged, Damaged), damaged
    return damaged


NEW = "netlify/functions"
OLD = "netlify-automatic-functions"


@pytest.mark.parametrize(
    ("text", "existing", "path", "origin"),
    [
        ('[functions]\ndirectory = "api"', (), "api", "config"),
        ('[functions]\ndirectory = "/api/"', (), "api", "config"),
        ('[functions]\ndirectory = "api"\n[build]\nfunctions = "old"', (), "api", "config"),
        ('[build]\nfunctions = "old"', (NEW,), "old", "config-v1"),
        ('[functions."*"]\ndirectory = "star"\n[functions]\ndirectory = "plain"', (), "star", "config"),
        ('[functions]\ndirectory = "a"\n[context.production]\nfunctions = "x"', (), "a", "config"),
        ('[build]\nfunctions = "a"\n[context.production]\nfunctions = "x"', (), "x", "config-v1"),
        ('[build]\nfunctions = "a"\n[context.production.build]\nfunctions = "x"', (), "x", "config-v1"),
        ('[functions]\ndirectory = "a"\n[context.production.functions]\ndirectory = "x"', (), "x", "config"),
        ('[build]\nfunctions = "a"\n[context.production.functions]\ndirectory = "x"', (), "x", "config"),
        ('[functions]\ndirectory = "a"\n[context.staging.functions]\ndirectory = "x"', (), "a", "config"),
        ('[functions]\ndirectory = ""', (NEW,), NEW, "default"),
        ('[functions]\ndirectory = ""\n[build]\nfunctions = "v"', (NEW,), NEW, "default"),
        ('[functions.directory]\nschedule = "@daily"', (NEW,), NEW, "default"),
        ("", (OLD,), OLD, "default-v1"),
        ("", (OLD, NEW), NEW, "default"),
        ('[build]\nbase = "pkg"', (NEW, f"pkg/{NEW}"), f"pkg/{NEW}", "default"),
        ('[build]\nbase = "/pkg"\n[functions]\ndirectory = "/fn"', (), "pkg/fn", "config"),
        ('[build]\nbase = "pkg"\n[functions]\ndirectory = "../fn"', (), "fn", "config"),
        ('[build]\nbase = "pkg"\n[context.production]\nbase = "q"', (f"q/{NEW}",), f"q/{NEW}", "default"),
        ('[functions]\ndirectory = " a "', (), " a ", "config"),
    ],
)  # fmt: skip
def test_the_functions_lie_where_netlify_finds_them(
    text: str, existing: tuple[str, ...], path: str, origin: str
) -> None:
    assert functions_folder(parsed(text), frozenset(existing)) == Folder(path, origin)


def test_a_site_without_a_word_and_without_a_default_folder_has_no_functions() -> None:
    assert functions_folder(parsed(""), frozenset()) is None


def test_the_file_outdoes_the_settings_of_the_site_and_these_outdo_the_default() -> None:
    existing = frozenset({"netlify/functions"})

    assert functions_folder(parsed('[functions]\ndirectory = "a"'), existing, "ui") == Folder("a", "config")
    assert functions_folder(parsed(""), existing, "/ui/") == Folder("ui", "ui")
    assert functions_folder(parsed(""), existing, "") == Folder("netlify/functions", "default")
    assert isinstance(functions_folder(parsed(""), existing, "../elsewhere"), Damaged)


@pytest.mark.parametrize(
    ("text", "publish"),
    [
        ("", "."),
        ('[build]\npublish = "dist"', "dist"),
        ('[build]\npublish = "dist"\n[context.production]\npublish = "out"', "out"),
        ('[build]\nbase = "pkg"\npublish = "dist"', "pkg/dist"),
        ('[build]\nbase = "pkg"', "pkg"),
    ],
)
def test_what_is_published_lies_where_netlify_finds_it(text: str, publish: str) -> None:
    assert parsed(text).publish == publish


@pytest.mark.parametrize(
    ("data", "place", "reason"),
    [
        (b'[build]\npublish = "dist\n', "netlify.toml:2:", "Illegal character"),
        (b"[build\n", "netlify.toml:1:7", "Expected"),
        (b'a = 1\nb = """open', "netlify.toml:2:12", "at the end of the file"),
        (b"[build]\n[functions]\ndirectory = 3\n", "netlify.toml:3:1", "functions.directory must be text"),
        (b'[functions]\ndirectory = "../../x"\n', "netlify.toml:2:1", "must lie inside the repository"),
        (b'x = 1\nbuild = "x"\n', "netlify.toml:2:1", "build must be a table"),
        (b'functions = "x"\n', "netlify.toml:1:1", "functions must be a table"),
        (b"[build]\npublish = [1]\n", "netlify.toml:2:1", "build.publish must be text"),
        (b"[context]\nproduction = 1\n", "netlify.toml:2:1", "context.production must be a table"),
        (b'[build]\npublish = "a\\u0000b"\n', "netlify.toml:2:1", "must lie inside"),
        (b"[build]\n# \xff\n", "netlify.toml:2:3", "not UTF-8"),
        (b"#" * (SIZE_CAP_BYTES + 1), "netlify.toml:1:1", "larger than"),
        (b"a = " + b"[" * 5000, "netlify.toml:1:1", "nested too deep"),
        (b'build."base" = 5\n', "netlify.toml:1:1", "build.base must be text"),
        (b"[context]\nproduction.build = 5\n", "netlify.toml:2:1", "context.production.build must be"),
    ],
)  # fmt: skip
def test_damage_is_said_with_its_place_and_reason(data: bytes, place: str, reason: str) -> None:
    said = str(damage(data))

    assert said.startswith(place)
    assert reason in said
    assert "\n" not in said


def test_an_empty_file_says_nothing() -> None:
    assert parse(b"") == Settings(file="netlify.toml")


def test_a_key_that_cannot_be_found_in_the_text_is_placed_at_the_beginning() -> None:
    assert damage(b'"b\\u0075ild" = 1\n').line == 1


def test_the_most_special_pattern_gives_the_schedule() -> None:
    settings = parsed(
        '[functions]\nschedule = "@daily"\n[functions."send-*"]\nschedule = "@hourly"\n'
        '[functions.send-mail]\nschedule = "5 * * * *"\n[functions.quiet]\nmemory = 1024\n'
        '[context.production.functions."send-*"]\nschedule = "@weekly"\n'
    )

    literal = '[functions."a*"]\nschedule = "@daily"\n[functions.a]\nschedule = "@hourly"\n'
    assert schedule_of(parsed(literal), "a") == "@hourly"
    assert schedule_of(settings, "send-mail") == "5 * * * *"
    assert schedule_of(settings, "send-letter") == "@weekly"
    assert schedule_of(settings, "quiet") == "@daily"
    assert schedule_of(parsed(""), "quiet") is None


def test_the_file_in_the_base_folder_is_used_instead(tmp_path: Path) -> None:
    (tmp_path / "pkg" / "netlify" / "functions").mkdir(parents=True)
    (tmp_path / "netlify.toml").write_text('[build]\nbase = "pkg"\npublish = "outer"\n')
    (tmp_path / "pkg" / "netlify.toml").write_text('[build]\nbase = "ignored"\npublish = "inner"\n')

    settings = read_settings(tmp_path)

    assert settings == Settings("pkg/netlify.toml", "pkg", "pkg/inner")
    assert isinstance(settings, Settings)
    assert read_functions_folder(tmp_path, settings) == Folder("pkg/netlify/functions", "default")


def test_without_an_inner_file_the_outer_one_stands(tmp_path: Path) -> None:
    (tmp_path / "netlify.toml").write_text('[build]\nbase = "pkg"\n')

    assert read_settings(tmp_path) == Settings("netlify.toml", "pkg", "pkg")


def test_no_file_is_an_empty_one_that_has_no_name(tmp_path: Path) -> None:
    assert read_settings(tmp_path) == Settings()


def test_a_damaged_inner_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "netlify.toml").write_text('[build]\nbase = "pkg"\n')
    (tmp_path / "pkg" / "netlify.toml").write_text("[")

    assert str(read_settings(tmp_path)).startswith("pkg/netlify.toml:1:2: ")


def test_a_huge_file_is_damage_and_is_not_read_whole(tmp_path: Path) -> None:
    with (tmp_path / "netlify.toml").open("wb") as file:
        file.truncate(1 << 40)

    assert "larger than" in str(read_settings(tmp_path))


def test_a_file_that_cannot_be_read_is_no_answer(tmp_path: Path) -> None:
    (tmp_path / "netlify.toml").mkdir()

    with pytest.raises(EffectFailed, match="cannot read"):
        read_settings(tmp_path)
