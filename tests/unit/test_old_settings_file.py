"""The settings file of version 2.0.0 goes on working: keys keep their meaning, or it is said why not."""

from __future__ import annotations

import importlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from automation.core.settings import Settings, SettingsFile
from automation.core.settings_tree import is_below, leaves
from automation.engine.context import build, effective, unused_by
from automation.engine.loading import load
from automation.engine.section_settings import known_settings
from automation.engine.system import System
from automation.ports.clock import SteppedClock
from automation.systems.pm2.app_rules import app_rules

OLD = Path(__file__).parent.parent / "cases" / "settings" / "version-2.0.0.json"
SYSTEMS = ("pm2", "github", "netlify", "master")
# What a file says of itself.
OF_ITSELF = {"version", "description", "generatedAt"}


def system(name: str) -> System:
    found: System = importlib.import_module(f"automation.systems.{name}").SYSTEM
    return found


def settings_of(name: str, workspace: Path) -> Settings:
    (workspace / "automation").mkdir()
    shutil.copy(OLD, workspace / "automation" / "redundancy-config.json")
    return build(system(name), workspace, {"HOME": str(workspace)}, SteppedClock()).settings


def settings_with(name: str, content: dict[str, Any]) -> Settings:
    return effective(system(name), {}, SettingsFile("file", content))


@pytest.mark.parametrize("name", SYSTEMS)
def test_only_the_sections_that_nothing_uses_any_more_are_remarked_on(name: str, tmp_path: Path) -> None:
    warnings = settings_of(name, tmp_path).warnings

    assert [one.split(": ")[1] for one in warnings] == ["git", "marketing", "build"]


def test_every_key_is_some_guards_or_has_a_reason_why_it_is_nobodys() -> None:
    content = json.loads(OLD.read_text("utf-8"))
    used = frozenset(
        key
        for name in SYSTEMS
        for setting in known_settings(system(name))
        for key in (setting.key, *setting.also)
        if key
    )
    explained = {key for name in SYSTEMS for key in _explained(system(name))}

    left = [key for key, _ in leaves(content, used) if key not in used and not is_below(key, explained)]
    assert set(left) == OF_ITSELF


def _explained(one: System) -> set[str]:
    unused = unused_by(one)
    assert all(why for why in (*unused.silent.values(), *unused.said.values()))
    return {*unused.silent, *unused.sections, *unused.said}


@pytest.mark.parametrize("name", SYSTEMS)
def test_who_asks_is_told_of_each_key_without_effect_and_why(name: str, tmp_path: Path) -> None:
    lines = settings_of(name, tmp_path).without_effect

    assert all(line.startswith("automation/redundancy-config.json: ") for line in lines)
    assert any(
        "monitoring.reportInterval: no effect here: each look writes a report" in line for line in lines
    )


@pytest.mark.parametrize(
    ("name", "setting", "value"),
    [
        ("pm2", "enabled", True),
        ("pm2", "check_interval", 31_000),
        ("pm2", "max_restarts", 6),
        ("pm2", "probe_timeout", 10_000),
        ("pm2", "processes", ("site",)),
        ("pm2", "auto_restart", True),
        ("pm2", "restart_delay", 5_000),
        ("pm2", "ecosystem_files", ("ecosystem.site.cjs",)),
        ("pm2", "critical_band", 0.4),
        ("pm2", "warning_band", 0.7),
        ("pm2", "alerts", True),
        ("pm2", "max_recovery_attempts", 3),
        ("pm2", "rest", 300_000),
        ("pm2", "auto_recovery", True),
        ("pm2", "own_auto_recovery", True),
        ("github", "enabled", True),
        ("github", "check_interval", 61_000),
        ("github", "max_failures", 4),
        ("github", "retry_delay", 30_000),
        ("github", "required", ("ci.yml",)),
        ("github", "auto_trigger", True),
        ("github", "health_check_workflow", "ci.yml"),
        ("netlify", "enabled", True),
        ("netlify", "check_interval", 121_000),
        ("netlify", "max_failures", 4),
        ("netlify", "auto_deploy", False),
        ("netlify", "deploy_timeout", 300_000),
        ("netlify", "write_manifest", True),
        ("netlify", "watch_deploys", True),
        ("master", "check_interval", 60_000),
        ("master", "emergency_threshold", 0.5),
    ],
)
def test_its_keys_keep_their_meaning(name: str, setting: str, value: object, tmp_path: Path) -> None:
    assert settings_of(name, tmp_path).values[setting] == value


TWINS = {
    "pm2": "pm2Manager",
    "github": "githubActionsManager",
    "netlify": "netlifyFunctionsManager",
    "master": "masterOrchestrator",
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_twins_hold_where_the_section_itself_says_nothing(name: str) -> None:
    twin = {"enabled": False, "checkInterval": 7000, "autoRecovery": False}
    settings = settings_with(name, {"enhanced": {TWINS[name]: twin}})
    section = {system(name).place: {"enabled": True, "checkInterval": 8000, "autoRecovery": True}}
    outranked = settings_with(name, {"enhanced": {TWINS[name]: twin}} | section)

    assert (settings.flag("enabled"), settings.flag("own_auto_recovery")) == (False, False)
    assert settings.seconds("check_interval") == 7.0
    assert (outranked.flag("enabled"), outranked.flag("own_auto_recovery")) == (True, True)


@pytest.mark.parametrize(
    ("name", "setting"), [("pm2", "max_restarts"), ("github", "max_failures"), ("netlify", "max_failures")]
)
def test_the_failures_of_the_twins_are_counted_too(name: str, setting: str) -> None:
    assert settings_with(name, {"enhanced": {TWINS[name]: {"maxFailures": 2}}}).count(setting) == 2


def test_the_old_process_list_requires_and_the_old_time_limit_is_that_of_probes(tmp_path: Path) -> None:
    rules = app_rules(settings_of("pm2", tmp_path))

    assert (rules.wanted(), rules.timeout_ms) == (("site",), 10_000)


def test_an_automatic_restart_that_is_switched_off_leaves_apps_to_a_human() -> None:
    ladders = {
        one.problem: one.rungs
        for one in load(system("pm2").ladders)(settings_with("pm2", {"pm2": {"autoRestart": False}}))
    }

    assert (ladders["process-errored"], ladders["process-stopped"]) == ((), ())


def test_a_manifest_that_is_not_to_be_regenerated_is_only_reported() -> None:
    settings = settings_with("netlify", {"netlify": {"functions": {"autoRegenerate": False}}})
    ladders = {one.problem: one.rungs for one in load(system("netlify").ladders)(settings)}

    assert ladders["manifest-stale"] == ()


def test_providers_that_are_switched_on_are_told_that_they_are_not_built() -> None:
    off = {"email": {"enabled": False, "smtp": {"port": 587}}, "slack": {"enabled": False, "channel": "x"}}
    on = off | {"slack": {"enabled": True, "channel": "x"}}

    assert settings_with("pm2", {"notifications": {"enabled": True, "providers": off}}).warnings == ()
    assert settings_with("pm2", {"notifications": {"providers": on}}).warnings == (
        "file: notifications.providers: ignored: not built yet: messages go to notifications.webhook",
    )
