"""Laws of settings: whatever stands in the file or the environment, it is taken or refused in one line."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from automation.core.errors import SettingsInvalid
from automation.core.settings import (
    Kind,
    Setting,
    Settings,
    SettingsFile,
    Value,
    parse_duration_ms,
    parse_file,
    resolve,
)

LAW = settings(deadline=None)
DEFAULTS: dict[Kind, Value] = {
    Kind.DURATION: 1000,
    Kind.COUNT: 5,
    Kind.RATIO: 0.5,
    Kind.FLAG: True,
    Kind.CHOICE: "a",
    Kind.TEXT: "",
    Kind.NAMES: (),
}
KNOWN = tuple(
    Setting(
        kind.name.lower(),
        kind,
        default,
        "a setting",
        env=kind.name,
        key=f"pm2.{kind.name.lower()}",
        also=(kind.name.lower(),),
        choices=("a", "b"),
        least=1,
        most=10,
    )
    for kind, default in DEFAULTS.items()
)
texts = st.text(
    st.characters() | st.characters(categories=["Cs"]) | st.sampled_from("\n\r\x85\u2028\x1b"), max_size=8
)
likely = st.sampled_from(
    ["30s", "5m", "0.5", "50", "true", "a", "x,y", "token", "pm2", *(one.name for one in KNOWN)]
)
numbers = st.integers() | st.floats() | st.just(10**400) | st.just(-(10**4000))
json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts | likely,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts | likely, inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(texts | likely, json_values, max_size=4) | st.fixed_dictionaries(
    {"pm2": st.dictionaries(texts | likely, json_values, max_size=4)}
)


def assert_one_line(error: SettingsInvalid, beginning: str = "") -> None:
    assert len(str(error).splitlines()) == 1
    assert str(error).startswith(beginning)
    assert len(str(error)) < 1000


def sound(resolved: Settings) -> bool:
    """Tell whether every value is of its kind, and each can be asked for."""
    return (
        resolved.seconds("duration") > 0
        and 1 <= resolved.count("count") <= 10
        and 0.0 <= resolved.ratio("ratio") <= 1.0
        and resolved.flag("flag") in {True, False}
        and resolved.text("choice") in {"a", "b"}
        and isinstance(resolved.text("text"), str)
        and all(resolved.names("names"))
    )


@LAW
@given(st.text() | json_values.map(lambda value: json.dumps(value, default=str)))
def test_whatever_the_file_holds_it_is_taken_or_refused_in_one_line(text: str) -> None:
    try:
        file = parse_file(text, "settings.json")
    except SettingsInvalid as error:
        assert_one_line(error, "settings.json:")
    else:
        assert file == SettingsFile("settings.json", json.loads(text)) or "NaN" in text


@LAW
@given(objects)
def test_whatever_the_settings_are_they_are_sound_or_refused_in_one_line(content: dict[str, object]) -> None:
    try:
        resolved = resolve(KNOWN, {}, SettingsFile("settings.json", content), {})
    except SettingsInvalid as error:
        assert_one_line(error, "settings.json: ")
    else:
        assert sound(resolved)
        assert all(len(warning.splitlines()) == 1 for warning in resolved.warnings)
        assert all(warning.isprintable() for warning in resolved.warnings)


@LAW
@given(st.dictionaries(st.sampled_from([one.env for one in KNOWN]), st.text() | likely))
def test_whatever_the_environment_is_it_is_sound_or_refused_in_one_line(environment: dict[str, str]) -> None:
    try:
        resolved = resolve(KNOWN, environment, SettingsFile("settings.json"), {})
    except SettingsInvalid as error:
        assert_one_line(error)
        where = str(error).partition(":")[0]
    else:
        where = ""
        assert sound(resolved)
    assert not where or where in environment


@LAW
@given(st.sampled_from(KNOWN), st.frozensets(st.sampled_from(["flags", "environment", "file"])))
def test_the_nearest_origin_that_is_there_wins(setting: Setting, places: frozenset[str]) -> None:
    raw = {Kind.DURATION: "7s", Kind.COUNT: "7", Kind.RATIO: "0.7", Kind.FLAG: "no", Kind.CHOICE: "b"}
    value = raw.get(setting.kind, "x")
    resolved = resolve(
        KNOWN,
        {setting.env: value} if "environment" in places else {},
        SettingsFile("f", {"pm2": {setting.name: value}} if "file" in places else {}),
        {setting.name: value} if "flags" in places else {},
    )
    origins = {
        "flags": f"--{setting.name}",
        "environment": setting.env,
        "file": f"f: {setting.key}",
    }
    wanted = next((origin for place, origin in origins.items() if place in places), "default")

    assert resolved.origins[setting.name] == wanted
    assert (resolved.values[setting.name] == setting.default) == (wanted == "default")
    assert {origin for name, origin in resolved.origins.items() if name != setting.name} == {"default"}


@LAW
@given(
    st.integers(1, 10**6), st.sampled_from([("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("", 1)])
)
def test_a_duration_is_its_number_times_its_unit_up_to_thirty_days(
    number: int, unit: tuple[str, int]
) -> None:
    name, factor = unit
    duration_ms = number * factor

    assert parse_duration_ms(f"{number}{name}") == (duration_ms if duration_ms <= 30 * 86_400_000 else None)
