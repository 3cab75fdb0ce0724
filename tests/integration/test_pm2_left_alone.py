"""What a person, a deploy or PM2 itself did is not undone (safety S13, S14, S16)."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.guarding import LONGER_THAN_ANY_WAIT_S, Ground, Watch, eventually
from tests.real_pm2 import VERSIONS, Pm2Home

pytestmark = [pytest.mark.pm2, pytest.mark.timeout(90)]
each_version = pytest.mark.parametrize("pm2_version", VERSIONS, indirect=True)

LISTENS = """
const server = require('http').createServer((_, answer) => answer.end('ok'));
server.listen(0, '127.0.0.1');
process.on('SIGINT', () => setTimeout(() => process.exit(0), 300));
"""


@pytest.fixture
def ground(pm2_home: Pm2Home) -> Iterator[Ground]:
    ground = Ground(pm2_home)
    yield ground
    ground.client.close()


@each_version
def test_s13_apps_that_were_stopped_by_hand_stay_stopped(ground: Ground) -> None:
    many = ground.home.apps / "many.json"
    sleep = {"script": "/bin/sleep", "args": "1000", "exec_interpreter": "none"}
    many.write_text(json.dumps({"apps": [sleep | {"name": f"app{number}"} for number in range(20)]}), "utf-8")
    ground.home.cli("start", many)
    with Watch(ground) as watch:
        watch.look()
        assert ground.home.cli("stop", "all").returncode == 0

        watch.until(
            "each stop is known to be a person's",
            lambda: {row["intent"] for row in ground.report["processes"]} == {"stopped-by-hand"},
        )
        watch.leaves_alone()

        assert {one.status for one in ground.listed()} == {"stopped"}
        assert len(ground.listed()) == 20
        assert ground.report["subjects"] == {"total": 0, "healthy": 0}


@each_version
def test_s13_apps_that_are_not_meant_to_run_are_left_alone(ground: Ground) -> None:
    ground.home.start_app("runs")
    ground.home.start_app("once", "setTimeout(() => process.exit(0), 300)", "--no-autorestart")
    ground.home.start_app("failed", "setTimeout(() => process.exit(5), 300)", "--no-autorestart")
    ground.home.start_app("hourly", "process.exit(0)", "--no-autorestart", "--cron-restart=0 * * * *")
    ground.home.start_app("done", "setTimeout(() => process.exit(9), 300)", "--stop-exit-codes=9")
    never = ground.home.apps / "never.config.js"
    app = "{name: 'never', script: './app.js', autostart: false}"
    never.write_text(f"module.exports = {{apps: [{app}]}}", "utf-8")
    (ground.home.apps / "app.js").write_text("setInterval(() => {}, 1000)", "utf-8")
    with Watch(ground) as watch:
        watch.look()
        assert ground.home.cli("start", never).returncode == 0
        for name in ("once", "failed", "hourly", "done", "never"):
            ground.wait_for(name, "stopped")
        watch.leaves_alone()

        intents = {row["name"]: row["intent"] for row in ground.report["processes"]}
        assert intents == {
            "runs": "",
            "once": "one-shot",
            "failed": "one-shot",
            "hourly": "scheduled",
            "done": "ended-itself",
            "never": "not-autostarted",
        }
        assert ground.report["status"] == "healthy"


@each_version
def test_s13_an_app_that_nobody_stopped_comes_back(ground: Ground) -> None:
    ground.home.start_app("web")
    with Watch(ground) as watch:
        watch.look()
        ground.client.stop(ground.one("web").pm_id)

        watch.until("it runs", lambda: ground.one("web").status == "online")

        assert ground.acts() == [("restart", "web")]


def test_s13_a_stop_that_nobody_saw_counts_as_a_persons(ground: Ground) -> None:
    ground.home.start_app("web")
    with Watch(ground) as watch:
        watch.look()
    ground.client.stop(ground.one("web").pm_id)

    with Watch(ground) as watch:
        watch.leaves_alone()

        assert watch.intent("web") == "stopped-unseen"


def test_s13_a_stop_by_hand_is_remembered_by_the_next_guard(ground: Ground) -> None:
    ground.home.start_app("web")
    with Watch(ground) as watch:
        watch.look()
        ground.home.cli("stop", "web")
        watch.until("it is known", lambda: watch.intent("web") == "stopped-by-hand")

    with Watch(ground) as watch:
        watch.leaves_alone()

        assert watch.intent("web") == "stopped-by-hand"


def test_s13_an_errored_app_that_a_person_then_stops_is_left_alone(ground: Ground) -> None:
    ground.fragile("web")
    ground.wait_for("web", "errored")
    with Watch(ground, PM2_MAX_RESTARTS="1") as watch:
        watch.look()
        ground.home.cli("stop", "web")
        watch.until("it is known", lambda: watch.intent("web") == "stopped-by-hand")
        before = ground.acts()
        watch.leaves_alone()

        assert ground.acts() == before


@each_version
def test_s13_apps_that_were_deleted_stay_deleted(ground: Ground) -> None:
    for name in ("runs", "before", "during"):
        ground.home.start_app(name)
    ground.home.cli("delete", "before")
    with Watch(ground) as watch:
        watch.look()
        ground.home.cli("delete", "during")
        watch.leaves_alone()

        assert [one.name for one in ground.listed()] == ["runs"]
        gone = {one["name"]: one["deleted"] for one in ground.kept("intents.json")["gone"]}
        assert gone == {"during": True}


@each_version
def test_s16_reload_scale_delete_and_start_pass_without_an_act(ground: Ground) -> None:
    ground.home.start_app("web", LISTENS, "-i", "4")
    script = ground.home.apps / "app0.js"
    with Watch(ground) as watch:
        watch.look()
        for words in (
            ("reload", "web"),
            ("scale", "web", "2"),
            ("scale", "web", "4"),
            ("restart", "web"),
            ("delete", "web"),
            ("start", script, "--name=web", "-i", "4"),
        ):
            watch_while(watch, ground, *map(str, words))
        eventually("all run", lambda: [one.status for one in ground.listed()] == ["online"] * 4)
        watch.look(times=3, skip_s=LONGER_THAN_ANY_WAIT_S)

        assert ground.audit == []
        assert ground.report["status"] == "healthy"


def watch_while(watch: Watch, ground: Ground, *words: str) -> None:
    """Run a command of PM2's, and look all the while, as often as can be."""
    with ground.pm2(*words) as command:
        watch.until(f"pm2 {words[0]} ends", lambda: command.poll() is not None)
    watch.look(times=2)

    assert command.returncode == 0


@each_version
def test_s16_pm2_update_passes_without_an_act(ground: Ground) -> None:
    ground.home.start_app("web")
    ground.home.start_app("more", "setInterval(() => {}, 1000)", "-i", "2")
    old = ground.home.daemon_pid()
    with Watch(ground) as watch:
        watch.look()
        watch_while(watch, ground, "update")
        watch.until(
            "there is another daemon", lambda: ground.report.get("daemon", {}).get("pid") not in {None, old}
        )
        watch.look(times=3, skip_s=LONGER_THAN_ANY_WAIT_S)

        assert ground.audit == []
        assert len(ground.listed()) == 3
        assert ground.report["status"] == "healthy"
        assert ground.report["recovery"]["needsHuman"] == []


def test_s6_an_app_that_is_named_as_one_of_ours_is_never_a_subject(ground: Ground) -> None:
    ground.fragile("enhanced-netlify-functions-redundancy")
    ground.fragile("ecosystem.enhanced-redundancy")
    ground.wait_for("ecosystem.enhanced-redundancy", "errored")
    ground.wait_for("enhanced-netlify-functions-redundancy", "errored")
    with Watch(ground) as watch:
        watch.leaves_alone()

        assert ground.report["subjects"] == {"total": 0, "healthy": 0}
        assert ground.report["score"] is None
        assert {row["expected"] for row in ground.report["processes"]} == {False}
        assert ground.kept("roster.json")["entries"] == []


@pytest.mark.parametrize("name", ["two words", 'it\'s "quoted"', "prüfung-東京", "-dash", "a:0", "$HOME;ls"])
def test_whatever_an_app_is_named_it_comes_back(ground: Ground, name: str) -> None:
    broken = ground.fragile(name)
    ground.wait_for(name, "errored")
    broken.unlink()
    with Watch(ground) as watch:
        watch.until("it runs", lambda: ground.one(name).status == "online")

    assert ground.acts() == [("restart", name)]
