"""Ecosystem files beside a real PM2: damaged, apart from what runs, and the rung that starts from one."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from automation.core.errors import LookFailed, StepRefused
from automation.core.finding import Finding
from automation.ports.commands import PASSED_ON
from automation.stores import installation
from automation.stores.installation import Installation
from automation.systems.pm2.ecosystem import evaluating
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
    """Return the text of a file with one app, `web`."""
    return apps({"name": '"web"', **said})


def apps(*said: dict[str, str]) -> str:
    """Return the text of a file with these apps."""
    words = [{"script": '"web.js"', "cwd": "__dirname"} | one for one in said]
    texts = [", ".join(f"{key}: {value}" for key, value in one.items()) for one in words]
    return f"module.exports = {{ apps: [{', '.join(f'{{ {text} }}' for text in texts)}] }};\n"


def start(ground: Ground, *words: str, **env: str) -> None:
    """Start the file's apps as a person does, from the workspace."""
    ran = ground.home.cli("start", ground.workspace / FILE, *words, env=env)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def findings(watch: Watch, *problems: str) -> dict[str, Finding]:
    """Look until every file is evaluated, and return these findings by subject."""
    facts = eventually("all files are read", lambda: _settled(watch))
    assert facts is not None
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


CASES: dict[str, tuple[dict[str, str], dict[str, str], bool]] = {
    "words": ({"args": '"a"'}, {"args": '"b"'}, False),
    "value": ({"env": '{ A: "1" }'}, {"env": '{ A: "2" }'}, False),
    "more": ({"env": '{ A: "1" }'}, {"env": '{ A: "1", B: "2" }'}, False),
    "no-args": ({"args": '"a"'}, {}, True),
    "mode": ({"exec_mode": '"fork"'}, {"exec_mode": '"cluster"'}, True),
    "interpreter": ({"interpreter": '"none"'}, {}, True),
    "script": ({}, {"script": '"other.js"'}, True),
    "count": (
        {"exec_mode": '"cluster"', "instances": "1"},
        {"exec_mode": '"cluster"', "instances": "2"},
        False,
    ),
}


def test_the_command_that_is_advised_settles_the_drift(ground: Ground) -> None:
    for script in ("web.js", "other.js"):
        (ground.workspace / script).write_text(f"#!{NODE}\n{SLEEPER}", "utf-8")
        (ground.workspace / script).chmod(0o755)
    write(ground, apps(*({"name": f'"{name}"', **before} for name, (before, _, _) in CASES.items())))
    start(ground)
    write(ground, apps(*({"name": f'"{name}"', **after} for name, (_, after, _) in CASES.items())))
    with Watch(ground) as watch:
        found = findings(watch, "ecosystem-drift")
        assert sorted(found) == sorted(f"{FILE}: {name}" for name in CASES)
        for name, (_, _, anew) in CASES.items():
            advice = found[f"{FILE}: {name}"].advice.split("`")[1]
            assert ("delete" in advice) == anew, name
            for command in advice.split(" && "):
                ran = ground.home.cli(*command.replace(FILE, str(ground.workspace / FILE)).split()[1:])
                assert ran.returncode == 0, ran.stdout + ran.stderr

        assert findings(watch, "ecosystem-drift") == {}


DAMAGED = {
    "ecosystem.a.config.js": ("const x = 1;\nmodule.exports = {\n  apps: [ }\n", "line 3: SyntaxError"),
    "ecosystem.b.config.js": ("\n\nthrow new Error('no database');\n", "line 3: Error: no database"),
    "ecosystem.c.json": ('{ "apps": [\n { "name": "j" "script": "web.js" }\n] }\n', "line 2: SyntaxError"),
    "ecosystem.d.yaml": ("apps:\n  - name: y\n   bad: [\n", "line 3: YAMLException"),
    "ecosystem.e.config.mjs": ("export default { apps: [] };\n", "it has no `apps`"),
    "ecosystem.f.config.js": ("process.exit(7);\n", "it ends the program that reads it (exit status 7)"),
    "ecosystem.g.config.js": (app(args="3"), "PM2 refuses it"),
    "ecosystem.h.json": ("[1]", "`apps` holds what is no app"),
    "ecosystem.i.config.js": ("module.exports = 7;\n", "it exports no object with `apps`"),
}
SOUND = {
    "ecosystem.k.json": '{ // a comment\n apps: [{ name: "k", script: "web.js" }] }',
    "ecosystem.l.yaml": "apps:\n  - name: l\n    script: web.js\n",
    "ecosystem.m.config.mjs": 'export const apps = [{ name: "m", script: "web.js" }];\n',
    "ecosystem.n.config.cjs": "console.log('hello'); module.exports = [{ script: 'web.js' }];\n",
    "ecosystem.o.js": "no configuration to PM2, by its name {",
}


@each_version
def test_a_file_that_pm2_could_not_use_is_named_with_the_line(ground: Ground) -> None:
    ground.home.start_app("bystander")
    for name, (text, _) in DAMAGED.items():
        write(ground, text, name)
    for name, text in SOUND.items():
        write(ground, text, name)
    with Watch(ground) as watch:
        found = findings(watch, "ecosystem-damaged")

        assert sorted(found) == sorted(DAMAGED)
        assert {name: said in found[name].message for name, (_, said) in DAMAGED.items()} == dict.fromkeys(
            DAMAGED, True
        )


def test_an_endless_loop_in_a_file_costs_a_finding_and_no_look(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluating, "LIMIT_S", 2.0)
    ground.home.start_app("bystander")
    write(ground, "for (;;) {}\n", "ecosystem.loop.config.js")
    with Watch(ground) as watch:
        watch.observer.observe()  # the first one waits for a moment
        began_s = time.monotonic()
        for _ in range(5):
            watch.observer.observe()
        looks_s = time.monotonic() - began_s
        assert watch.observer.ecosystem is not None
        assert watch.observer.ecosystem.fds()

        message = findings(watch, "ecosystem-damaged")["ecosystem.loop.config.js"].message

        assert looks_s < 1.5
        assert "it did not end within 2 s" in message
        assert watch.observer.ecosystem.fds() == ()


def test_s19_a_file_is_evaluated_without_the_guards_variables(
    ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = tmp_path / "said"
    text = f"require('fs').writeFileSync({json.dumps(str(said))}, JSON.stringify(process.env));\n"
    write(ground, text + app())
    variables = {"GITHUB_TOKEN": "not-for-files", "REDUNDANCY_LOG_LEVEL": "DEBUG"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with Watch(ground, **variables) as watch:
        findings(watch)

    passed_on = set(json.loads(said.read_text("utf-8")))
    assert passed_on <= {*PASSED_ON, "__CF_USER_TEXT_ENCODING"}
    assert "PM2_HOME" in passed_on


def test_a_file_that_asks_its_shell_is_not_compared_by_what_the_shell_said(ground: Ground) -> None:
    write(ground, app(args="process.env.WORDS || 'none'", env="{ PORT: process.env.PORT || 1, A: '1' }"))
    start(ground, PORT="3000", WORDS="many words")
    with Watch(ground) as watch:
        assert findings(watch, "ecosystem-drift") == {}
        ground.home.cli("delete", "web")
        with pytest.raises(StepRefused, match=r"takes PORT, WORDS from the shell .* --only web`"):
            start_from_ecosystem(watch.observer, "web")


def test_one_of_two_files_that_an_app_agrees_with_is_enough(ground: Ground) -> None:
    write(ground, app(env='{ A: "1" }'))
    write(ground, app(env='{ A: "2" }'), "ecosystem.other.config.js")
    start(ground)
    with Watch(ground) as watch:
        assert findings(watch, "ecosystem-drift") == {}
        ground.home.cli("delete", "web")
        with pytest.raises(
            StepRefused, match=r"more than one ecosystem file declares web; by hand: `pm2 start"
        ):
            start_from_ecosystem(watch.observer, "web")


# --- the third rung ---


def test_s12_the_third_rung_starts_one_app_from_its_file_and_no_other(ground: Ground) -> None:
    ground.home.start_app("bystander")
    broken = ground.workspace / "broken"
    broken.touch()
    (ground.workspace / "web.js").write_text(FRAGILE, "utf-8")
    fragile = {"max_restarts": "2", "env": '{ COLOUR: "red" }'}
    write(ground, apps({"name": '"web"', **fragile}, {"name": '"never"', **fragile}))
    start(ground, "--only", "web", LEAK="of a shell")
    ground.wait_for("web", "errored")
    with Watch(ground, PM2_MAX_RESTARTS="1") as watch:
        watch.climb("web", steps=3)
        broken.unlink()
        ground.clock.skip(400)
        watch.until("the third rung", lambda: ("start-from-ecosystem", "web") in ground.acts())

        back = ground.wait_for("web", "online")

        assert [step for step, _ in ground.acts()] == [
            "restart",
            "recreate",
            "recreate",
            "start-from-ecosystem",
        ]
        assert sorted(one.name for one in ground.listed()) == ["bystander", "web"]
        assert environment_of(back.pid)["COLOUR"] == "red"
        assert "LEAK" not in environment_of(back.pid)


@each_version
def test_s12_a_file_with_env_blocks_is_not_used_where_nobody_knows_which_was_chosen(ground: Ground) -> None:
    write(ground, app(env='{ MODE: "plain" }', env_production='{ MODE: "real" }', instances="2"))
    with Watch(ground) as watch:
        ground.home.start_app("bystander")
        findings(watch)
        with pytest.raises(
            StepRefused, match=r"env_production, and nobody knows .* --only web \[--env NAME\]`"
        ):
            start_from_ecosystem(watch.observer, "web")

        write(ground, app(env='{ MODE: "plain" }', instances="2", exec_mode='"fork"'))
        findings(watch)
        assert "(2 of it)" in start_from_ecosystem(watch.observer, "web")

        running = [ground.wait_for(f"web:{slot}", "online") for slot in (0, 1)]
        assert [environment_of(one.pid)["MODE"] for one in running] == ["plain", "plain"]
        assert sorted(one.name for one in ground.listed()) == ["bystander", "web", "web"]
        assert start_from_ecosystem(watch.observer, "web:1").startswith("not needed")


def test_s12_the_block_that_an_app_was_started_with_is_the_one_it_is_started_with_again(
    ground: Ground,
) -> None:
    (ground.workspace / "broken").touch()
    (ground.workspace / "web.js").write_text(FRAGILE, "utf-8")
    write(ground, app(max_restarts="2", env='{ MODE: "plain" }', env_production='{ MODE: "real" }'))
    start(ground, "--env", "production")
    ground.wait_for("web", "errored")
    (ground.workspace / "broken").unlink()
    with Watch(ground) as watch:
        findings(watch)
        said = start_from_ecosystem(watch.observer, "web")

        assert said.endswith(f"from {FILE}")
        assert environment_of(ground.wait_for("web", "online").pid)["MODE"] == "real"


def test_where_pm2_cannot_be_asked_how_its_command_line_starts_the_app(ground: Ground) -> None:
    program = ground.workspace / "pm2"
    program.write_text(f'#!/bin/sh\nexec {NODE} {pm2_script("7")} "$@"\n', "utf-8")
    program.chmod(0o755)
    record = installation.read(installation.workspace_path(ground.workspace / "logs"))
    assert record is not None
    installation.record(replace(record, pm2=str(program)), ground.workspace / "logs")
    write(ground, app(env='{ COLOUR: "red" }'))
    write(ground, "apps: []\n", "ecosystem.yaml")
    with Watch(ground) as watch:
        findings(watch)
        with pytest.raises(LookFailed, match="no PM2 daemon listens"):
            start_from_ecosystem(watch.observer, "web")
        ground.home.start_app("bystander")
        findings(watch)

        said = start_from_ecosystem(watch.observer, "web")

        assert said == f"ran pm2 start {FILE} --only web"
        assert environment_of(ground.wait_for("web", "online").pid)["COLOUR"] == "red"
