"""Settings: where each comes from, and the one line that refuses a wrong one."""

from __future__ import annotations

import json

import pytest

from automation.core import redact
from automation.core.errors import SettingsInvalid
from automation.core.settings import (
    Kind,
    Setting,
    Settings,
    SettingsFile,
    Unused,
    parse_duration_ms,
    parse_file,
    resolve,
)

WHERE = "automation/redundancy-config.json"
PERIOD = Setting(
    "check_interval",
    Kind.DURATION,
    30_000,
    "how often",
    env="PM2_CHECK_INTERVAL",
    key="pm2.checkInterval",
    also=("enhanced.pm2Manager.checkInterval", "enhanced.checkInterval"),
)
TRIES = Setting("tries", Kind.COUNT, 5, "how many", env="TRIES", key="pm2.tries", least=1, most=10)
BAND = Setting("band", Kind.RATIO, 0.8, "below which", env="BAND", key="monitoring.band")
RECOVERS = Setting("recovers", Kind.FLAG, True, "whether", env="RECOVERS", key="pm2.recovers")  # noqa: FBT003  # a default value
MODE = Setting("mode", Kind.CHOICE, "active", "what", env="MODE", choices=("active", "Observe"))
HOME = Setting("home", Kind.TEXT, "", "where", env="HOME_DIR", key="pm2.home")
APPS = Setting("apps", Kind.NAMES, (), "which", env="APPS", key="pm2.processes")
HOOK = Setting("hook", Kind.DURATION, 1, "whom", env="HOOK", key="notifications.hook", secret=True)
KNOWN = (PERIOD, TRIES, BAND, RECOVERS, MODE, HOME, APPS, HOOK)


def of_file(content: dict[str, object], ignored: tuple[str, ...] = ()) -> Settings:
    return resolve(KNOWN, {}, SettingsFile(WHERE, content), {}, Unused(dict.fromkeys(ignored, "why not")))


def of_environment(**environment: str) -> Settings:
    return resolve(KNOWN, environment, SettingsFile(WHERE), {})


def refusal(content: dict[str, object]) -> str:
    with pytest.raises(SettingsInvalid) as caught:
        of_file(content)
    return str(caught.value)


def test_what_nobody_set_has_its_default() -> None:
    settings = of_environment()

    assert settings.values == {one.name: one.default for one in KNOWN}
    assert set(settings.origins.values()) == {"default"}
    assert settings.warnings == ()


def test_a_flag_beats_the_environment_and_the_environment_the_file() -> None:
    file = SettingsFile(WHERE, {"pm2": {"checkInterval": 1000}})
    environment = {"PM2_CHECK_INTERVAL": "2s"}
    seen = [
        resolve(KNOWN, environment, file, {"check_interval": "3s"}),
        resolve(KNOWN, environment, file, {}),
        resolve(KNOWN, {}, file, {}),
        resolve(KNOWN, {}, SettingsFile(WHERE), {}),
    ]

    assert [one.seconds("check_interval") for one in seen] == [3.0, 2.0, 1.0, 30.0]
    assert [one.origins["check_interval"] for one in seen] == [
        "--check-interval",
        "PM2_CHECK_INTERVAL",
        f"{WHERE}: pm2.checkInterval",
        "default",
    ]


def test_an_empty_variable_counts_as_not_set() -> None:
    assert of_environment(PM2_CHECK_INTERVAL="").seconds("check_interval") == 30.0


def test_a_setting_without_a_variable_is_not_taken_from_one_without_a_name() -> None:
    unnamed = Setting("unnamed", Kind.TEXT, "", "what")

    assert resolve((unnamed,), {"": "x"}, SettingsFile(WHERE, {"": "y"}), {}).text("unnamed") == ""


def test_older_places_in_the_file_are_asked_in_their_order() -> None:
    older: dict[str, object] = {"enhanced": {"pm2Manager": {"checkInterval": 2000}, "checkInterval": 3000}}

    assert of_file(older).seconds("check_interval") == 2.0
    assert of_file({"enhanced": {"checkInterval": 3000}}).seconds("check_interval") == 3.0
    assert of_file(older | {"pm2": {"checkInterval": 1000}}).seconds("check_interval") == 1.0


@pytest.mark.parametrize(
    ("raw", "duration_ms"),
    [
        (1, 1),
        ("1", 1),
        (30_000, 30_000),
        ("500ms", 500),
        ("30s", 30_000),
        ("5m", 300_000),
        ("2h", 7_200_000),
        ("720h", 2_592_000_000),
        (2_592_000_000, 2_592_000_000),
        ("000000000000001", 1),
    ],
)
def test_a_duration_is_whole_milliseconds_or_says_its_unit(raw: object, duration_ms: int) -> None:
    assert parse_duration_ms(raw) == duration_ms


@pytest.mark.parametrize(
    "raw",
    [
        0,
        "0",
        "0s",
        -1,
        1.5,
        "1.5s",
        "30 sec",
        "s",
        "",
        "5d",
        " 5s",
        "5s\n",
        True,
        None,
        [],
        "721h",
        2_592_000_001,
        "9" * 16,
        "0000000000000001",
    ],
)
def test_what_is_no_duration_is_none(raw: object) -> None:
    assert parse_duration_ms(raw) is None


@pytest.mark.parametrize(("raw", "count"), [(1, 1), (10, 10), ("7", 7), ("07", 7)])
def test_a_count_may_be_text(raw: object, count: int) -> None:
    assert of_file({"pm2": {"tries": raw}}).count("tries") == count


@pytest.mark.parametrize("raw", [0, 11, -1, 1.0, "x", "", True, None, [1], "9" * 16, {"a": 1}])
def test_a_wrong_count_is_refused(raw: object) -> None:
    assert refusal({"pm2": {"tries": raw}}) == (
        f"{WHERE}: pm2.tries: expected a whole number from 1 to 10, got {json.dumps(raw)}"
    )


@pytest.mark.parametrize(("raw", "ratio"), [(0, 0.0), (1, 1.0), (0.5, 0.5), ("0.25", 0.25)])
def test_a_ratio_lies_between_nothing_and_one(raw: object, ratio: float) -> None:
    assert of_file({"monitoring": {"band": raw}}).ratio("band") == ratio


@pytest.mark.parametrize("raw", [-0.01, 100.5, "half", True, None, float("nan"), [0.5], 10**400])
def test_a_wrong_ratio_is_refused(raw: object) -> None:
    assert refusal({"monitoring": {"band": raw}}) == (
        f"{WHERE}: monitoring.band: expected a number from 0 to 1, got {json.dumps(raw)[:80]}"
    )


@pytest.mark.parametrize(("raw", "meant"), [(50, "0.5"), ("80", "0.8"), (100, "1"), (1.5, "0.015")])
def test_a_percentage_is_refused_with_what_was_meant(raw: object, meant: str) -> None:
    assert refusal({"monitoring": {"band": raw}}).endswith(f"got {json.dumps(raw)} (did you mean {meant}?)")


@pytest.mark.parametrize(
    ("raw", "flag"),
    [
        (True, True),
        (False, False),
        ("true", True),
        ("1", True),
        ("YES", True),
        ("on", True),
        ("false", False),
        ("0", False),
        ("No", False),
        ("off", False),
    ],
)
def test_a_flag_may_be_said_in_several_words(raw: object, flag: object) -> None:
    assert of_file({"pm2": {"recovers": raw}}).flag("recovers") is flag


@pytest.mark.parametrize("raw", [1, 0, "", "maybe", None, []])
def test_a_wrong_flag_is_refused(raw: object) -> None:
    assert "pm2.recovers: expected true or false, got " in refusal({"pm2": {"recovers": raw}})


def test_a_choice_is_taken_in_any_case_and_kept_in_its_own() -> None:
    assert of_environment(MODE="ACTIVE").text("mode") == "active"
    assert of_environment(MODE="observe").text("mode") == "Observe"


def test_a_wrong_choice_names_them_all() -> None:
    with pytest.raises(SettingsInvalid, match=r'^MODE: expected one of active, Observe, got "off"$'):
        of_environment(MODE="off")
    with pytest.raises(SettingsInvalid, match=r"got 5$"):
        resolve(
            (Setting("m", Kind.CHOICE, "a", "", key="m", choices=("a",)),),
            {},
            SettingsFile("f", {"m": 5}),
            {},
        )


def test_names_are_a_list_or_a_text_with_commas() -> None:
    assert of_file({"pm2": {"processes": ["web", "api"]}}).names("apps") == ("web", "api")
    assert of_environment(APPS=" web, ,api,").names("apps") == ("web", "api")
    assert of_file({"pm2": {"processes": []}}).names("apps") == ()


@pytest.mark.parametrize("raw", [["web", 1], ["web", ""], {"web": {}}, 5])
def test_wrong_names_are_refused(raw: object) -> None:
    assert "pm2.processes: expected a list of names, got " in refusal({"pm2": {"processes": raw}})


def test_a_text_is_taken_as_it_is_and_a_number_is_no_text() -> None:
    assert of_file({"pm2": {"home": " /srv "}}).text("home") == " /srv "
    assert refusal({"pm2": {"home": 5}}) == f"{WHERE}: pm2.home: expected text, got 5"


def test_a_wrong_duration_is_refused_in_one_line_that_says_where() -> None:
    assert refusal({"pm2": {"checkInterval": "30 sec"}}) == (
        f'{WHERE}: pm2.checkInterval: expected milliseconds > 0, got "30 sec"'
    )


def test_an_object_where_a_value_belongs_is_a_wrong_type_and_no_unknown_key() -> None:
    assert refusal({"pm2": {"checkInterval": {"seconds": 30}}}).endswith('got {"seconds": 30}')
    assert refusal({"pm2": {"checkInterval": {}}}).endswith("got {}")


def test_what_was_given_for_a_secret_is_not_shown() -> None:
    assert refusal({"notifications": {"hook": "hunter22"}}).endswith("got another value")


def test_what_was_given_is_cut_and_kept_on_one_line() -> None:
    assert len(refusal({"pm2": {"tries": "x" * 1000}})) < 200
    assert refusal({"pm2": {"tries": "a\u2028b\x85\ud800"}}).endswith(r'got "a\u2028b\x85\ud800"')


def test_a_value_nested_too_deeply_to_show_is_refused_all_the_same() -> None:
    deep: object = 1
    for _ in range(100_000):
        deep = [deep]

    assert refusal({"pm2": {"tries": deep}}).endswith("got a value nested too deeply")


@pytest.mark.parametrize(
    "name", ["githubToken", "secret", "password", "pass", "credentials", "apiKey", "api_key"]
)
def test_a_secret_in_the_file_is_refused_with_the_way_out(name: str) -> None:
    line = refusal({"pm2": {name: "hunter22"}})

    assert line == (
        f"{WHERE}: no secret is read from this file: remove 'pm2.{name}', "
        "and use the environment or a *_TOKEN_FILE"
    )
    assert redact.text(line) == line


def test_only_the_last_word_of_a_key_makes_it_a_secret_and_an_empty_one_is_none() -> None:
    settings = of_file({"pm2": {"tokens": {"count": "5"}, "secret": "", "token": 5, "bypass": "x"}})

    assert len(settings.warnings) == 4


def test_an_unknown_key_warns_with_the_nearest_known_one() -> None:
    assert of_file({"pm2": {"chekInterval": 5}}).warnings == (
        f"{WHERE}: pm2.chekInterval: unknown key; did you mean pm2.checkInterval?",
    )


def test_a_known_key_warns_of_nothing() -> None:
    assert of_file({"pm2": {"tries": 5, "processes": ["web"]}, "monitoring": {"band": 1}}).warnings == ()


def test_an_unknown_key_that_holds_nothing_warns_too() -> None:
    assert of_file({"pm2": {"zzz": {}}}).warnings == (f"{WHERE}: pm2.zzz: unknown key",)


def test_an_unknown_key_like_no_other_warns_alone() -> None:
    assert of_file({"pm2": {"zzz": 5}}).warnings == (f"{WHERE}: pm2.zzz: unknown key",)


def test_an_unknown_section_warns_only_where_it_looks_misspelt() -> None:
    assert of_file({"monitorin": {"x": 5}}).warnings == (
        f"{WHERE}: monitorin.x: unknown key; did you mean monitoring?",
    )
    assert of_file({"netlify": {"checkInterval": "30 sec"}}).warnings == ()


def test_a_key_without_effect_is_accepted_with_all_that_is_below_it() -> None:
    content: dict[str, object] = {"pm2": {"autoRestart": True, "old": {"a": 1, "b": 2}, "older": 1}}

    assert of_file(content, ("pm2.autoRestart", "pm2.old")).warnings == (f"{WHERE}: pm2.older: unknown key",)


def test_a_file_full_of_unknown_keys_warns_of_the_first_ones() -> None:
    warnings = of_file({"pm2": {f"zzz{number}": 1 for number in range(100_000)}}).warnings

    assert len(warnings) == 20
    assert warnings[0] == f"{WHERE}: pm2.zzz0: unknown key"


def test_an_unknown_key_cannot_break_the_line() -> None:
    (warning,) = of_file({"pm2": {"a\nb\x1b[2J": 1}}).warnings

    assert warning == f"{WHERE}: pm2.a\\nb\\x1b[2J: unknown key"


def test_a_file_may_be_nested_ten_deep_and_no_deeper_matters() -> None:
    content: dict[str, object] = {"x": 1}
    for _ in range(2000):
        content = {"pm2": content}

    (warning,) = of_file(content).warnings
    assert warning == f"{WHERE}: {'.'.join(['pm2'] * 11)}: unknown key"


def test_a_file_is_a_json_object() -> None:
    assert parse_file('{"pm2": {}}', WHERE) == SettingsFile(WHERE, {"pm2": {}})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", ":1:1: not JSON: Expecting value"),
        ('{\n"a": }', ":2:6: not JSON: Expecting value"),
        ("[1]", ": expected a JSON object, got [1]"),
        ("[" * 100_000, ": nested too deeply to be a settings file"),
        ('{"a": ' + "9" * 5000 + "}", ": a number with too many digits"),
    ],
)
def test_what_is_no_json_object_is_refused_in_one_line(text: str, problem: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        parse_file(text, WHERE)

    assert str(caught.value) == f"{WHERE}{problem}"


# --- what has no effect ---

UNUSED = Unused({"pm2.old": "it went"}, ("git",), {"notifications.providers": "not built"})


def of_old_file(content: dict[str, object]) -> Settings:
    return resolve(KNOWN, {}, SettingsFile(WHERE, content), {}, UNUSED)


def test_who_asks_is_told_why_a_key_has_no_effect_and_others_are_not() -> None:
    settings = of_old_file({"pm2": {"old": {"a": 1}}})

    assert settings.warnings == ()
    assert settings.without_effect == (f"{WHERE}: pm2.old: no effect here: it went",)
    assert of_old_file({}).without_effect == ()


def test_a_key_that_is_a_setting_here_is_not_without_effect() -> None:
    known = (Setting("old", Kind.COUNT, 1, "how many", key="pm2.old"),)

    assert resolve(known, {}, SettingsFile(WHERE, {"pm2": {"old": 5}}), {}, UNUSED).without_effect == ()


def test_a_section_that_nothing_uses_is_said_whatever_it_holds() -> None:
    contents: tuple[object, ...] = ({}, None, {"enabled": False})
    for content in contents:
        assert of_old_file({"git": content}).warnings == (f"{WHERE}: git: ignored: nothing here uses it",)


@pytest.mark.parametrize(
    ("providers", "said"),
    [
        ({"slack": {"enabled": True}}, True),
        ({"slack": {"webhook": "x"}}, True),
        ({"slack": {"enabled": "yes"}}, True),
        ([1], True),
        ({"slack": {"enabled": False, "webhook": "x"}}, False),
        ({"enabled": False, "slack": {"enabled": True}}, False),
        ({"slack": {"enabled": True, "deep": {"enabled": False}}}, True),
        ({"slack": {}, "mail": {"to": [], "port": 0}}, False),
        (None, False),
    ],
)
def test_what_is_not_built_is_said_only_where_it_is_switched_on(providers: object, said: bool) -> None:  # noqa: FBT001  # a parameter of the test
    warnings = of_old_file({"notifications": {"providers": providers}}).warnings

    assert warnings == ((f"{WHERE}: notifications.providers: ignored: not built",) if said else ())


def test_what_is_switched_on_too_deeply_is_not_looked_for() -> None:
    deep: object = True
    for _ in range(5000):
        deep = {"x": deep}

    assert of_old_file({"notifications": {"providers": deep}}).warnings == ()


def test_a_value_where_an_object_belongs_is_refused() -> None:
    assert refusal({"pm2": 5}) == f"{WHERE}: pm2: expected an object, got 5"
    assert refusal({"enhanced": {"pm2Manager": []}}) == (
        f"{WHERE}: enhanced.pm2Manager: expected an object, got []"
    )


def test_a_duration_beyond_a_month_is_told_so_and_none_at_all_is_not() -> None:
    assert refusal({"pm2": {"checkInterval": "721h"}}).endswith(
        'expected milliseconds > 0 and at most 2592000000 (30 days), got "721h"'
    )
    refused: tuple[object, ...] = (0, "0", "00s", "5 m", None)
    for none in refused:
        assert ": expected milliseconds > 0, got " in refusal({"pm2": {"checkInterval": none}})


# --- further kinds ---


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        (Kind.NUMBER, 0.001, 0.001),
        (Kind.NUMBER, "2.5", 2.5),
        (Kind.NUMBER, 10, 10.0),
        (Kind.ADDRESS, "https://example.com", "https://example.com"),
        (Kind.ADDRESS, "http://[::1]:80/a?b=c#d", "http://[::1]:80/a?b=c#d"),
        (Kind.ADDRESS, "http://h/a@b", "http://h/a@b"),
        (Kind.SOCKET, 1, "1"),
        (Kind.SOCKET, 65_535, "65535"),
        (Kind.SOCKET, "localhost:8080", "localhost:8080"),
        (Kind.SOCKET, "[::1]:443", "[::1]:443"),
        (Kind.PATH, "a b/c", "a b/c"),
    ],
)
def test_each_kind_takes_what_it_is(kind: Kind, raw: object, value: object) -> None:
    known = (Setting("x", kind, "", "what", key="x", most=10),)

    assert resolve(known, {}, SettingsFile(WHERE, {"x": raw}), {}).values["x"] == value


NO_NUMBERS: tuple[object, ...] = (0, -1, 10.5, "x", True, None, float("nan"), float("inf"), [1])
NO_PATHS: tuple[object, ...] = ("", " ", "a\0b", 5, None, [])
REFUSED: list[tuple[Kind, object]] = [
    *((Kind.NUMBER, raw) for raw in NO_NUMBERS),
    *(
        (Kind.ADDRESS, raw)
        for raw in ("", "example.com", "ftp://x", "http://", "http://u@h/", "http://a b", 5)
    ),
    *(
        (Kind.SOCKET, raw)
        for raw in (0, 65_536, -1, "", "h:", ":80", "a:b:80", "h:0", "h:080", True, None, 1.5)
    ),
    *((Kind.PATH, raw) for raw in NO_PATHS),
]


@pytest.mark.parametrize(("kind", "raw"), REFUSED)
def test_each_kind_refuses_what_it_is_not(kind: Kind, raw: object) -> None:
    known = (Setting("x", kind, "", "what", key="x", most=10),)

    with pytest.raises(SettingsInvalid, match=r": x: expected "):
        resolve(known, {}, SettingsFile(WHERE, {"x": raw}), {})


WITHIN = Setting("within", Kind.SPAN, 0, "how long", key="backups.within")


@pytest.mark.parametrize(
    ("raw", "milliseconds"),
    [
        (0, 0),
        ("0", 0),
        ("45s", 45_000),
        ("30m", 1_800_000),
        ("2h", 7_200_000),
        ("7d", 604_800_000),
        ("36500d", 3_153_600_000_000),
    ],
)
def test_a_span_may_be_long_and_zero_is_none(raw: object, milliseconds: int) -> None:
    settings = resolve((WITHIN,), {}, SettingsFile(WHERE, {"backups": {"within": raw}}), {})

    assert settings.seconds("within") == milliseconds / 1000


@pytest.mark.parametrize("raw", [7, "7", "7w", "0d", "-1d", "36501d", "1d 2h", "1D", True, None, ["7d"], "d"])
def test_a_span_without_a_unit_or_beyond_a_century_is_refused(raw: object) -> None:
    with pytest.raises(SettingsInvalid, match="expected 0, or a number with s, m, h or d"):
        resolve((WITHIN,), {}, SettingsFile(WHERE, {"backups": {"within": raw}}), {})
