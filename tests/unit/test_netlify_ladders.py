"""What the Netlify guard tries, and what it leaves to people."""

from __future__ import annotations

from automation.core.settings import Settings, SettingsFile, parse_file
from automation.engine.context import effective
from automation.systems.netlify import SYSTEM
from automation.systems.netlify.ladders import ladders

OLD_FILE = """{
  "netlify": {
    "enabled": true, "checkInterval": 60000, "maxFailures": 5, "healthCheckTimeout": 10000,
    "autoDeploy": true, "deployTimeout": 300000,
    "functions": {"directory": "api", "autoUpdateManifest": true, "timeout": 10}
  },
  "enhanced": {"netlifyManager": {"backupInterval": 900000}},
  "git": {"autoCommit": true}, "marketing": {}, "build": {}
}"""


def settings(**environment: str) -> Settings:
    return effective(SYSTEM, environment, SettingsFile("file"))


def steps(given: Settings) -> dict[str, list[tuple[str, int]]]:
    return {one.problem: [(rung.step, rung.attempts) for rung in one.rungs] for one in ladders(given)}


def of_file(text: str) -> Settings:
    return effective(SYSTEM, {}, parse_file(text, "file"))


def test_what_is_lost_is_put_back_the_manifest_rewritten_and_the_rest_is_for_a_human() -> None:
    assert steps(settings()) == {
        "file-wiped": [("restore-file", 3)],
        "manifest-stale": [("write-manifest", 3)],
        "function-invalid": [],
        "netlify-toml-damaged": [],
        "deploy-failing": [],
        "functions-folder-missing": [],
    }


def test_settings_may_allow_to_put_back_what_cannot_work() -> None:
    allowed = steps(of_file('{"netlify": {"autoRestore": true}}'))

    assert allowed["function-invalid"] == [("restore-function", 1)]
    assert allowed["netlify-toml-damaged"] == [("restore-file", 1)]


def test_a_manifest_is_left_alone_where_settings_say_so() -> None:
    kept = of_file('{"netlify": {"functions": {"autoRegenerate": false}}}')

    assert steps(kept)["manifest-stale"] == []


def test_every_step_of_the_ladders_is_one_of_the_system() -> None:
    everything = of_file('{"netlify": {"autoRestore": true}}')
    named = {step for rungs in steps(everything).values() for step, _ in rungs}

    assert named == set(SYSTEM.steps)


def test_the_defaults_are_those_that_were_promised() -> None:
    given = settings()

    assert given.seconds("check_interval") == 120.0
    assert given.count("max_failures") == 3
    assert given.seconds("backup_interval") == 600.0
    assert not given.flag("auto_deploy")


def test_the_old_settings_file_is_read_without_a_complaint() -> None:
    given = of_file(OLD_FILE)

    assert [one.split(": ")[1] for one in given.warnings] == ["git", "marketing", "build"]
    assert given.seconds("check_interval") == 60.0
    assert given.count("max_failures") == 5
    assert given.seconds("deploy_timeout") == 300.0
    assert given.seconds("backup_interval") == 900.0
    assert given.text("functions_directory") == "api"
    assert given.flag("auto_deploy")


def test_an_unknown_key_is_told_with_its_nearest_neighbour() -> None:
    given = of_file('{"netlify": {"autoRestor": true}}')

    assert given.warnings == ("file: netlify.autoRestor: unknown key; did you mean netlify.autoRestore?",)
