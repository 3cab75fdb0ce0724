"""The ecosystem file, as a configuration and as a starter, on each PM2 that is in use."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from automation.core.moments import from_text
from automation.launch import apps, places
from automation.systems.pm2.daemon.starting import OF_PM2
from tests.launch_ground import GUARD, ROOT, bystander, eventually, listed, log_of, pm2_home, small_suite
from tests.real_pm2 import VERSIONS, Pm2Home

STARTER = "ecosystem.enhanced-redundancy"


newest = pytest.mark.parametrize("pm2", VERSIONS[-1:], indirect=True)


@pytest.fixture(params=VERSIONS)
def pm2(request: pytest.FixtureRequest) -> Iterator[Pm2Home]:
    with pm2_home(request.param) as home:
        yield home


def evaluated(suite: Path, **variables: str) -> list[dict[str, Any]]:
    script = (
        'process.stdout.write(JSON.stringify(require("./ecosystem.enhanced-redundancy.config.cjs").apps))'
    )
    ran = subprocess.run(
        ["node", "-e", script],
        cwd=suite,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", **variables},
        check=True,
        capture_output=True,
        text=True,
    )
    found: list[dict[str, Any]] = json.loads(ran.stdout)
    return found


def start(pm2: Pm2Home, suite: Path, *words: str, **variables: str) -> None:
    pm2.cli("start", str(suite / f"{STARTER}.cjs"), *words, env=variables)
    eventually("the starter has gone", lambda: STARTER not in listed(pm2))


@pytest.mark.pm2
@pytest.mark.timeout(60)
def test_starting_the_file_starts_the_apps_and_leaves_no_starter(pm2: Pm2Home, tmp_path: Path) -> None:
    suite = small_suite(tmp_path / "suite")

    start(pm2, suite, OF_THE_SHELL="leaks", REDUNDANCY_LOG_LEVEL="DEBUG", PM2_MAX_RESTARTS="7")

    entry = listed(pm2)[GUARD]
    environment = Path(f"/proc/{entry['pid']}/environ").read_text("utf-8").split("\0")
    assert set(listed(pm2)) == {GUARD}
    assert entry["pm2_env"]["status"] == "online"
    assert entry["pm2_env"]["pm_exec_path"] == str(suite / "automation" / apps.TABLE[0].script)
    assert entry["pm2_env"]["pm_out_log_path"] == str(suite / "logs" / "enhanced-pm2-out.log")
    assert {"PM2_MAX_RESTARTS=7", "PM2_CHECK_INTERVAL=30000", "REDUNDANCY_LOG_LEVEL=DEBUG"} <= set(
        environment
    )
    assert not [line for line in environment if "OF_THE_SHELL" in line]


@pytest.mark.pm2
@pytest.mark.timeout(60)
def test_an_app_that_refuses_its_settings_stays_stopped(pm2: Pm2Home, tmp_path: Path) -> None:
    suite = small_suite(tmp_path / "suite")
    (suite / "refuse").touch()

    start(pm2, suite)

    # PM2 shows `waiting restart` and means nothing by it: an app that truly waits keeps its dead pid.
    entry = eventually("exited", lambda: (one := listed(pm2)[GUARD])["pm2_env"].get("exit_code") == 3 and one)
    assert entry["pid"] == 0
    assert entry["pm2_env"]["restart_time"] == 0


@pytest.mark.pm2
@pytest.mark.timeout(60)
def test_starting_it_again_restarts_the_apps_with_a_newer_stamp(pm2: Pm2Home, tmp_path: Path) -> None:
    suite = small_suite(tmp_path / "suite")
    start(pm2, suite)
    before = listed(pm2)[GUARD]

    start(pm2, suite, "--", "--only", GUARD)

    after = listed(pm2)[GUARD]
    stamps = [from_text(entry["pm2_env"]["REDUNDANCY_STARTED_AT"]) for entry in (before, after)]
    assert after["pid"] != before["pid"]
    assert stamps[1] > stamps[0]


@pytest.mark.pm2
@pytest.mark.timeout(60)
def test_an_unknown_name_starts_nothing_and_the_log_names_the_known_ones(
    pm2: Pm2Home, tmp_path: Path
) -> None:
    suite = small_suite(tmp_path / "suite")

    start(pm2, suite, "--", "--only", "nonsense")

    assert listed(pm2) == {}
    assert f'no app is named "nonsense"; known: {GUARD}' in log_of(pm2, STARTER)


@newest
@pytest.mark.pm2
@pytest.mark.timeout(60)
def test_a_name_that_another_program_holds_is_not_taken_over(pm2: Pm2Home, tmp_path: Path) -> None:
    suite = small_suite(tmp_path / "suite")
    pid = bystander(pm2, tmp_path / "automation" / "enhanced-pm2-redundancy.js", GUARD)

    start(pm2, suite)

    assert listed(pm2)[GUARD]["pid"] == pid
    assert f"{GUARD} is held by {tmp_path}/automation/enhanced-pm2-redundancy.js" in log_of(pm2, STARTER)


@newest
@pytest.mark.pm2
@pytest.mark.timeout(60)
def test_without_an_installation_the_log_says_what_to_run(pm2: Pm2Home, tmp_path: Path) -> None:
    suite = small_suite(tmp_path / "suite")
    (suite / ".venv" / "bin" / "python").unlink()

    start(pm2, suite)

    assert listed(pm2) == {}
    assert "run automation/start-enhanced-redundancy.sh once" in log_of(pm2, STARTER)


@newest
@pytest.mark.pm2
@pytest.mark.timeout(60)
def test_the_configuration_by_its_own_name_takes_only(pm2: Pm2Home, tmp_path: Path) -> None:
    suite = small_suite(tmp_path / "a suite")

    pm2.cli("start", str(suite / f"{STARTER}.config.cjs"), "--only", GUARD, env={"OF_THE_SHELL": "leaks"})

    entry = listed(pm2)[GUARD]
    assert entry["pm2_env"]["status"] == "online"
    assert entry["pm2_env"]["pm_exec_path"] == str(suite / "automation" / apps.TABLE[0].script)
    assert "leaks" not in json.dumps(entry["pm2_env"])


def test_the_file_says_so_when_it_is_run_by_hand(tmp_path: Path) -> None:
    suite = small_suite(tmp_path / "suite")

    ran = subprocess.run(
        ["node", suite / f"{STARTER}.cjs"], capture_output=True, text=True, check=False, timeout=15
    )

    assert ran.returncode == 3
    assert "this file is for PM2" in ran.stderr


def test_only_what_exists_is_offered(tmp_path: Path) -> None:
    suite = small_suite(tmp_path / "suite")
    (suite / "automation" / apps.TABLE[3].script).touch()

    assert [app["name"] for app in evaluated(suite)] == [GUARD, "master-redundancy-orchestrator"]


def test_both_tables_name_the_same_apps_scripts_and_logs(tmp_path: Path) -> None:
    suite = small_suite(tmp_path / "suite")
    for app in apps.TABLE:
        (suite / "automation" / app.script).touch()

    found = [(app["name"], app["script"], app["out_file"], app["error_file"]) for app in evaluated(suite)]

    assert found == [
        (
            app.name,
            str(suite / "automation" / app.script),
            str(suite / "logs" / f"{app.log_stem}-out.log"),
            str(suite / "logs" / f"{app.log_stem}-error.log"),
        )
        for app in apps.TABLE
    ]


def test_an_app_gets_the_settings_of_its_own_system_alone(tmp_path: Path) -> None:
    suite = small_suite(tmp_path / "suite")
    for app in apps.TABLE:
        (suite / "automation" / app.script).touch()

    pm2, github, *_ = evaluated(
        suite, GITHUB_REPOSITORY="o/r", PM2_MAX_RESTARTS="9", REDUNDANCY_MODE="observe"
    )

    assert "GITHUB_REPOSITORY" not in pm2["env"]
    assert github["env"]["GITHUB_REPOSITORY"] == "o/r"
    assert "PM2_MAX_RESTARTS" not in github["env"]
    assert pm2["env"]["REDUNDANCY_MODE"] == github["env"]["REDUNDANCY_MODE"] == "observe"
    assert pm2["env"]["PM2_MAX_RESTARTS"] == "9"


def test_a_default_that_nobody_set_is_named_as_one(tmp_path: Path) -> None:
    (pm2,) = evaluated(small_suite(tmp_path / "suite"), PM2_MAX_RESTARTS="5")

    assert pm2["env"]["REDUNDANCY_DEFAULTS"] == "PM2_CHECK_INTERVAL=30000 PM2_BACKUP_INTERVAL=300000"


def test_who_must_not_end_a_shutdown_gives_no_stamp(tmp_path: Path) -> None:
    suite = small_suite(tmp_path / "suite")

    (kept,) = evaluated(suite, REDUNDANCY_KEEP_SHUTDOWN="1", REDUNDANCY_STARTED_AT="2000-01-01T00:00:00Z")
    (stamped,) = evaluated(suite, REDUNDANCY_STARTED_AT="2000-01-01T00:00:00Z")

    assert "REDUNDANCY_STARTED_AT" not in kept["env"]
    assert "REDUNDANCY_KEEP_SHUTDOWN" not in kept["env"]
    assert from_text(stamped["env"]["REDUNDANCY_STARTED_AT"]) > from_text("2026-01-01T00:00:00Z")


def test_logs_and_workspace_go_where_the_settings_say(tmp_path: Path) -> None:
    suite = small_suite(tmp_path / "suite")

    (pm2,) = evaluated(suite, REDUNDANCY_WORKSPACE=str(tmp_path / "site"), REDUNDANCY_LOGS_DIR="var")

    assert pm2["cwd"] == str(tmp_path / "site")
    assert pm2["out_file"] == str(tmp_path / "site" / "var" / "enhanced-pm2-out.log")
    assert pm2["interpreter"] == str(suite / ".venv" / "bin" / "python")


def test_s19_the_master_gets_what_the_programs_that_it_starts_read_but_no_token() -> None:
    given = {
        "GITHUB_TOKEN": "never in the dump twice",
        "NETLIFY_AUTH_TOKEN": "nor this one",
        "GITHUB_TOKEN_FILE": "/etc/github-token",
        "NETLIFY_SITE_ID": "a-site",
        "PM2_MAX_RESTARTS": "7",
    }
    environments = {one["name"]: one["env"] for one in evaluated(ROOT, **given)}
    master, guard = (environments[name] for name in ("master-redundancy-orchestrator", GUARD))

    assert {name: master.get(name) for name in given} == dict.fromkeys(
        ("GITHUB_TOKEN", "NETLIFY_AUTH_TOKEN")
    ) | {name: given[name] for name in ("GITHUB_TOKEN_FILE", "NETLIFY_SITE_ID", "PM2_MAX_RESTARTS")}
    assert "GITHUB_MAX_FAILURES" not in master
    assert [name for name in given if name in guard] == ["PM2_MAX_RESTARTS"]


def test_the_start_script_passes_on_all_that_the_ecosystem_file_reads() -> None:
    text = (ROOT / f"{STARTER}.cjs").read_text("utf-8")

    missing = [name for name in places.PASSED_ON if name not in text]

    assert missing == []


def test_s19_what_moves_pm2s_files_reaches_the_apps_and_the_rest_of_the_shell_does_not(
    tmp_path: Path,
) -> None:
    said = {name: f"/of/{name}" for name in OF_PM2}
    (app,) = evaluated(small_suite(tmp_path / "suite"), **said, PM2_OF_THE_SHELL="leaks")

    assert said.items() <= app["env"].items()
    assert "PM2_OF_THE_SHELL" not in app["env"]
