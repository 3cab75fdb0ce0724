"""`build`, `deploy` and `rollback`: the real program, a stand-in for netlify-cli, and a small Netlify."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from automation.core.errors import StepRefused
from automation.ports.clock import SteppedClock
from automation.systems.netlify.deploying import connected
from automation.systems.netlify.memory import Memory
from automation.systems.netlify.rolling_back import choose, go_back
from tests.fake_netlify import SITE_ID, TOKEN, FakeNetlify
from tests.fake_service import Fault
from tests.netlify_ground import FOLDER, SCRIPT, EndingNetlify, Ground


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    made = Ground(tmp_path / "workspace")
    made.site()
    return made


@pytest.fixture
def netlify() -> Iterator[EndingNetlify]:
    with EndingNetlify() as fake:
        yield fake
    assert fake.violations == []


def published(fake: FakeNetlify) -> str:
    """Return which deploy is live."""
    return fake.published_id or ""


# --- build ----------------------------------------------------------------------------------------


def test_build_says_in_one_line_that_netlify_cli_is_not_installed(ground: Ground, tmp_path: Path) -> None:
    ran = ground.run("build", PATH=str(tmp_path))

    assert ran.returncode == 1
    assert ran.stderr.startswith("netlify-cli is not installed; `npm install")
    assert ran.stderr.count("\n") == 1


def test_build_runs_without_the_network_where_there_is_no_token(ground: Ground) -> None:
    ground.has_cli()

    ran = ground.run("build")

    assert ran.returncode == 0
    assert ran.stdout.splitlines()[-1] == "the build succeeded"
    assert ground.cli_calls() == [{"argv": ["build", "--offline"], "environment": {"CI": "true"}}]


def test_a_build_that_fails_is_exit_1_and_shows_no_token(ground: Ground, netlify: EndingNetlify) -> None:
    ground.asks(netlify)
    ground.has_cli(status=2, says="Error: bundling failed")

    ran = ground.run("build")

    assert ran.returncode == 1
    assert ran.stderr == "the build failed: netlify build exited with status 2\n"
    assert "Error: bundling failed" in ran.stdout
    assert TOKEN not in ran.stdout + ran.stderr
    assert ground.cli_calls()[0]["argv"] == ["build"]


def test_the_projects_own_netlify_cli_comes_first(ground: Ground) -> None:
    ground.has_cli(status=3)
    own = ground.write("node_modules/.bin/netlify", b"#!/bin/sh\necho of the project\n")
    own.chmod(0o755)

    ran = ground.run("build")

    assert ran.stdout.splitlines() == ["of the project", "the build succeeded"]


def test_a_build_that_does_not_end_is_killed(ground: Ground) -> None:
    own = ground.write("node_modules/.bin/netlify", b"#!/bin/sh\nexec sleep 60\n")
    own.chmod(0o755)
    ground.settings(deployTimeout=300)

    ran = ground.run("build")

    assert ran.returncode == 1
    assert "did not end within 0.3 s" in ran.stderr


def test_a_project_without_functions_is_deployed_without_them(ground: Ground, netlify: EndingNetlify) -> None:
    shutil.rmtree(ground.workspace / "netlify")
    ground.asks(netlify)
    ground.has_cli()

    assert ground.run("deploy").returncode == 0
    assert "--functions" not in ground.cli_calls()[0]["argv"]


# --- deploy ---------------------------------------------------------------------------------------


def test_a_deploy_is_watched_until_it_is_live(ground: Ground, netlify: EndingNetlify) -> None:
    ground.asks(netlify)
    ground.has_cli()

    ran = ground.run("deploy")

    call = ground.cli_calls()[0]
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == f"deploy {published(netlify)} is live: https://example.netlify.app\n"
    assert call["argv"] == [
        *("deploy", "--no-build", "--json", "--skip-functions-cache", "--site", "example"),
        *("--dir", "public", "--functions", FOLDER, "--prod-if-unlocked"),
    ]
    assert call["environment"] == {
        "CI": "true",
        "NETLIFY_API_URL": netlify.url,
        "NETLIFY_AUTH_TOKEN": TOKEN,
        "NETLIFY_SITE_ID": SITE_ID,
    }
    assert [one[:2] for one in ground.acts()] == [("deploy", True)]


def test_a_draft_gets_an_address_of_its_own(ground: Ground, netlify: EndingNetlify) -> None:
    ground.asks(netlify)
    ground.has_cli()

    said = json.loads(ground.run("deploy", "--draft", "--json").stdout)

    assert said["live"] is False
    assert said["url"] == f"https://{said['id']}--example.netlify.app"
    assert "--prod-if-unlocked" not in ground.cli_calls()[0]["argv"]


def test_a_deploy_that_fails_says_why_and_is_in_the_report(ground: Ground, netlify: EndingNetlify) -> None:
    live = netlify.add_deploy()
    netlify.ends_as = "error"
    ground.asks(netlify)
    ground.has_cli()

    ran = ground.run("deploy")
    with ground.started():
        recent = ground.report["recovery"]["recent"]

    assert ran.returncode == 1
    assert "is error: Build failed" in ran.stderr
    assert published(netlify) == live
    assert [(one["step"], one["ok"], one["by"].split(":")[0]) for one in recent] == [
        ("deploy", False, "hand")
    ]


def test_beside_a_locked_deploy_only_drafts_are_deployed(ground: Ground, netlify: EndingNetlify) -> None:
    live = netlify.add_deploy(locked=True)
    ground.asks(netlify)
    ground.has_cli()

    ran, draft = ground.run("deploy"), ground.run("deploy", "--draft")

    assert ran.returncode == 1
    assert f"deploy {live} is locked" in ran.stderr
    assert draft.returncode == 0, draft.stderr
    assert len(ground.cli_calls()) == 1


def test_a_deploy_that_a_lock_kept_back_is_not_called_live(ground: Ground, netlify: EndingNetlify) -> None:
    live = netlify.add_deploy()
    netlify.locks_the_live_one = True
    ground.asks(netlify)
    ground.has_cli()
    ground.settings(deployTimeout="2s")

    ran = ground.run("deploy")

    assert ran.returncode == 1
    assert f"is ready, and not live: deploy {live} is locked and live" in ran.stderr


def test_a_deploy_that_does_not_end_is_given_up_and_may_still_become_live(
    ground: Ground, netlify: EndingNetlify
) -> None:
    netlify.ends_as = "uploading"
    ground.asks(netlify)
    ground.has_cli()
    ground.settings(deployTimeout="1s")

    ran = ground.run("deploy")

    assert ran.returncode == 1
    assert "it may yet become live" in ran.stderr


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"status": 1, "says": "Error: no space left"}, "exited with status 1: Error: no space left"),
        ({"prints": "deployed!"}, "did not say which deploy it made"),
        ({"prints": "{"}, "did not say which deploy it made"),
    ],
)
def test_a_command_line_that_fails_is_one_line(
    ground: Ground, netlify: EndingNetlify, wanted: dict[str, object], said: str
) -> None:
    ground.asks(netlify)
    ground.has_cli(**wanted)

    ran = ground.run("deploy")

    assert ran.returncode == 1
    assert said in ran.stderr
    assert TOKEN not in ran.stdout + ran.stderr
    assert netlify.deploys == {}


@pytest.mark.parametrize("private", [".env", "backups/x", "logs/x", ".git/HEAD"])
def test_what_must_never_leave_is_not_deployed(ground: Ground, netlify: EndingNetlify, private: str) -> None:
    ground.asks(netlify)
    ground.has_cli()
    ground.write(f"public/{private}", b"SECRET=1\n")

    ran = ground.run("deploy")

    assert ran.returncode == 1
    assert f"holds {private.partition('/')[0]}, which must never leave (safety S23)" in ran.stderr
    assert ground.cli_calls() == []


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        (b'[build]\npublish = "dist"\n', "dist"),
        (b"[build\n", "netlify.toml:1:"),
        (b"", "which must never leave"),
    ],
)
def test_a_publish_folder_that_is_none_is_not_deployed(
    ground: Ground, netlify: EndingNetlify, toml: bytes, said: str
) -> None:
    ground.write("netlify.toml", toml)
    ground.write("logs/x", b"x")
    ground.asks(netlify)
    ground.has_cli()

    ran = ground.run("deploy")

    assert ran.returncode == 1
    assert said in ran.stderr
    assert ground.cli_calls() == []


@pytest.mark.parametrize("command", ["deploy", "rollback"])
@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"NETLIFY_AUTH_TOKEN": ""}, "nothing was done: without NETLIFY_AUTH_TOKEN_FILE"),
        ({"NETLIFY_SITE_ID": ""}, "nothing was done: which site this is"),
        ({"NETLIFY_AUTH_TOKEN": "wrong-token"}, "Netlify does not take the token"),
        ({"NETLIFY_API_URL": "http://127.0.0.1:9/api/v1"}, "no connection"),
    ],
)
def test_without_a_way_to_netlify_nothing_is_changed(
    ground: Ground, netlify: EndingNetlify, command: str, environment: dict[str, str], said: str
) -> None:
    ground.has_cli()
    ground.asks(netlify, **environment)

    ran = ground.run(command)

    assert ran.returncode == 1
    assert said in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert ground.cli_calls() == []


# --- rollback -------------------------------------------------------------------------------------


def test_a_rollback_goes_to_the_newest_good_deploy_and_sees_that_it_is_live(
    ground: Ground, netlify: EndingNetlify
) -> None:
    ground.asks(netlify)
    good = netlify.add_deploy()
    netlify.add_deploy(publish=False)
    bad = netlify.add_deploy()

    ran = ground.run("rollback", "--yes")

    assert ran.returncode == 0, ran.stderr
    assert published(netlify) == good
    assert f"deploy {good} is live again, {bad} is not" in ran.stdout
    assert [one[:2] for one in ground.acts()] == [("rollback", True)]


def test_rollbacks_never_go_in_turns_but_a_person_may_name_a_deploy(
    ground: Ground, netlify: EndingNetlify
) -> None:
    ground.asks(netlify)
    good, bad = netlify.add_deploy(), netlify.add_deploy()
    ground.run("rollback", "--yes")

    again = ground.run("rollback", "--yes")
    after_again = published(netlify)
    named = ground.run("rollback", bad, "--yes", "--json")

    assert again.returncode == 1
    assert "came by a rollback" in again.stderr
    assert after_again == good
    assert json.loads(named.stdout) == {"from": good, "to": bad, "live": True}
    assert published(netlify) == bad


def test_off_a_terminal_a_rollback_needs_yes(ground: Ground, netlify: EndingNetlify) -> None:
    ground.asks(netlify)
    netlify.add_deploy()
    bad = netlify.add_deploy()

    ran = ground.run("rollback")

    assert ran.returncode == 3
    assert "needs --yes" in ran.stderr
    assert published(netlify) == bad


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("\n", 1)])
def test_on_a_terminal_a_person_is_asked(
    ground: Ground, netlify: EndingNetlify, answer: str, code: int
) -> None:
    ground.asks(netlify)
    good, bad = netlify.add_deploy(), netlify.add_deploy()
    terminal, its_end = os.openpty()
    os.write(terminal, answer.encode())
    try:
        ran = subprocess.run(
            [sys.executable, str(SCRIPT), "rollback"],
            env=ground.program_environment(),
            stdin=its_end,
            capture_output=True,
            text=True,
            check=False,
            timeout=15,
        )
    finally:
        os.close(terminal)
        os.close(its_end)

    assert ran.returncode == code
    assert f"publish {good} again? [y/N]" in ran.stderr
    assert published(netlify) == (good if code == 0 else bad)


def test_a_deploy_that_was_published_while_a_person_thought_is_not_rolled_back(
    ground: Ground, netlify: EndingNetlify
) -> None:
    ground.asks(netlify)
    netlify.add_deploy()
    netlify.add_deploy()
    context = ground.context(SteppedClock(netlify.now_s))
    _, api = connected(context)
    current, target = choose(api, Memory(context.layout.state), "")
    newest = netlify.add_deploy()

    with pytest.raises(StepRefused, match="published meanwhile"):
        go_back(context, api, current, target)

    assert published(netlify) == newest


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "no earlier production deploy was ready and published; `rollback DEPLOY`"),
        (("nothing",), "deploy nothing is not among the newest"),
    ],
)
def test_without_a_target_nothing_is_rolled_back(
    ground: Ground, netlify: EndingNetlify, words: tuple[str, ...], said: str
) -> None:
    ground.asks(netlify)
    netlify.add_deploy()

    ran = ground.run("rollback", *words, "--yes")

    assert ran.returncode == 1
    assert said in ran.stderr


def test_a_site_without_a_deploy_has_nothing_to_roll_back(ground: Ground, netlify: EndingNetlify) -> None:
    ground.asks(netlify)

    ran = ground.run("rollback", "--yes")

    assert ran.returncode == 1
    assert "nothing is published" in ran.stderr


def test_a_rollback_whose_answer_was_lost_is_looked_for(ground: Ground, netlify: EndingNetlify) -> None:
    ground.asks(netlify)
    good = netlify.add_deploy()
    netlify.add_deploy()
    netlify.fail(Fault(), Fault(), Fault(), Fault(reset=True))

    ran = ground.run("rollback", "--yes")

    assert ran.returncode == 0, ran.stderr
    assert "it may have been done all the same: looking" in ran.stderr
    assert published(netlify) == good


def test_a_rollback_that_does_not_take_effect_is_not_called_done(
    ground: Ground, netlify: EndingNetlify
) -> None:
    ground.asks(netlify)
    ground.settings(deployTimeout="1s")
    netlify.add_deploy()
    bad = netlify.add_deploy()
    netlify.restores_take_effect = False

    ran = ground.run("rollback", "--yes")

    assert ran.returncode == 1
    assert f"is not live after 1 s: {bad} is" in ran.stderr
    assert [one[:2] for one in ground.acts()] == [("rollback", False)]
