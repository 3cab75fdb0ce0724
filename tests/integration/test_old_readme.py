"""The command lines that users of the suite know, each judged by what it changed in the world.

One real PM2, a real git repository with a workflow, a function and an ecosystem file, GitHub and Netlify on
loopback; the four programs run as PM2 apps, started by the ecosystem file as people do.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fake_github import FakeGitHub
from tests.fake_netlify import SITE_ID, FakeNetlify
from tests.fake_netlify import TOKEN as NETLIFY_TOKEN
from tests.launch_ground import copy_project, eventually, listed, pm2_home
from tests.real_pm2 import NODE, Pm2Home, pm2_script

pytestmark = [pytest.mark.pm2, pytest.mark.timeout(180)]

APPS = (
    "enhanced-pm2-redundancy",
    "enhanced-github-actions-redundancy",
    "enhanced-netlify-functions-redundancy",
    "master-redundancy-orchestrator",
)
SCRIPTS = {
    "pm2": "enhanced_pm2_redundancy.py",
    "github": "enhanced_github_actions_redundancy.py",
    "netlify": "enhanced_netlify_functions_redundancy.py",
    "master": "master_redundancy_orchestrator.py",
}
REPORTS = {
    "pm2": "pm2-health-report.json",
    "github": "github-actions-health-report.json",
    "netlify": "netlify-functions-health-report.json",
    "master": "master-redundancy-report.json",
}
WORKFLOW = Path(".github/workflows/nightly.yml")
WORKFLOW_TEXT = (
    "name: nightly\non:\n  workflow_dispatch:\n  schedule:\n    - cron: '0 3 * * *'\n"
    "jobs:\n  build:\n    runs-on: ubuntu-latest\n    steps:\n      - run: make\n"
)
FUNCTION = Path("netlify/functions/hello.js")
FUNCTION_TEXT = "exports.handler = async () => ({ statusCode: 200, body: 'hello' });\n"
ECOSYSTEM = Path("ecosystem.site.config.cjs")
ECOSYSTEM_TEXT = "module.exports = { apps: [] };\n"
LONG_AGO_S = 3600.0
AGAIN_S = 100.0  # a second try for the same subject waits up to 72 s


@dataclass(frozen=True)
class Suite:
    """The running suite: its folder, its PM2, and what its programs are told."""

    folder: Path
    pm2: Pm2Home
    told: dict[str, str]

    def run(self, system: str, *words: str, timeout_s: float = 90.0) -> subprocess.CompletedProcess[str]:
        """Run one command of one program, as a person does."""
        argv = [sys.executable, str(self.folder / "automation" / SCRIPTS[system]), *words]
        return subprocess.run(
            argv, env=self.told, cwd="/", capture_output=True, text=True, timeout=timeout_s, check=False
        )

    def start_script(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the Python part of the start script: the environment is there already."""
        argv = [sys.executable, "-m", "automation.launch", str(NODE), str(pm2_script("7")), *words]
        return subprocess.run(
            argv, env=self.told, cwd=self.folder, capture_output=True, text=True, timeout=120, check=False
        )

    def report(self, system: str) -> dict[str, object]:
        """Return a report; empty before there is one."""
        path = self.folder / "logs" / REPORTS[system]
        record: dict[str, object] = json.loads(path.read_text("utf-8")) if path.exists() else {}
        return record

    def git(self, *words: str) -> None:
        """Run git in the suite's folder."""
        subprocess.run(
            ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *words],
            cwd=self.folder,
            check=True,
            capture_output=True,
        )

    def age(self, *paths: Path) -> None:
        """Make it long ago that git and an editor were at work."""
        then = time.time() - LONG_AGO_S
        for path in (*(self.folder / ".git").rglob("*"), *paths):
            if path.exists():
                os.utime(path, (then, then))


@pytest.fixture(scope="module")
def github() -> Iterator[FakeGitHub]:
    with FakeGitHub() as fake:
        fake.add_workflow("nightly.yml")
        yield fake
    assert fake.violations == []


@pytest.fixture(scope="module")
def netlify() -> Iterator[FakeNetlify]:
    with FakeNetlify() as fake:
        fake.add_deploy()
        fake.add_deploy()
        yield fake
    assert fake.violations == []


@pytest.fixture(scope="module")
def suite(
    tmp_path_factory: pytest.TempPathFactory, github: FakeGitHub, netlify: FakeNetlify
) -> Iterator[Suite]:
    """Start the four programs as PM2 apps, and give them back when all have reported."""
    folder = copy_project(tmp_path_factory.mktemp("site") / "suite")
    (folder / ".venv").symlink_to(sys.prefix)
    for path, text in (
        (WORKFLOW, WORKFLOW_TEXT),
        (FUNCTION, FUNCTION_TEXT),
        (ECOSYSTEM, ECOSYSTEM_TEXT),
        (Path("netlify.toml"), '[build]\n  publish = "public"\n  functions = "netlify/functions"\n'),
    ):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    with pm2_home() as pm2:
        measured = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
        told = (
            pm2.environment
            | measured
            | {
                "GITHUB_TOKEN": FakeGitHub.TOKEN,
                "GITHUB_API_URL": github.url,
                "GITHUB_REPOSITORY": github.repository,
                "NETLIFY_AUTH_TOKEN": NETLIFY_TOKEN,
                "NETLIFY_API_URL": netlify.url,
                "NETLIFY_SITE_ID": SITE_ID,
                "PM2_CHECK_INTERVAL": "2s",
                "GITHUB_CHECK_INTERVAL": "2s",
                "NETLIFY_CHECK_INTERVAL": "2s",
                "REDUNDANCY_CHECK_INTERVAL": "2s",
            }
        )
        made = Suite(folder, pm2, told)
        made.git("init", "-q", "-b", "main")
        made.git("add", "-A")
        made.git("commit", "-qm", "The site")
        made.age()
        ran = made.start_script()
        assert ran.returncode in {0, 1}, ran.stdout + ran.stderr
        eventually("four reports", lambda: all(made.report(name) for name in REPORTS), 60.0)
        yield made


def test_the_start_script_starts_the_four_and_shows_them(suite: Suite) -> None:
    shown = suite.start_script("--status")

    assert {name: listed(suite.pm2)[name]["pm2_env"]["status"] for name in APPS} == dict.fromkeys(
        APPS, "online"
    )
    assert all(name in shown.stdout for name in APPS)


@pytest.mark.parametrize("system", list(SCRIPTS))
def test_status_says_what_the_report_says(suite: Suite, system: str) -> None:
    def fresh() -> subprocess.CompletedProcess[str] | None:
        ran = suite.run(system, "status", "--json")
        return None if ran.returncode == 3 else ran

    ran = eventually("a fresh report", fresh, AGAIN_S)

    assert ran is not None
    said = json.loads(ran.stdout)
    assert said["system"] == system
    assert not said["stale"]
    code = {"healthy": 0, "disabled": 0, "warning": 1, "critical": 2}[said["status"]]
    assert ran.returncode == (2 if said["mode"] == "emergency" else code)


@pytest.mark.parametrize("system", list(SCRIPTS))
def test_report_prints_the_whole_report(suite: Suite, system: str) -> None:
    ran = suite.run(system, "report")

    assert ran.returncode == 0
    assert "findings" in ran.stdout
    assert "recovery" in ran.stdout


def test_pm2_recovery_brings_back_an_app_that_pm2_gave_up_on(suite: Suite) -> None:
    paused = suite.run("pm2", "pause", "--reason", "the command shall do it")
    script = suite.pm2.apps / "sick.py"
    script.write_text("raise SystemExit(1)\n", "utf-8")
    suite.pm2.start_app("sick", script, f"--interpreter={sys.executable}")
    eventually("PM2 gives up", lambda: listed(suite.pm2)["sick"]["pm2_env"]["status"] == "errored", 40.0)
    script.write_text("import time\n\ntime.sleep(600)\n", "utf-8")
    resumed = suite.run("pm2", "resume")

    ran = suite.run("pm2", "recovery")

    assert paused.returncode == resumed.returncode == 0
    assert ran.returncode in {0, 75}, ran.stderr  # 75: the guard itself was quicker, and is at it
    eventually("it runs", lambda: listed(suite.pm2)["sick"]["pm2_env"]["status"] == "online", 20.0)
    suite.pm2.cli("delete", "sick")


def test_github_trigger_starts_a_run(suite: Suite, github: FakeGitHub) -> None:
    ran = suite.run("github", "trigger", "nightly.yml")

    assert ran.returncode == 0, ran.stderr
    assert any(asked.method == "POST" and "dispatches" in asked.target for asked in github.asked)


def test_github_validate_says_that_the_workflows_are_whole(suite: Suite) -> None:
    ran = suite.run("github", "validate")

    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_netlify_manifest_is_written_and_then_current(suite: Suite) -> None:
    written = suite.run("netlify", "manifest")
    checked = suite.run("netlify", "manifest", "--check")

    manifest = json.loads((suite.folder / FUNCTION.parent / "functions-manifest.json").read_text("utf-8"))
    assert (written.returncode, checked.returncode) == (0, 0), written.stderr + checked.stderr
    assert manifest["functions"] == ["hello"]


def test_netlify_deploy_says_in_one_line_what_is_missing_where_no_cli_is_installed(suite: Suite) -> None:
    assert shutil.which("netlify") is None

    ran = suite.run("netlify", "deploy")

    assert ran.returncode == 1
    assert len(ran.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("path", [WORKFLOW, FUNCTION, ECOSYSTEM])
def test_backup_and_restore_bring_a_deleted_file_back_byte_for_byte(suite: Suite, path: Path) -> None:
    system = {WORKFLOW: "github", FUNCTION: "netlify", ECOSYSTEM: "pm2"}[path]
    suite.run(system, "pause")
    taken = suite.run(system, "backup")
    text = (suite.folder / path).read_bytes()
    (suite.folder / path).unlink()

    plan = suite.run(system, "restore", "--path", str(path), "--dry-run")
    absent = not (suite.folder / path).exists()
    restored = suite.run(system, "restore", "--path", str(path), "--yes")

    assert taken.returncode == plan.returncode == restored.returncode == 0, taken.stderr + restored.stderr
    assert absent
    assert (suite.folder / path).read_bytes() == text
    suite.run(system, "resume")


@pytest.mark.parametrize("path", [WORKFLOW, FUNCTION, ECOSYSTEM])
def test_a_guard_puts_back_a_deleted_file_by_itself(suite: Suite, path: Path) -> None:
    text = (suite.folder / path).read_bytes()
    suite.age(suite.folder / path)
    (suite.folder / path).unlink()

    eventually("it is back", (suite.folder / path).exists, AGAIN_S)

    assert (suite.folder / path).read_bytes() == text


@pytest.mark.parametrize("path", [WORKFLOW, FUNCTION, ECOSYSTEM])
def test_a_file_that_is_being_edited_is_left_alone(suite: Suite, path: Path) -> None:
    text = (suite.folder / path).read_bytes()
    system = {WORKFLOW: "github", FUNCTION: "netlify", ECOSYSTEM: "pm2"}[path]
    cycle = int(str(suite.report(system)["cycle"]))
    (suite.folder / path).write_bytes(b"")

    try:
        eventually("four looks", lambda: int(str(suite.report(system)["cycle"])) >= cycle + 4, AGAIN_S)
        left = (suite.folder / path).read_bytes()
    finally:
        (suite.folder / path).write_bytes(text)

    assert left == b""


def test_the_master_backs_up_everything_as_one_set(suite: Suite) -> None:
    ran = suite.run("master", "backup")

    assert ran.returncode == 0, ran.stderr
    newest = max((suite.folder / "backups/master").glob("2*"))
    named = json.loads((newest / "set/set.json").read_text("utf-8"))["snapshots"]
    assert set(named) == {"pm2", "github", "netlify"}
    assert suite.run("master", "restore", "--dry-run").returncode == 0


def test_the_master_restarts_a_guard_that_was_stopped(suite: Suite) -> None:
    name = APPS[1]
    suite.pm2.cli("stop", name)

    eventually("it runs again", lambda: listed(suite.pm2)[name]["pm2_env"]["status"] == "online", AGAIN_S)


def test_the_pm2_guard_restarts_a_master_that_was_stopped(suite: Suite) -> None:
    suite.pm2.cli("stop", APPS[3])

    eventually("it runs again", lambda: listed(suite.pm2)[APPS[3]]["pm2_env"]["status"] == "online", AGAIN_S)


def test_all_four_killed_at_once_come_back_by_pm2_and_the_master_scores_the_whole_again(suite: Suite) -> None:
    def online() -> dict[str, int]:
        listing = listed(suite.pm2)
        pids = {name: int(listing[name]["pid"]) for name in APPS if name in listing}
        return pids if all(pids.get(name) for name in APPS) else {}

    def reported() -> bool:
        """Tell whether the reports are written by those that run now, and by none of the killed."""
        writers = {int(str(suite.report(name)["pid"])) for name in REPORTS}
        return writers == set(online().values()) and not writers & set(killed.values())

    killed = eventually("all four run", online, AGAIN_S)
    for pid in killed.values():
        os.kill(pid, signal.SIGKILL)

    eventually("four fresh reports by new programs", reported, AGAIN_S)
    eventually("the overall score", lambda: suite.report("master")["score"] is not None, AGAIN_S)

    rows = suite.report("master")["systems"]
    assert isinstance(rows, dict)
    assert set(rows) == set(REPORTS) - {"master"}
    for system in SCRIPTS:
        said = json.loads(suite.run(system, "status", "--json").stdout)
        assert not said["stale"], system
        assert "stopped" not in said


def test_pm2_killed_together_with_its_guard_is_brought_back_by_the_master(suite: Suite) -> None:
    suite.pm2.start_app("web")
    before = eventually("all run", lambda: _pids(suite, "web", *APPS), AGAIN_S)
    eventually(
        "the guard has seen it", lambda: "web" in json.dumps(suite.report("pm2")["processes"]), AGAIN_S
    )
    daemon = suite.pm2.end_daemon(signal.SIGKILL)
    os.kill(before[APPS[0]], signal.SIGKILL)

    eventually("another daemon", lambda: suite.pm2.daemon_pid() not in {None, daemon}, AGAIN_S)
    after = eventually("all run", lambda: _pids(suite, "web", *APPS), AGAIN_S)

    assert not set(before.values()) & set(after.values())
    eventually("the guard reports", lambda: suite.report("pm2")["pid"] == after[APPS[0]], AGAIN_S)
    said = eventually("it is told", lambda: _restarts(suite), AGAIN_S)
    assert said[-1].startswith("PM2 was not running; ")
    suite.pm2.cli("delete", "web")


def _restarts(suite: Suite) -> list[str]:
    """Return what the audit log says of restarts of the PM2 guard by the master."""
    lines = (suite.folder / "logs/audit.jsonl").read_text("utf-8").splitlines()
    acts = [json.loads(line) for line in lines]
    return [
        one["detail"]
        for one in acts
        if (one["event"], one["step"], one["subject"]) == ("acted", "restart-guard", "pm2")
    ]


def _pids(suite: Suite, *names: str) -> dict[str, int]:
    """Return the pids of these apps; empty unless all run."""
    listing = listed(suite.pm2)
    pids = {name: int(listing[name]["pid"]) for name in names if name in listing}
    return pids if all(pids.get(name) for name in names) else {}


def test_an_emergency_goes_through_its_four_steps_and_the_report_tells_the_story(suite: Suite) -> None:
    ran = suite.run("master", "emergency", timeout_s=150)

    steps = [line.partition(":")[0] for line in (ran.stdout + ran.stderr).splitlines()]
    order = [
        step for step in dict.fromkeys(steps) if step in {"pause-guards", "back-up", "recover", "free-guards"}
    ]
    assert order == ["pause-guards", "back-up", "recover", "free-guards"], ran.stdout + ran.stderr
    assert not (suite.folder / "logs/state/lease.json").exists()


def test_shutdown_stops_exactly_the_four_and_the_start_script_starts_them_again(suite: Suite) -> None:
    script = suite.pm2.apps / "other.py"
    script.write_text("import time\n\ntime.sleep(600)\n", "utf-8")
    suite.pm2.start_app("other", script, f"--interpreter={sys.executable}")

    ran = suite.run("master", "shutdown")

    status = {name: one["pm2_env"]["status"] for name, one in listed(suite.pm2).items()}
    assert ran.returncode == 0, ran.stderr
    assert {name: status[name] for name in APPS} == dict.fromkeys(APPS, "stopped")
    assert status["other"] == "online"
    again = suite.start_script()
    assert again.returncode in {0, 1, 2}, again.stderr
    status = {name: one["pm2_env"]["status"] for name, one in listed(suite.pm2).items()}
    assert {name: status[name] for name in APPS} == dict.fromkeys(APPS, "online")
    suite.pm2.cli("delete", "other")
