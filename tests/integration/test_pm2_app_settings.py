"""What the settings file says of single apps, against a real PM2."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from automation.systems.pm2.steps import NOT_NEEDED, restart
from tests.guarding import LONGER_THAN_ANY_WAIT_S, Ground, Watch
from tests.real_pm2 import VERSIONS, Pm2Home

pytestmark = [pytest.mark.pm2, pytest.mark.timeout(90)]
each_version = pytest.mark.parametrize("pm2_version", VERSIONS, indirect=True)
ONCE = "setTimeout(() => process.exit(0), 300)"


@pytest.fixture
def ground(pm2_home: Pm2Home) -> Iterator[Ground]:
    ground = Ground(pm2_home)
    yield ground
    ground.client.close()


def settings(ground: Ground, **pm2: object) -> None:
    path = ground.workspace / "automation" / "redundancy-config.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"pm2": pm2}), "utf-8")


def problems(ground: Ground) -> list[tuple[str, str]]:
    return [(one["problem"], one["subject"]) for one in ground.report["findings"]]


def test_s8_apps_that_are_left_out_are_not_acted_on(ground: Ground) -> None:
    settings(ground, include=["w*"], exclude=["w-old"], apps={"w-off": {"ignore": True}})
    for name in ("api", "w-old", "w-off"):
        ground.fragile(name)
    ground.home.start_app("web")
    for name in ("api", "w-old", "w-off"):
        ground.wait_for(name, "errored")
    with Watch(ground) as watch:
        watch.leaves_alone()

    assert ground.report["subjects"] == {"total": 1, "healthy": 1}
    assert ground.report["status"] == "healthy"


def test_s8_an_empty_include_guards_nothing(ground: Ground) -> None:
    settings(ground, include=[])
    ground.fragile("web")
    ground.wait_for("web", "errored")
    with Watch(ground) as watch:
        watch.leaves_alone()

    assert (ground.report["status"], ground.report["score"]) == ("disabled", None)


@each_version
def test_a_required_app_that_pm2_would_never_start_by_itself_is_started(ground: Ground) -> None:
    settings(ground, processes=["never"])
    never = ground.home.apps / "never.config.js"
    app = "{name: 'never', script: './app.js', autostart: false, env: {COLOUR: 'red'}}"
    never.write_text(f"module.exports = {{apps: [{app}]}}", "utf-8")
    (ground.home.apps / "app.js").write_text("setInterval(() => {}, 1000)", "utf-8")
    assert ground.home.cli("start", never).returncode == 0
    with Watch(ground) as watch:
        watch.until("it runs", lambda: ground.one("never").status == "online", skip_s=5.0)

        assert ground.acts() == [("restart", "never")]
        assert len(ground.listed()) == 1
        assert ground.entry(ground.one("never").pm_id)["pm2_env"]["COLOUR"] == "red"
        watch.look()
        assert ground.report["status"] == "healthy"


@each_version
def test_s11_a_required_one_shot_runs_again_until_a_person_stops_it(ground: Ground) -> None:
    settings(ground, apps={"on*": {"required": True}})
    ground.home.start_app(
        "once",
        f"setTimeout(() => {{}}, 3600000); if (!require('fs').existsSync(__dirname + '/on')) {ONCE}",
        "--no-autorestart",
    )
    with Watch(ground) as watch:
        watch.look()
        ground.wait_for("once", "stopped")
        (ground.home.apps / "on").touch()
        watch.until("it runs", lambda: ground.one("once").status == "online", skip_s=5.0)
        assert ground.acts() == [("restart", "once")]

        ground.home.cli("stop", "once")
        watch.until("it is known", lambda: ("required-stopped", "once") in problems(ground))
        watch.leaves_alone()

        assert restart(watch.observer, "once") == NOT_NEEDED  # a step that had been decided on before
        assert ground.report["status"] == "warning"
        assert ground.one("once").status == "stopped"


def test_doctor_says_what_holds_for_single_apps_why_keys_have_no_effect_and_no_secret(ground: Ground) -> None:
    address = "http://127.0.0.1/x?token=hunter2hunter2"
    settings(
        ground, apps={"w*": {"critical": True, "probe": {"http": address}, "memoryMb": None}}, include=[]
    )
    path = ground.workspace / "automation" / "redundancy-config.json"
    path.write_text(
        json.dumps(json.loads(path.read_text("utf-8")) | {"monitoring": {"logRetention": 5}}), "utf-8"
    )
    ground.home.start_app("web")
    text, document = ground.run("doctor"), ground.run("doctor", "--json")
    said = {one["name"]: one for one in json.loads(document.stdout)["settings"]}

    assert said["apps"]["origin"] == "automation/redundancy-config.json: pm2.apps"
    assert said["apps"]["value"] == {
        "w*": {"critical": True, "probe.http": "http://127.0.0.1/x?token=[redacted]", "memoryMb": None}
    }
    assert said["include"]["value"] == []
    assert (
        'apps = {"w*": {"critical": true, "probe.http": "http://127.0.0.1/x?token=[redacted]"' in text.stdout
    )
    assert "monitoring.logRetention: no effect here: logs are rotated by size" in text.stdout
    assert "hunter2" not in text.stdout + text.stderr + document.stdout + document.stderr


def test_a_required_app_that_is_missing_is_told_to_a_human(ground: Ground) -> None:
    settings(ground, apps={"site": {"required": True, "critical": True}})
    ground.home.start_app("web")
    with Watch(ground) as watch:
        watch.look(times=2)
        ground.clock.skip(LONGER_THAN_ANY_WAIT_S)
        watch.look(times=2)  # no file declares it: nothing is waited for, nor tried again

    assert ground.acts() == [("start-from-ecosystem", "site")]
    assert problems(ground) == [("required-missing", "site")]
    assert ground.report["status"] == "critical"
    assert [one["subject"] for one in ground.report["recovery"]["needsHuman"]] == ["site"]
