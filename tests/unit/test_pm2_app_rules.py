"""What settings say of single apps: which globs hold for one, and the line that refuses a wrong value."""

from __future__ import annotations

import json
from typing import Any

import pytest

from automation.core.errors import SettingsInvalid
from automation.core.settings import Settings, parse_file
from automation.engine.context import SETTINGS_FILE, effective
from automation.systems.pm2 import SYSTEM
from automation.systems.pm2.app_rules import AppRule, AppRules, Flap, Probe, app_rules

APPS = f"{SETTINGS_FILE}: pm2.apps"


def settings(**pm2: object) -> Settings:
    return effective(SYSTEM, {}, parse_file(json.dumps({"pm2": pm2}), SETTINGS_FILE))


def rules(**pm2: object) -> AppRules:
    return app_rules(settings(**pm2))


def apps(**of_globs: Any) -> AppRules:  # noqa: ANN401  # JSON
    return rules(apps=of_globs)


def refusal(apps: object) -> str:
    with pytest.raises(SettingsInvalid) as caught:
        settings(apps=apps)
    return str(caught.value)


def test_an_app_of_which_nothing_is_said_has_the_plain_rule() -> None:
    assert rules().of("web") == AppRule()
    assert rules().flap == Flap()
    assert AppRules().of("web") == AppRule()


def test_everything_that_can_be_said_of_an_app_is_taken() -> None:
    made = apps(
        web={
            "critical": True,
            "required": True,
            "ignore": False,
            "probe": {
                "http": "http://127.0.0.1:3000/health",
                "timeoutMs": "2s",
                "failures": 5,
                "periodMs": 9000,
            },
            "memoryMb": 512,
            "cpuPercent": 180.5,
            "looks": 4,
        }
    )

    assert made.of("web") == AppRule(
        critical=True,
        required=True,
        probe=Probe("http", "http://127.0.0.1:3000/health", 2000, 5, 9000),
        memory_mb=512.0,
        cpu_percent=180.5,
        looks=4,
    )
    assert made.of("webs") == AppRule()


def test_later_globs_override_earlier_ones_field_by_field() -> None:
    made = apps(
        **{
            "*": {"memoryMb": 100, "critical": True, "probe": {"failures": 7}},
            "api-*": {"memoryMb": 200, "probe": {"tcp": "127.0.0.1:80"}},
            "api-b": {"critical": False, "probe": {"http": "http://localhost/"}},
            "w*": {"probe": {"file": "logs/beat"}},
        }
    )

    assert made.of("api-a") == AppRule(
        critical=True, memory_mb=200.0, probe=Probe("tcp", "127.0.0.1:80", failures=7)
    )
    assert made.of("api-b") == AppRule(memory_mb=200.0, probe=Probe("http", "http://localhost/", failures=7))
    assert made.of("w") == AppRule(
        critical=True, memory_mb=100.0, probe=Probe("file", "logs/beat", failures=7)
    )
    assert made.of("db") == AppRule(critical=True, memory_mb=100.0)


def test_a_null_takes_back_what_an_earlier_glob_said() -> None:
    made = apps(
        **{
            "*": {"memoryMb": 100, "critical": True, "probe": {"tcp": 80, "failures": 9}, "looks": 5},
            "db": {"memoryMb": None, "critical": None, "probe": None},
            "cache": {"probe": {"failures": None}},
        }
    )

    assert made.of("db") == AppRule(looks=5)
    assert made.of("cache").probe == Probe("tcp", "80")


def test_one_target_of_a_probe_takes_the_place_of_any_other() -> None:
    made = apps(**{"*": {"probe": {"http": "http://localhost/"}}, "db": {"probe": {"tcp": 5432}}})

    assert made.of("db").probe == Probe("tcp", "5432")


def test_a_null_leaves_what_the_old_list_of_processes_says() -> None:
    made = rules(processes=["a"], apps={"*": {"required": False}, "a": {"required": None}})

    assert (made.of("a").required, made.of("b").required) == (True, False)


def test_rules_of_names_without_end_are_not_kept_without_end() -> None:
    made = apps(**{"w*": {"critical": True}})
    seen = [made.of(f"w{number}").critical for number in range(3000)]

    assert all(seen)
    assert len(made._made) <= 1000
    assert made == apps(**{"w*": {"critical": True}})


def test_a_name_with_dots_and_colons_is_a_glob_like_any_other() -> None:
    assert apps(**{"api.example.com:80": {"critical": True}}).of("api.example.com:80").critical


def test_the_old_lists_of_processes_are_apps_that_must_run() -> None:
    made = rules(processes=["site", "worker"], apps={"worker": {"required": False}})

    assert [made.of(name).required for name in ("site", "worker", "web")] == [True, False, False]


def test_the_old_time_limit_is_that_of_probes_that_name_none() -> None:
    made = rules(
        healthCheckTimeout=9000, apps={"a": {"probe": {"tcp": 1}}, "b": {"probe": {"tcp": 1, "timeoutMs": 5}}}
    )

    assert made.of("a").probe == Probe("tcp", "1", timeout_ms=9000)
    assert made.of("b").probe == Probe("tcp", "1", timeout_ms=5)


def test_flapping_is_what_settings_say() -> None:
    assert rules(flap={"restarts": 4, "windowS": 0.5}).flap == Flap(4, 0.5)


def test_apps_are_chosen_by_globs_and_what_is_not_chosen_is_ignored() -> None:
    made = rules(include=["web-*"], exclude=["*-old"])

    assert [made.of(name).ignore for name in ("web-a", "web-old", "api")] == [False, True, True]


def test_s8_an_empty_selection_guards_nothing_and_never_all() -> None:
    assert rules(include=[]).of("web").ignore
    assert rules(include=["no-such-app"]).of("web").ignore


def test_wanted_are_required_apps_that_are_named_and_guarded() -> None:
    made = rules(
        processes=["site", "legacy", "off"],
        exclude=["legacy"],
        apps={
            "web": {"required": True},
            "*": {"critical": True},
            "api-*": {"required": True},
            "off": {"ignore": True},
            "db": {"critical": True},
        },
    )

    assert made.wanted() == ("site", "web")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (
            {"web": {"probe": {"timeoutMs": "5 sec"}}},
            '.web.probe.timeoutMs: expected milliseconds > 0, got "5 sec"',
        ),
        ({"web": {"critical": "maybe"}}, '.web.critical: expected true or false, got "maybe"'),
        ({"web": {"memoryMb": 0}}, ".web.memoryMb: expected a number > 0, got 0"),
        ({"web": {"cpuPercent": "much"}}, '.web.cpuPercent: expected a number > 0, got "much"'),
        ({"web": {"looks": 0}}, ".web.looks: expected a whole number from 1 to 1000, got 0"),
        ({"web": {"probe": {"tcp": 0}}}, ".web.probe.tcp: expected host:port, or a port, got 0"),
        (
            {"web": {"probe": {"tcp": "h:65536"}}},
            '.web.probe.tcp: expected host:port, or a port, got "h:65536"',
        ),
        (
            {"web": {"probe": {"http": "ftp://x"}}},
            '.web.probe.http: expected an http or https address without a password, got "ftp://x"',
        ),
        ({"web": {"probe": {"file": ""}}}, '.web.probe.file: expected the path of a file, got ""'),
        ({"web": {"probe": "http://x"}}, '.web.probe: expected an object, got "http://x"'),
        (
            {"web": {"probe": {"tcp": 1, "file": "x"}}},
            ".web: expected one of probe.tcp, probe.file, got 2 of them",
        ),
        ({"web": True}, ".web: expected an object, got true"),
        (["web"], ': expected an object with a glob for each key, got ["web"]'),
        ({"a\nb": 5}, r".a\nb: expected an object, got 5"),
        ({str(number): {} for number in range(1001)}, ": expected 1000 globs at most, got 1001"),
    ],
)
def test_a_wrong_value_is_refused_in_one_line_that_says_where(content: object, line: str) -> None:
    assert refusal(content) == f"{APPS}{line}"


def test_an_address_with_a_password_is_refused() -> None:
    line = refusal({"web": {"probe": {"http": "http://ann:hunter22@127.0.0.1/"}}})

    assert "without a password" in line
    assert "hunter22" not in line


def test_a_secret_has_no_place_there_either() -> None:
    assert refusal({"web": {"probe": {"token": "hunter22"}}}).startswith(f"{APPS}.web: no secret is read")


def test_an_unknown_key_warns_with_the_nearest_known_one() -> None:
    odd = settings(
        apps={"web": {"critcal": True, "zzz": 1, "probe": {}, "looks": None, "probes": None, "loo": None}}
    ).warnings

    assert odd == (
        f"{APPS}.web.critcal: unknown key; did you mean critical?",
        f"{APPS}.web.zzz: unknown key",
        f"{APPS}.web.probes: unknown key",
        f"{APPS}.web.loo: unknown key; did you mean looks?",
    )


def test_a_table_full_of_unknown_keys_warns_of_the_first_ones() -> None:
    assert len(settings(apps={"web": {f"z{n}": 1 for n in range(99)}, "api": {"y": 1}}).warnings) == 20
