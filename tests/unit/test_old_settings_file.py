"""The settings file of version 2.0.0 goes on working: keys keep their meaning, or have no effect."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path

import pytest

from automation.core.settings import Settings
from automation.engine.context import build
from automation.ports.clock import SteppedClock

OLD = Path(__file__).parent.parent / "cases" / "settings" / "version-2.0.0.json"
SYSTEMS = ("pm2", "github", "netlify", "master")


def settings_of(system: str, workspace: Path) -> Settings:
    (workspace / "automation").mkdir()
    shutil.copy(OLD, workspace / "automation" / "redundancy-config.json")
    module = importlib.import_module(f"automation.systems.{system}")
    return build(module.SYSTEM, workspace, {"HOME": str(workspace)}, SteppedClock()).settings


@pytest.mark.parametrize("system", SYSTEMS)
def test_only_the_sections_that_nothing_uses_any_more_are_remarked_on(system: str, tmp_path: Path) -> None:
    warnings = settings_of(system, tmp_path).warnings

    assert [one.split(": ")[1] for one in warnings] == ["git", "marketing", "build"]


@pytest.mark.parametrize(
    ("system", "name", "value"),
    [
        ("pm2", "check_interval", 31_000),
        ("pm2", "max_restarts", 6),
        ("pm2", "critical_band", 0.4),
        ("pm2", "warning_band", 0.7),
        ("github", "check_interval", 61_000),
        ("github", "max_failures", 4),
        ("netlify", "check_interval", 121_000),
        ("netlify", "max_failures", 4),
        ("master", "emergency_threshold", 0.5),
    ],
)
def test_its_keys_keep_their_meaning(system: str, name: str, value: object, tmp_path: Path) -> None:
    assert settings_of(system, tmp_path).values[name] == value
