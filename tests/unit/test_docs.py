"""What the README must name: every command, step, problem and setting; and versions that agree."""

from __future__ import annotations

import importlib
import re
import tomllib
from pathlib import Path

import pytest

from automation import __version__
from automation.engine.console import commands_of
from automation.engine.section_settings import known_settings
from automation.engine.system import System

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text("utf-8")
SYSTEMS = ("pm2", "github", "netlify", "master")
A_PROBLEM = re.compile(r'Finding\(\s*"([a-z-]+)"')


def system(name: str) -> System:
    found: System = importlib.import_module(f"automation.systems.{name}").SYSTEM
    return found


def named(word: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", README) is not None


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_command_is_named(name: str) -> None:
    assert [one.name for one in commands_of(system(name)) if not named(one.name)] == []


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_step_is_named(name: str) -> None:
    assert [step for step in system(name).steps if not named(step)] == []


def test_every_problem_is_named() -> None:
    text = "".join(path.read_text("utf-8") for path in sorted((ROOT / "automation").rglob("*.py")))
    problems = set(A_PROBLEM.findall(text))

    assert len(problems) > 15
    assert sorted(problem for problem in problems if not named(problem)) == []


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_setting_is_named_by_variable_or_key(name: str) -> None:
    settings = known_settings(system(name))
    families = re.compile(r"\.(enabled|include|exclude|acts|mode|autoRecovery|autoRestore)$")

    missing = [
        one.name
        for one in settings
        if not (one.env and named(one.env))
        and not (
            one.key and (named(one.key) or families.search(one.key) or named(f".{one.key.split('.')[-1]}"))
        )
    ]
    assert missing == []


def test_the_versions_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))

    assert project["project"]["version"] == __version__
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text("utf-8")
