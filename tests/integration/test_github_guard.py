"""The GitHub guard as the program that people run: its commands, and what it does by itself."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from automation.engine.calling import Call
from automation.engine.cycle import run_cycle
from automation.ports.clock import SteppedClock
from automation.ports.locks import locked
from automation.systems.github import SYSTEM
from automation.systems.github.commands import trigger
from tests.fake_github import FakeGitHub
from tests.fake_service import Fault
from tests.github_ground import BOMB, BROKEN, CI, FOLDER, NIGHTLY, Ground
from tests.service_ground import eventually

CI_PATH, NIGHTLY_PATH = f"{FOLDER}/ci.yml", f"{FOLDER}/nightly.yml"
TOKEN = FakeGitHub.TOKEN


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    """Give a workspace with two workflows and no git."""
    made = Ground(tmp_path / "work")
    made.write("ci.yml", CI)
    made.write("nightly.yml", NIGHTLY)
    return made


@pytest.fixture
def github(ground: Ground) -> Iterator[FakeGitHub]:
    """Give a GitHub that the workspace asks, and which knows its workflows."""
    with FakeGitHub() as fake:
        ground.asks(fake)
        fake.add_workflow("ci.yml", dispatchable=False)
        fake.add_workflow("nightly.yml")
        yield fake
    assert fake.violations == []


@contextmanager
def nobody_answers() -> Iterator[str]:
    """Give an address on this machine at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def as_they_were(ground: Ground) -> bool:
    return all(
        path.exists() and path.read_bytes() == data
        for path, data in ((ground.path("ci.yml"), CI), (ground.path("nightly.yml"), NIGHTLY))
    )


def wipe(ground: Ground) -> None:
    """Delete one workflow and empty the other, both as if long ago."""
    ground.path("ci.yml").unlink()
    ground.write("nightly.yml", b"")


# --- looking --------------------------------------------------------------------------------------


def test_check_looks_once_and_writes_nothing(ground: Ground, github: FakeGitHub) -> None:
    github.add_run(1001, event="schedule")
    before = sorted(ground.workspace.rglob("*"))

    ran = ground.run("check")
    said = json.loads(ground.run("check", "--json").stdout)

    assert (ran.returncode, ran.stderr) == (0, "")
    assert "healthy, score 1.00, 2 of 2 healthy" in ran.stdout
    assert [one["file"] for one in said["workflows"]] == [CI_PATH, NIGHTLY_PATH]
    assert said["workflows"][1]["lastRun"]["conclusion"] == "success"
    assert said["rate"]["remaining"] > 0
    assert sorted(ground.workspace.rglob("*")) == before


def test_status_and_report_say_what_the_guard_saw(ground: Ground, github: FakeGitHub) -> None:
    before = ground.run("status")
    for _ in range(3):
        github.add_run(1000, event="push", conclusion="failure")
    github.workflows[1001]["state"] = "disabled_inactivity"
    with ground.started():
        status = ground.run("status")
        report = ground.run("report")
        eventually("a backup", lambda: list(ground.workspace.glob("backups/github-actions/*/manifest.json")))

    assert before.returncode == 3
    assert status.returncode == 1
    assert f"warning: {CI_PATH}: runs-failing: its last 3 runs on main failed" in status.stdout
    assert "do: `gh workflow enable 1001`" in report.stdout
    assert ground.report["stopped"]["reason"] == "signal"


def test_a_second_guard_is_refused(ground: Ground) -> None:
    with ground.started() as child:
        second = ground.run("start")

    assert (second.returncode, f"pid {child.pid}" in second.stderr) == (75, True)


def test_without_workflows_there_is_nothing_to_guard(tmp_path: Path) -> None:
    ground = Ground(tmp_path / "bare")
    ground.environment["GITHUB_TOKEN"] = TOKEN

    check = ground.run("check")

    assert (check.returncode, check.stderr) == (0, "")
    assert "disabled, no score, nothing to guard" in check.stdout
    assert ground.run("validate").stdout == f"{FOLDER} holds no workflow\n"
    assert ground.run("recovery").stdout == "nothing is wrong: no step was taken\n"
    assert ground.run("backup").stdout.startswith("nothing changed")


def test_a_github_that_is_down_does_not_keep_the_files_from_being_judged(ground: Ground) -> None:
    ground.write("ci.yml", BROKEN)
    with nobody_answers() as address:
        ground.environment |= {
            "GITHUB_API_URL": address,
            "GITHUB_REPOSITORY": "o/r",
            "GITHUB_TOKEN": TOKEN,
        }
        ran = ground.run("check")

    assert (ran.returncode, ran.stderr) == (1, "")
    assert f"critical: {CI_PATH}: workflow-invalid: line 3" in ran.stdout
    assert "warning: GitHub: api-unreachable: http://127.0.0.1" in ran.stdout


def test_hostile_files_are_judged_and_nothing_else(ground: Ground) -> None:
    ground.write("bomb.yml", BOMB)
    ground.write("binary.yml", bytes(range(256)))
    ground.write("empty.yml", b"")
    ground.write("nul.yml", b"\0" * 4096)

    ran = ground.run("check")

    assert ran.returncode == 2
    said = dict(line.removeprefix("  critical: ").split(": ", 1) for line in ran.stdout.splitlines()[1:])
    assert {name.removeprefix(f"{FOLDER}/"): text.split(" (for")[0] for name, text in said.items()} == {
        "binary.yml": "workflow-invalid: line 1, column 1: nul-bytes: "
        "the file holds NUL bytes; it was not written whole",
        "bomb.yml": said[f"{FOLDER}/bomb.yml"].split(" (for")[0],
        "empty.yml": "file-wiped: it is empty",
        "nul.yml": "file-wiped: it is filled with NUL bytes",
    }
    assert "too-many-values" in said[f"{FOLDER}/bomb.yml"]


def test_wrong_settings_stop_every_program_with_one_line(ground: Ground) -> None:
    for name, value in (("GITHUB_MAX_FAILURES", "0"), ("GITHUB_REPOSITORY", "nonsense")):
        ran = ground.run("check", **{name: value})

        assert (ran.returncode, ran.stdout) == (3, "")
        assert ran.stderr.startswith(f"{name}: expected ")
        assert ran.stderr.count("\n") == 1


def test_the_token_is_printed_nowhere(ground: Ground, github: FakeGitHub) -> None:
    with ground.started():
        said = [ground.run(*words) for words in (("doctor",), ("doctor", "--json"), ("report", "--json"))]
    log = (ground.workspace.parent / "guard.log").read_text("utf-8")
    kept = [path.read_text("utf-8") for path in (ground.workspace / "logs").rglob("*") if path.is_file()]

    assert "GITHUB_TOKEN" in said[0].stdout
    assert f"{github.repository} at {github.url}, with a token" in said[0].stdout
    assert TOKEN not in "".join((log, *kept, *(one.stdout + one.stderr for one in said)))


# --- putting back ---------------------------------------------------------------------------------


def test_the_guard_puts_back_what_was_deleted_and_emptied_from_git(ground: Ground) -> None:
    ground.commit()
    with ground.started():
        wipe(ground)
        eventually("both workflows are back", lambda: as_they_were(ground))
        eventually("a healthy report", lambda: ground.report["status"] == "healthy")
        recent = ground.report["recovery"]["recent"]

    assert {(one["subject"], one["ok"]) for one in recent} == {(CI_PATH, True), (NIGHTLY_PATH, True)}
    assert {step for step, _, _ in ground.acts()} == {"restore-file"}
    assert ground.git("status", "--porcelain", ".github") == ""


def test_the_guard_puts_back_what_was_deleted_and_emptied_from_a_snapshot_without_git(ground: Ground) -> None:
    assert ground.run("backup").returncode == 0
    with ground.started():
        wipe(ground)
        eventually("both workflows are back", lambda: as_they_were(ground))

    assert all("from snapshot" in detail for _, _, detail in ground.acts())


def test_the_newest_valid_snapshot_is_what_a_file_comes_back_from(ground: Ground) -> None:
    newer = CI.replace(b"make test", b"make all")
    for data in (CI, newer, BROKEN):
        ground.write("ci.yml", data)
        assert ground.run("backup").returncode == 0
    ground.path("ci.yml").unlink()

    ran = ground.run("recovery", "--subject", CI_PATH)

    assert (ran.returncode, ran.stderr) == (0, "")
    assert ground.path("ci.yml").read_bytes() == newer


def test_restore_puts_back_what_was_deleted_and_emptied(ground: Ground) -> None:
    ground.run("backup")
    wipe(ground)
    plan = ground.run("restore", "--dry-run")
    unasked = ground.run("restore")
    assert not ground.path("ci.yml").exists()
    ran = ground.run("restore", "--yes")

    assert (plan.returncode, unasked.returncode, ran.returncode) == (0, 3, 0)
    assert "2 to write" in plan.stdout
    assert as_they_were(ground)


def test_a_snapshot_with_an_invalid_workflow_never_becomes_the_default(ground: Ground) -> None:
    ground.run("backup")
    ground.write("ci.yml", BROKEN)
    ground.run("backup")
    listed = json.loads(ground.run("backups", "--json").stdout)
    ground.run("restore", "--yes")

    assert [one["allValid"] for one in listed] == [True, False]
    assert as_they_were(ground)


def test_actions_and_dependabot_are_backed_up_and_judged_as_yaml(ground: Ground) -> None:
    action = ground.workspace / ".github" / "actions" / "build"
    action.mkdir(parents=True)
    (action / "action.yml").write_bytes(b"runs:\n  using: composite\n")
    (action / "build.sh").write_bytes(b"make\n")
    dependabot = ground.workspace / ".github" / "dependabot.yml"
    dependabot.write_bytes(b"version: [\n")

    ran = ground.run("backup")
    verified = ground.run("verify")

    (manifest,) = ground.workspace.glob("backups/github-actions/*/manifest.json")
    kept = {one["path"]: one["valid"] for one in json.loads(manifest.read_text("utf-8"))["files"]}
    assert (ran.returncode, verified.returncode) == (0, 0)
    assert kept == {
        f"files/{CI_PATH}": True,
        f"files/{NIGHTLY_PATH}": True,
        "files/.github/actions/build/action.yml": True,
        "files/.github/actions/build/build.sh": None,
        "files/.github/dependabot.yml": False,
    }


def test_a_file_that_is_being_edited_and_one_that_is_staged_are_left_alone(ground: Ground) -> None:
    ground.commit()
    ground.write("ci.yml", CI + b"# staged\n")
    ground.git("add", CI_PATH)
    ground.git_rests()
    ground.write("ci.yml", b"")
    ground.path("nightly.yml").write_bytes(b"")  # just now

    ran = ground.run("recovery")

    assert ran.returncode == 1
    assert f"restore-file {CI_PATH}: failed: {CI_PATH} is left alone: a change of it is staged" in ran.stdout
    assert "somebody may be editing it" in ran.stdout
    assert (ground.path("ci.yml").read_bytes(), ground.path("nightly.yml").read_bytes()) == (b"", b"")


def test_a_file_that_stays_empty_is_put_back_when_the_grace_is_over(ground: Ground) -> None:
    ground.commit()
    clock = SteppedClock(time.time())
    with ground.guard(clock) as guard:
        ground.path("ci.yml").write_bytes(b"")
        for _ in range(30):
            run_cycle(guard)
            clock.wait(1.0)
        early = (ground.path("ci.yml").read_bytes(), len(ground.acts()))
        clock.wait(75.0)
        run_cycle(guard)

    assert early == (b"", 1)
    assert [ok for _, ok, _ in ground.acts()] == [False, True]
    assert ground.path("ci.yml").read_bytes() == CI


def test_a_workflow_that_somebody_broke_is_reported_and_left_as_it_is(ground: Ground) -> None:
    ground.commit()
    ground.write("ci.yml", BROKEN)
    clock = SteppedClock(time.time())
    with ground.guard(clock) as guard:
        for _ in range(20):
            run_cycle(guard)
            clock.wait(300.0)

    assert ground.acts() == []
    assert ground.path("ci.yml").read_bytes() == BROKEN
    assert [one["subject"] for one in ground.report["recovery"]["needsHuman"]] == [CI_PATH]


def test_where_settings_say_so_a_broken_workflow_is_put_back_after_a_snapshot(ground: Ground) -> None:
    ground.commit()
    ground.settings(autoRestore=True)
    ground.write("ci.yml", BROKEN)
    clock = SteppedClock(time.time())
    with ground.guard(clock) as guard:
        for _ in range(8):
            run_cycle(guard)
            clock.wait(100.0)

    assert as_they_were(ground)
    assert [(step, ok) for step, ok, _ in ground.acts()] == [
        ("fix", False),
        ("fix", False),
        ("restore-file", True),
    ]
    kept = [path.read_bytes() for path in ground.workspace.glob(f"backups/*/*/files/{CI_PATH}")]
    assert kept == [BROKEN]


# --- runs -----------------------------------------------------------------------------------------


def test_the_guard_runs_a_named_workflow_again_once(ground: Ground, github: FakeGitHub) -> None:
    newest = [github.add_run(1000, event="push", conclusion="failure", run_attempt=1) for _ in range(3)][-1]
    ground.settings(rerun=["ci.yml"])
    clock = SteppedClock(time.time())
    with ground.guard(clock) as guard:
        for _ in range(40):
            run_cycle(guard)
            github.finish(newest, "failure")
            clock.wait(300.0)

    assert github.runs[newest]["run_attempt"] == 2
    assert ground.acts()[0][:2] == ("rerun", True)
    assert all("once is what is allowed" in detail for _, _, detail in ground.acts()[1:])
    posts = [one for one in github.asked if one.method == "POST"]
    assert len(posts) == 1


def test_trigger_starts_a_run_and_prints_its_id_and_address(ground: Ground, github: FakeGitHub) -> None:
    ran = ground.run("trigger", "nightly.yml", "--ref", "main", "--input", "target=a=b", "--input", "x=")
    as_json = ground.run("trigger", NIGHTLY_PATH, "--json")

    first, second = sorted(github.runs)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == f"run {first}: {github.runs[first]['html_url']}\n"
    assert json.loads(as_json.stdout) == {"id": second, "url": github.runs[second]["html_url"]}
    bodies = [json.loads(one.body) for one in github.asked]
    assert bodies[0] == {"ref": "main", "inputs": {"target": "a=b", "x": ""}}
    assert [(step, ok) for step, ok, _ in ground.acts()] == [("trigger", True)] * 2


def test_what_was_triggered_by_hand_stands_in_the_guard_s_report(ground: Ground, github: FakeGitHub) -> None:
    ground.run("trigger", "nightly.yml")
    with ground.started():
        recent = ground.report["recovery"]["recent"]

    assert [(one["step"], one["subject"], one["ok"]) for one in recent] == [("trigger", "nightly.yml", True)]
    assert str(max(github.runs)) in recent[0]["detail"]


def test_an_enterprise_server_that_does_not_name_the_run_is_asked_for_it(ground: Ground) -> None:
    with FakeGitHub(edition="ghes-3.19") as fake:
        ground.asks(fake)
        fake.now_s = time.time()
        fake.add_workflow("nightly.yml")
        ran = ground.run("trigger", "nightly.yml")

    assert ran.stdout == f"run {max(fake.runs)}: {fake.runs[max(fake.runs)]['html_url']}\n"
    assert fake.violations == []


def test_a_run_that_nobody_can_name_was_started_all_the_same(
    ground: Ground, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeGitHub(edition="ghes-3.19") as fake:
        ground.asks(fake)
        fake.runs_appear_after = 99
        fake.add_workflow("nightly.yml")
        options = {"workflow": "nightly.yml"}
        clock = SteppedClock(fake.now_s)
        code = trigger(Call(SYSTEM, "trigger", ground.workspace, ground.environment, options, clock))

    assert (code, len(fake.runs)) == (0, 1)
    assert capsys.readouterr().out == "nightly.yml was started; this GitHub does not say as which run\n"


def test_a_trigger_that_github_refuses_says_so_in_one_line(ground: Ground, github: FakeGitHub) -> None:
    cases = (
        (("trigger", "ci.yml"), "does not have 'workflow_dispatch' trigger"),
        (("trigger", "other.yml"), "GitHub knows no workflow other.yml"),
        (("trigger", "nightly.yml", "--ref", "nowhere"), "No ref found for: nowhere"),
    )
    for words, said in cases:
        ran = ground.run(*words)

        assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (1, "", 1)
        assert said in ran.stderr
    assert [ok for _, ok, _ in ground.acts()] == [False] * 3
    assert github.runs == {}


def test_a_trigger_without_an_answer_says_that_it_may_have_been_done(
    ground: Ground, github: FakeGitHub
) -> None:
    github.fail(Fault(reset=True))
    ran = ground.run("trigger", "nightly.yml")

    assert (ran.returncode, len(github.runs)) == (1, 1)
    assert "it may have been done all the same" in ran.stderr


def test_a_trigger_is_refused_while_github_wants_to_be_left_alone(ground: Ground, github: FakeGitHub) -> None:
    github.fail(Fault(status=429, headers={"Retry-After": "600"}))
    ran = ground.run("trigger", "nightly.yml")

    assert (ran.returncode, ran.stderr.startswith("GitHub takes no more requests until ")) == (1, True)


def test_without_a_token_a_trigger_says_so_and_does_nothing(ground: Ground, github: FakeGitHub) -> None:
    ran = ground.run("trigger", "nightly.yml", GITHUB_TOKEN="")  # none
    wrong = ground.run("trigger", "nightly.yml", GITHUB_TOKEN="wrong-one")  # noqa: S106  # opens nothing

    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (1, "", 1)
    assert "nothing was started: without GITHUB_TOKEN_FILE or GITHUB_TOKEN" in ran.stderr
    assert (wrong.returncode, "does not take the token" in wrong.stderr) == (1, True)
    assert github.runs == {}


def test_a_trigger_waits_for_nobody(ground: Ground, github: FakeGitHub) -> None:
    state = ground.workspace / "logs" / "state" / "github"
    state.mkdir(parents=True)
    with locked(state / "action.lock", purpose="another act", since="now"):
        ran = ground.run("trigger", "nightly.yml")

    assert (ran.returncode, "another act" in ran.stderr, github.runs) == (75, True, {})


def test_wrong_usage_is_3(ground: Ground) -> None:
    for words in (("trigger",), ("trigger", "x.yml", "--input", "novalue"), ("validate", "nothing.yml")):
        ran = ground.run(*words)

        assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (3, "", 1)


# --- validating -----------------------------------------------------------------------------------


def test_validate_prints_one_line_for_each_finding(ground: Ground) -> None:
    clean = ground.run("validate")
    ground.write("ci.yml", CI.replace(b"make test", b""))
    advice = ground.run("validate")
    ground.write("nightly.yml", BROKEN)
    broken = ground.run("validate")
    one = ground.run("validate", CI_PATH, str(ground.path("nightly.yml")))
    as_json = ground.run("validate", "--json", NIGHTLY_PATH)

    assert (clean.returncode, clean.stdout) == (0, "2 files: nothing wrong\n")
    assert (advice.returncode, advice.stdout) == (
        0,
        f"{CI_PATH}:7:9: run-empty: `run` is empty: the step does nothing\n",
    )
    assert broken.returncode == one.returncode == as_json.returncode == 1
    assert broken.stdout.splitlines()[1].startswith(f"{NIGHTLY_PATH}:3:1: yaml-syntax: not YAML")
    assert one.stdout.splitlines()[1].startswith(f"{ground.path('nightly.yml')}:3:1: ")
    assert json.loads(as_json.stdout)[0] == {
        "file": NIGHTLY_PATH,
        "line": 3,
        "column": 1,
        "problem": "yaml-syntax",
        "severity": "critical",
        "message": "not YAML: did not find expected node content",
    }
    assert not (ground.workspace / "logs").exists()
