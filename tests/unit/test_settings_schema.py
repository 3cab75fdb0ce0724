"""The JSON schema of the settings file is current, and takes and refuses what the programs do."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automation.core.errors import SettingsInvalid
from automation.core.setting import Kind, Setting
from automation.core.settings import SettingsFile
from automation.core.settings_schema import SCHEMAS, schema_of
from automation.engine.context import effective
from automation.engine.section_settings import known_settings
from automation.launch.settings_schema import FILE, all_systems, text

ROOT = Path(__file__).parent.parent.parent
OLD = ROOT / "tests" / "cases" / "settings" / "version-2.0.0.json"
README = (ROOT / "README.md").read_text("utf-8")
JUDGE = jsonschema.Draft7Validator(json.loads(FILE.read_text("utf-8")))
SYSTEMS = tuple(all_systems())
KEYS = sorted(
    {
        key
        for system in SYSTEMS
        for setting in known_settings(system)
        for key in (setting.key, *setting.also)
        if key
    }
)


def programs_take(content: dict[str, Any]) -> bool:
    try:
        for system in SYSTEMS:
            effective(system, {}, SettingsFile("file", content))
    except SettingsInvalid:
        return False
    return True


def at(key: str, value: object) -> dict[str, Any]:
    """Return a file with one value at a dotted key."""
    for part in reversed(key.split(".")):
        value = {part: value}
    assert isinstance(value, dict)
    return value


def examples() -> list[dict[str, Any]]:
    """Return the settings files that the README shows."""
    return [json.loads(one) for one in re.findall(r"```json\n(.*?)```", README, re.DOTALL)]


def test_the_file_is_what_the_definitions_make() -> None:
    assert FILE.read_text("utf-8") == text(), "run `python -m automation.launch.settings_schema`"


def test_it_is_a_schema_and_knows_every_kind_of_setting() -> None:
    jsonschema.Draft7Validator.check_schema(JUDGE.schema)

    assert set(SCHEMAS) == set(Kind)


def test_it_takes_the_file_of_version_2_0_0() -> None:
    content = json.loads(OLD.read_text("utf-8"))

    assert list(JUDGE.iter_errors(content)) == []
    assert programs_take(content)


def test_it_takes_each_documented_example_and_so_do_the_programs_without_a_warning() -> None:
    found = examples()

    assert len(found) >= 1
    for content in found:
        assert list(JUDGE.iter_errors(content)) == []
        assert [effective(system, {}, SettingsFile("file", content)).warnings for system in SYSTEMS] == [
            () for _ in SYSTEMS
        ]


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"$schema": "./redundancy-config.schema.json"},
        at("pm2.checkInterval", 30_000),
        at("pm2.checkInterval", "5m"),
        at("pm2.processes", []),
        at("pm2.apps", {}),
        at("pm2.apps", {"web": {"probe": None, "memoryMb": None}}),
        at("pm2.apps", {"web": {"probe": {"tcp": 80, "http": None}}}),
        at("pm2.apps", {"web": {"probe": {"tcp": "[::1]:80", "timeoutMs": "2s"}}}),
        at("pm2.apps", {"token-service": {"critical": True}}),
        at("pm2.unknown", {"deep": [1]}),
        at("githubActions.rerun", ["*.yml"]),
        at("notifications.providers.slack.webhook", ""),
    ],
)
def test_both_take(content: dict[str, Any]) -> None:
    assert list(JUDGE.iter_errors(content)) == []
    assert programs_take(content)


@pytest.mark.parametrize(
    "content",
    [
        at("pm2.checkInterval", "30 sec"),
        at("pm2.checkInterval", 0),
        at("pm2.checkInterval", "0s"),
        at("pm2.checkInterval", 2_592_000_001),
        at("pm2.checkInterval", [30_000]),
        at("pm2.maxRestarts", 0),
        at("pm2.maxRestarts", 101),
        at("pm2.maxRestarts", "many"),
        at("pm2.enabled", "perhaps"),
        at("pm2.mode", "watch"),
        at("pm2.include", [5]),
        at("pm2.include", [""]),
        at("pm2.flap.windowS", 0),
        at("pm2.flap", 5),
        at("pm2", []),
        at("pm2.apps", ["web"]),
        at("pm2.apps", {"web": True}),
        at("pm2.apps", {"web": {"critical": "maybe"}}),
        at("pm2.apps", {"web": {"probe": "http://x"}}),
        at("pm2.apps", {"web": {"probe": {"timeoutMs": "5 sec"}}}),
        at("pm2.apps", {"web": {"probe": {"tcp": "x:0"}}}),
        at("pm2.apps", {"web": {"probe": {"tcp": 65_536}}}),
        at("pm2.apps", {"web": {"probe": {"http": "http://ann:pw@host/"}}}),
        at("pm2.apps", {"web": {"probe": {"http": "ftp://host/"}}}),
        at("pm2.apps", {"web": {"probe": {"file": " "}}}),
        at("pm2.apps", {"web": {"probe": {"tcp": 80, "file": "x"}}}),
        at("pm2.apps", {"web": {"memoryMb": 0}}),
        at("pm2.apps", {"web": {"looks": 0}}),
        at("pm2.apps", {str(number): {} for number in range(1001)}),
        at("monitoring.alerts.criticalThreshold", 50),
        at("monitoring.alerts.criticalThreshold", -0.1),
        at("githubActions.token", "abc"),
        at("notifications.providers.email.smtp.auth.pass", "hunter22"),
        at("pm2.apps", {"web": {"probe": {"apiKey": "hunter22"}}}),
    ],
)
def test_both_refuse(content: dict[str, Any]) -> None:
    assert list(JUDGE.iter_errors(content)) != []
    assert not programs_take(content)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 3_000_000_000)
    | st.floats(allow_nan=False, allow_infinity=False).filter(lambda one: not one.is_integer())
    | st.sampled_from(["30s", "0s", "5 m", "", "observe", "active", "http://a/b", "a:80", "80", "x", "true"])
    | st.text(st.characters(codec="ascii", exclude_characters="\n\0"), max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "probe", "tcp"]), inner)
    ),
    max_leaves=6,
)


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(KEYS), values)
def test_whatever_it_takes_the_programs_take(key: str, value: object) -> None:
    content = at(key, value)

    assert programs_take(content) or list(JUDGE.iter_errors(content))


def test_what_is_known_is_described_and_what_has_no_effect_says_why() -> None:
    known = (
        Setting("a", Kind.COUNT, 5, "how many", env="A_COUNT", key="s.a", also=("old.a",), least=1, most=9),
        Setting("b", Kind.TEXT, "", "an address", key="s.b", secret=True),
        Setting("c", Kind.TEXT, "x", "of the environment alone", env="C"),
    )
    schema = schema_of(known, {"s.a": "not said", "s.gone": "it went", "old": "not said either"}, "Title")

    a = {
        "description": "how many (variable A_COUNT)",
        "type": "integer",
        "minimum": 1,
        "maximum": 9,
        "default": 5,
    }
    assert schema["title"] == "Title"
    assert schema["properties"] == {
        "s": {
            "type": "object",
            "properties": {
                "a": a,
                "b": {"description": "an address", "type": "string"},
                "gone": {"description": "No effect: it went."},
            },
        },
        "old": {"type": "object", "properties": {"a": a}},
    }
