"""What a backup by the clock is told of its guard's environment."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from automation.core.settings import Kind, Setting
from automation.engine.backup_schedule import passed_on
from automation.engine.context import build
from automation.engine.loading import load
from automation.engine.system import System
from automation.ports.clock import SteppedClock


@pytest.mark.parametrize("name", ["pm2", "github", "netlify", "master"])
def test_s19_a_backup_gets_the_variables_of_settings_and_no_secret(name: str, tmp_path: Path) -> None:
    system: System = importlib.import_module(f"automation.systems.{name}").SYSTEM
    settings: tuple[Setting, ...] = load(system.settings)
    given = {one.env: "value" for one in settings if one.env and one.kind is Kind.TEXT}
    given |= {"REDUNDANCY_LOG_LEVEL": "INFO", "PM2_HOME": str(tmp_path), "SOME_TOKEN": "value"}

    kept = passed_on(build(system, tmp_path, given, SteppedClock()))

    secret = {one.env for one in settings if one.secret} | {"SOME_TOKEN"}
    assert set(kept) == set(given) - secret - (set() if name in {"pm2", "master"} else {"PM2_HOME"})
