"""What may be tried against each problem, by the settings."""

from __future__ import annotations

import pytest

from automation.core.errors import SettingsInvalid, UsageInvalid
from automation.core.settings import SettingsFile
from automation.engine.context import effective
from automation.systems.github import SYSTEM
from automation.systems.github.commands import inputs_of
from automation.systems.github.ladders import ladders


def steps(**keys: object) -> dict[str, tuple[str, ...]]:
    file = SettingsFile("settings", {"githubActions": keys})
    settings = effective(SYSTEM, {}, file)
    return {one.problem: tuple(rung.step for rung in one.rungs) for one in ladders(settings)}


def test_by_default_only_what_is_gone_is_put_back() -> None:
    assert steps() == {
        "file-wiped": ("restore-file",),
        "workflow-invalid": (),
        "runs-failing": (),
        "workflow-missing": (),
        "workflow-disabled": (),
    }


def test_an_invalid_file_is_repaired_and_then_put_back_where_settings_say_so() -> None:
    assert steps(autoRestore=True)["workflow-invalid"] == ("fix", "restore-file")


def test_failing_workflows_are_run_again_only_where_settings_name_some() -> None:
    assert steps(rerun=["ci.yml"])["runs-failing"] == ("rerun",)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"autoTrigger": True}, ()),
        ({"dispatch": ["ci.yml"]}, ()),
        ({"autoTrigger": True, "dispatch": ["ci.yml"]}, ("dispatch",)),
        ({"autoTrigger": True, "healthCheckWorkflow": "health.yml"}, ("dispatch",)),
        ({"autoTrigger": True, "dispatch": ["a"], "rerun": ["a"]}, ("rerun", "dispatch")),
    ],
)
def test_a_dispatch_needs_both_the_switch_and_a_name(
    keys: dict[str, object], expected: tuple[str, ...]
) -> None:
    assert steps(**keys)["runs-failing"] == expected


def test_the_wait_after_a_re_run_is_what_settings_say() -> None:
    file = SettingsFile("settings", {"githubActions": {"retryDelay": "10m", "rerun": ["*"]}})
    made = {one.problem: one for one in ladders(effective(SYSTEM, {}, file))}

    assert made["runs-failing"].pace.wait_after(1, "") >= 600.0


def test_the_old_file_s_keys_are_read_without_a_warning() -> None:
    old = {
        "githubActions": {
            "enabled": True,
            "checkInterval": 60000,
            "maxFailures": 3,
            "retryDelay": 30000,
            "workflows": ["ci.yml"],
            "autoTrigger": False,
            "healthCheckWorkflow": "health.yml",
        },
        "enhanced": {"githubActionsManager": {"checkInterval": 1}, "pm2Manager": {"maxFailures": 5}},
        "redundancy": {"maxRecoveryAttempts": 3},
        "monitoring": {"enabled": True},
        "git": {"branch": "main"},
        "marketing": {"enabled": False},
        "build": {"command": "make"},
    }
    settings = effective(SYSTEM, {}, SettingsFile("settings", old))

    assert [one.split(": ")[1] for one in settings.warnings] == ["git", "marketing", "build"]
    assert settings.names("required") == ("ci.yml",)
    assert settings.seconds("check_interval") == 60.0


def test_no_token_is_read_from_the_file() -> None:
    file = SettingsFile("settings", {"githubActions": {"token": "abc"}})

    with pytest.raises(SettingsInvalid, match="no secret is read from this file"):
        effective(SYSTEM, {}, file)


def test_inputs_are_split_at_the_first_equals_sign() -> None:
    assert inputs_of(["target=a=b", "empty="]) == {"target": "a=b", "empty": ""}


@pytest.mark.parametrize("wrong", ["target", "=x", ""])
def test_an_input_without_a_name_or_a_value_is_refused(wrong: str) -> None:
    with pytest.raises(UsageInvalid, match="expected K=V"):
        inputs_of([wrong])


def test_more_inputs_than_github_takes_are_refused() -> None:
    with pytest.raises(UsageInvalid, match="25 at most"):
        inputs_of([f"k{number}=v" for number in range(26)])
