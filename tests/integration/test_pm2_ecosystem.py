"""Ecosystem files beside a real PM2: damaged, apart from what runs, and the third rung that starts from one."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from automation.core.errors import StepRefused
from automation.core.finding import Finding
from automation.stores import installation
from automation.stores.installation import Installation
from automation.systems.pm2.ecosystem.starting import start_from_ecosystem
from automation.systems.pm2.facts import Facts
from tests.guarding import FRAGILE, Ground, Watch, environment_of, eventually
from tests.real_pm2 import NODE, SLEEPER, VERSIONS, Pm2Home, pm2_script

pytestmark = [pytest.mark.pm2, pytest.mark.timeout(90)]
each_version = pytest.mark.parametrize("pm2_version", VERSIONS, indirect=True)

FILE = "ecosystem.config.js"


@pytest.fixture
def ground(pm2_home: Pm2Home) -> Iterator[Ground]:
    ground = Ground(pm2_home)
    here = str(ground.workspace)
    program = str(pm2_script(pm2_home.version))
    pm2_home.path.mkdir()
    record = Installation("u", os.geteuid(), str(pm2_home.path), str(NODE), program, here, here, "now")
    installation.record(record, ground.workspace / "logs")
    (ground.workspace / "web.js").write_text(SLEEPER, "utf-8")
    yield ground
    ground.client.close()


def write(ground: Ground, text: str, name: str = FILE) -> Path:
    """Write an ecosystem file, as if that had been a minute ago."""
    path = ground.workspace / name
    path.write_text(text, "utf-8")
    ago_s = time.time() - 60
    os.utime(path, (ago_s, ago_s))
    return path


def app(**said: str) -> str:
    """Return the text of a file with one app."""
    words = {"name": '"web"', "script": '"web.js"', "cwd": "__dirname"} | said
    rest = ", ".join(f"{key}: {value}" for key, value in words.items())
    return f"module.exports = {{ apps: [{{ {rest} }}] }};\n"


def start(ground: Ground, *words: str, **env: str) -> None:
    """Start the file's apps as a person does, from the workspace."""
    ran = ground.home.cli("start", ground.workspace / FILE, *words, env=env)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def findings(watch: Watch, *problems: str) -> dict[str, Finding]:
    """Look until every file is evaluated, and return these findings by subject."""
    facts = eventually("all files are read", lambda: _settled(watch))
    return {one.subject: one for one in watch.observer.assess(facts).findings if one.problem in problems}


def _settled(watch: Watch) -> Facts | None:
    facts = watch.observer.observe()
    assert facts.ecosystem is not None
    return None if facts.ecosystem.under_way else facts


@each_version
def test_an_app_that_runs_as_its_file_says_is_no_finding_and_one_that_does_not_is(ground: Ground) -> None:
    write(ground, app(args='["--port", "80"]', env='{ COLOUR: "red", COUNT: 3 }'))
    start(ground)
    with Watch(ground) as watch:
        assert findings(watch, "ecosystem-drift", "ecosystem-damaged") == {}

        write(ground, app(args='["--port", "81"]', env='{ COLOUR: "blue-secret", SIZE: "1" }'))
        found = findings(watch, "ecosystem-drift")[f"{FILE}: web"]

        assert "args: 2 are given, the file gives others" in found.message
        assert "variables of the file that it lacks: SIZE" in found.message
        assert "variables with another value: COLOUR" in found.message
        assert "variables that the file sets no longer: COUNT" in found.message
        assert "blue-secret" not in found.message + found.advice
        assert found.advice.startswith(f"`pm2 delete web && pm2 start {FILE} --only web`")

        ground.home.cli("delete", "web")
        start(ground)
        assert findings(watch, "ecosystem-drift") == {}


@each_version
@pytest.mark.parametrize(
    ("before", "after", "anew"),
    [
        ({"args": '"a"'}, {"args": '"b"'}, False),
        ({"env": '{ A: "1" }'}, {"env": '{ A: "2" }'}, False),
        ({"env": '{ A: "1" }'}, {"env": '{ A: "1", B: "2" }'}, False),
        ({"args": '"a"'}, {}, True),
        ({"exec_mode": '"fork"'}, {"exec_mode": '"cluster"'}, True),
        ({"interpreter": '"none"'}, {}, True),
        ({}, {"script": '"other.js"'}, True),
        ({"exec_mode": '"cluster"', "instances": "1"}, {"exec_mode": '"cluster"', "instances": "2"}, False),
    ],
)
def test_the_command_that_is_advised_settles_the_drift(
    ground: Ground, before: dict[str, str], after: dict[str, str], anew: bool
) -> None:
    for script in ("web.js", "other.js"):
        (ground.workspace / script).write_text(f"#!{NODE}\n{SLEEPER}", "utf-8")
        (ground.workspace / script).chmod(0o755)
    write(ground, app(**before))
    start(ground)
    write(ground, app(**after))
    with Watch(ground) as watch:
        advice = findings(watch, "ecosystem-drift")[f"{FILE}: web"].advice.split("`")[1]
        for command in advice.split(" && "):
            ran = ground.home.cli(*command.replace(FILE, str(ground.workspace / FILE)).split()[1:])
            assert ran.returncode == 0, ran.stdout + ran.stderr

        assert ("delete" in advice) == anew
        assert findings(watch, "ecosystem-drift") == {}
