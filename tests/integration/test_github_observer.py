"""The eyes and the steps of the GitHub guard, over real files and git, and a GitHub of our own."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from automation.core.errors import EffectFailed, LookFailed, NotAllowed, SettingsInvalid, StepRefused
from automation.core.finding import Assessment
from automation.ports.clock import SteppedClock
from automation.systems.github import api, steps
from automation.systems.github.access import NO_TOKEN
from automation.systems.github.doctor import doctor
from automation.systems.github.facts import Facts
from automation.systems.github.observer import NOTHING, GitHubObserver, connect
from tests.fake_github import FakeGitHub
from tests.fake_service import Fault
from tests.github_ground import BROKEN, CI, FOLDER, NIGHTLY, Ground

CI_PATH = f"{FOLDER}/ci.yml"
INTERVAL_S = 60.0
TABS = CI.replace(b"      - run", b"\t- run")


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    """Give a workspace with one workflow and no git."""
    made = Ground(tmp_path / "work")
    made.write("ci.yml", CI)
    return made


@pytest.fixture
def github(ground: Ground) -> Iterator[FakeGitHub]:
    """Give a GitHub that the workspace asks, and which knows its workflow."""
    with FakeGitHub() as fake:
        ground.asks(fake)
        fake.add_workflow("ci.yml")
        yield fake
    assert fake.violations == []


@pytest.fixture
def clock() -> SteppedClock:
    """Give a clock that begins now and moves only when it is told to."""
    return SteppedClock(time.time())


def judged(observer: GitHubObserver) -> Assessment:
    return observer.assess(observer.observe())


def rows(assessment: Assessment) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = assessment.sections["workflows"]  # type: ignore[assignment]  # JSON
    return found


def problems(observer: GitHubObserver) -> list[str]:
    return [finding.problem for finding in judged(observer).findings]


def fail(github: FakeGitHub, count: int = 3, **more: object) -> list[int]:
    workflow = next(iter(github.workflows))
    return [github.add_run(workflow, conclusion="failure", run_attempt=1, **more) for _ in range(count)]


def pushes(github: FakeGitHub, count: int = 3) -> list[int]:
    return fail(github, count, event="push")


# --- looking --------------------------------------------------------------------------------------


def test_workflows_and_runs_are_asked_for_and_reported(
    ground: Ground, github: FakeGitHub, clock: SteppedClock
) -> None:
    run_id = github.add_run(next(iter(github.workflows)), event="push")

    assessment = judged(ground.observer(clock))

    row = rows(assessment)[0]
    assert (row["file"], row["name"], row["state"], row["valid"]) == (CI_PATH, "Checks", "active", True)
    assert (row["lastRun"]["id"], row["lastRun"]["conclusion"]) == (run_id, "success")
    rate = assessment.sections["rate"]
    assert isinstance(rate, dict)
    assert rate["remaining"] == github.rate_remaining
    assert assessment.findings == ()


def test_github_is_never_asked_more_often_than_the_interval(
    ground: Ground, github: FakeGitHub, clock: SteppedClock
) -> None:
    observer = ground.observer(clock)
    for _ in range(59):
        observer.observe()
        clock.wait(1.0)
    once = len(github.asked)
    clock.wait(1.0)
    observer.observe()

    assert once == 2
    assert len(github.asked) == 4


def test_an_unchanged_answer_is_asked_for_with_its_tag_and_costs_nothing(
    ground: Ground, github: FakeGitHub, clock: SteppedClock
) -> None:
    observer = ground.observer(clock)
    observer.observe()
    left = github.rate_remaining
    clock.wait(INTERVAL_S)
    observer.observe()

    assert [one.status for one in github.asked] == [200, 200, 304, 304]
    assert github.rate_remaining == left


def test_without_a_token_github_is_not_asked_and_no_fault_is_found(
    ground: Ground, github: FakeGitHub, clock: SteppedClock
) -> None:
    del ground.environment["GITHUB_TOKEN"]

    assessment = judged(ground.observer(clock))

    assert github.asked == []
    assert (assessment.findings, assessment.sections["note"]) == ((), NO_TOKEN)


def test_a_wrong_token_is_a_warning_and_the_files_count_all_the_same(
    ground: Ground, github: FakeGitHub, clock: SteppedClock
) -> None:
    ground.environment["GITHUB_TOKEN"] = "wrong-one-wrong-one"  # noqa: S105  # opens nothing
    ground.write("ci.yml", BROKEN)

    found = judged(ground.observer(clock)).findings

    assert [one.problem for one in found] == ["workflow-invalid", "api-unreachable"]
    assert "does not take the token" in found[1].message
    assert "wrong-one" not in str(found)
    assert len(github.asked) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault(reset=True),
        Fault(broken_off=True),
        Fault(cut=True),
        Fault(status=502),
        Fault(status=200, body=b"<"),
    ],
)
def test_a_github_that_fails_is_a_warning_and_the_last_known_runs_stand(
    ground: Ground, github: FakeGitHub, clock: SteppedClock, fault: Fault
) -> None:
    pushes(github)
    observer = ground.observer(clock)
    before = problems(observer)
    clock.wait(INTERVAL_S)
    github.add_workflow("new.yml")  # so that the answer is more than "nothing changed"
    github.fail(fault)
    during = problems(observer)
    clock.wait(INTERVAL_S)
    after = problems(observer)

    assert before == ["runs-failing"]
    assert during == ["runs-failing", "api-unreachable"]
    assert after == ["runs-failing"]


def test_a_slow_github_is_given_up_on_in_time(
    ground: Ground, github: FakeGitHub, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "TIMEOUT_S", 0.2)
    github.fail(Fault(slow=True))

    assert problems(ground.observer(clock)) == ["api-unreachable"]


def test_a_github_that_is_not_there_is_asked_less_and_less_often(
    ground: Ground, github: FakeGitHub, clock: SteppedClock
) -> None:
    observer = ground.observer(clock)
    github.fail(*[Fault(status=503)] * 30)
    moments = []
    for second in range(0, 3000, 10):
        before = len(github.asked)
        observer.observe()
        if len(github.asked) > before:
            moments.append(second)
        clock.wait(10.0)

    assert moments == [0, 60, 180, 420, 900, 1500, 2100, 2700]


def test_a_limit_is_waited_for_as_long_as_github_says(
    ground: Ground, github: FakeGitHub, clock: SteppedClock
) -> None:
    github.fail(Fault(status=429, headers={"Retry-After": "1200"}))
    observer = ground.observer(clock)
    found = problems(observer)
    clock.wait(1199.0)
    observer.observe()
    asked = len(github.asked)
    clock.wait(1.0)

    assert found == ["api-unreachable"]
    assert asked == 1
    assert problems(observer) == []
    assert len(github.asked) == 3


def test_a_limit_that_is_soon_over_does_not_make_the_guard_ask_sooner(
    ground: Ground, github: FakeGitHub, clock: SteppedClock
) -> None:
    github.fail(Fault(status=429, headers={"Retry-After": "5"}))
    observer = ground.observer(clock)
    observer.observe()
    clock.wait(INTERVAL_S - 1.0)
    observer.observe()
    asked = len(github.asked)
    clock.wait(1.0)
    observer.observe()

    assert (asked, len(github.asked)) == (1, 3)


def test_a_disabled_workflow_is_reported(ground: Ground, github: FakeGitHub, clock: SteppedClock) -> None:
    github.workflows[1000]["state"] = "disabled_inactivity"

    assert problems(ground.observer(clock)) == ["workflow-disabled"]


def test_runs_of_another_branch_than_the_default_one_do_not_count(
    ground: Ground, github: FakeGitHub, clock: SteppedClock
) -> None:
    fail(github, event="push", head_branch="feature")
    first = problems(ground.observer(clock))
    ground.settings(defaultBranch="feature")

    assert first == []
    assert problems(ground.observer(clock)) == ["runs-failing"]


def test_the_default_branch_is_the_one_that_the_remote_names(
    ground: Ground, github: FakeGitHub, clock: SteppedClock
) -> None:
    ground.commit()
    ground.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk")
    fail(github, event="push", head_branch="trunk")

    assert problems(ground.observer(clock)) == ["runs-failing"]


def test_a_damaged_repository_leaves_the_usual_branches(
    ground: Ground, github: FakeGitHub, clock: SteppedClock
) -> None:
    ground.commit()
    (ground.workspace / ".git" / "config").write_bytes(b"[broken")
    pushes(github)

    assert problems(ground.observer(clock)) == ["runs-failing"]


def test_why_github_is_not_asked_is_logged_once_and_again_when_it_changes(
    ground: Ground, github: FakeGitHub, clock: SteppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="redundancy")
    github.fail(*[Fault(status=503)] * 2)
    observer = ground.observer(clock)
    for _ in range(4):
        observer.observe()
        clock.wait(130.0)

    assert [one.getMessage() for one in caplog.records] == ["github_unreachable", "github_answers"]


# --- files ----------------------------------------------------------------------------------------


def test_an_unchanged_file_is_not_read_again(
    ground: Ground, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    observer = ground.observer(clock)
    first = observer.observe()
    monkeypatch.setattr("automation.systems.github.workflow_files.judged", pytest.fail)

    again: Facts = observer.observe()

    assert again.files == first.files


def test_a_changed_file_is_judged_anew_however_alike_its_fault(ground: Ground, clock: SteppedClock) -> None:
    observer = ground.observer(clock)
    ground.write("ci.yml", BROKEN)
    first = judged(observer).findings
    ground.path("ci.yml").write_bytes(b"\n\n" + BROKEN)

    assert first[0].message.startswith("line 3")
    assert judged(observer).findings[0].message.startswith("line 5")


def test_without_a_workflow_there_is_nothing_to_guard_and_nobody_is_asked(
    ground: Ground, github: FakeGitHub, clock: SteppedClock
) -> None:
    ground.path("ci.yml").unlink()

    assessment = judged(ground.observer(clock))

    assert (assessment.subjects, assessment.sections["note"]) == ((), NOTHING)
    assert github.asked == []


def test_s8_an_empty_selection_guards_no_workflow(ground: Ground, clock: SteppedClock) -> None:
    ground.write("ci.yml", BROKEN)
    ground.settings(include=[])

    assessment = judged(ground.observer(clock))

    assert (assessment.subjects, assessment.findings) == ((), ())


def test_only_what_settings_choose_is_guarded(ground: Ground, clock: SteppedClock) -> None:
    for name in ("a.yml", "b.yml", "c.yml"):
        ground.write(name, CI)
    ground.settings(include=["?.yml"], exclude=["b"])

    assert judged(ground.observer(clock)).subjects == (f"{FOLDER}/a.yml", f"{FOLDER}/c.yml")


def test_what_was_deleted_while_nobody_looked_is_known_from_git(ground: Ground, clock: SteppedClock) -> None:
    ground.write("README.md", b"About these workflows.\n")
    ground.commit()
    ground.path("ci.yml").unlink()
    ground.path("README.md").unlink()

    found = judged(ground.observer(clock)).findings

    assert [one.key for one in found] == [("file-wiped", CI_PATH)]


def test_what_a_sparse_checkout_leaves_out_is_not_missing(ground: Ground, clock: SteppedClock) -> None:
    ground.write("nightly.yml", NIGHTLY)
    ground.commit()
    ground.git("update-index", "--skip-worktree", f"{FOLDER}/nightly.yml")
    ground.path("nightly.yml").unlink()

    assert problems(ground.observer(clock)) == []


def test_a_deletion_that_was_committed_is_meant(ground: Ground, clock: SteppedClock) -> None:
    ground.write("nightly.yml", NIGHTLY)
    ground.commit()
    observer = ground.observer(clock)
    observer.observe()
    ground.path("nightly.yml").unlink()
    before = problems(observer)
    ground.commit()

    assert before == ["file-wiped"]
    assert problems(observer) == []


def test_an_empty_file_beside_an_action_is_nobody_s_fault(ground: Ground, clock: SteppedClock) -> None:
    action = ground.workspace / ".github" / "actions" / "build"
    action.mkdir(parents=True)
    (action / ".keep").touch()
    (action / "action.yml").write_bytes(b"")

    found = judged(ground.observer(clock)).findings

    assert [one.subject for one in found] == [".github/actions/build/action.yml"]


def test_a_file_that_grows_beyond_all_reason_is_not_read(ground: Ground, clock: SteppedClock) -> None:
    with ground.path("ci.yml").open("wb") as file:
        file.truncate(5 * 1024 * 1024)

    (finding,) = judged(ground.observer(clock)).findings

    assert finding.problem == "file-unreadable"
    assert "larger than" in finding.message


def test_a_file_that_cannot_be_looked_at_is_not_called_gone(ground: Ground, clock: SteppedClock) -> None:
    observer = ground.observer(clock)
    observer.observe()
    path = ground.path("ci.yml")
    path.unlink()
    path.symlink_to(path)  # a loop

    (finding,) = judged(observer).findings

    assert finding.problem == "file-unreadable"


def test_a_repository_that_cannot_be_read_hides_no_loss(ground: Ground, clock: SteppedClock) -> None:
    ground.commit()
    observer = ground.observer(clock)
    observer.observe()
    (ground.workspace / ".git" / "config").write_bytes(b"[broken")
    ground.path("ci.yml").unlink()

    assert problems(observer) == ["file-wiped"]
    with pytest.raises(LookFailed):
        observer.files.restore(CI_PATH)
    assert problems(ground.observer(clock)) == []  # a new guard cannot know of it


def test_a_file_is_put_back_into_a_folder_that_is_gone(ground: Ground, clock: SteppedClock) -> None:
    ground.commit()
    shutil.rmtree(ground.workspace / ".github")
    observer = ground.observer(clock)
    clock.wait(INTERVAL_S)

    steps_taken = observer.files.restore(CI_PATH)

    assert "as git's last commit holds it" in steps_taken
    assert (ground.path("ci.yml").read_bytes(), ground.path("ci.yml").stat().st_mode & 0o777) == (CI, 0o644)


# --- access ---------------------------------------------------------------------------------------


def test_a_token_in_a_private_file_opens_github(
    ground: Ground, github: FakeGitHub, clock: SteppedClock, tmp_path: Path
) -> None:
    del ground.environment["GITHUB_TOKEN"]
    token = tmp_path / "token"
    token.write_text(f"{FakeGitHub.TOKEN}\n", "ascii")
    token.chmod(0o600)
    ground.environment["GITHUB_TOKEN_FILE"] = str(token)

    assert problems(ground.observer(clock)) == []
    assert {one.status for one in github.asked} == {200}


def test_another_token_in_the_file_is_used_from_the_next_question_on(
    ground: Ground, github: FakeGitHub, clock: SteppedClock, tmp_path: Path
) -> None:
    del ground.environment["GITHUB_TOKEN"]
    token = tmp_path / "token"
    token.touch(0o600)
    token.write_text("an-old-token", "ascii")
    ground.environment["GITHUB_TOKEN_FILE"] = str(token)
    observer = ground.observer(clock)
    before = problems(observer)
    token.write_text(FakeGitHub.TOKEN, "ascii")
    clock.wait(INTERVAL_S)

    assert before == ["api-unreachable"]
    assert problems(observer) == []
    assert [one.status for one in github.asked] == [401, 200, 200]


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (b"abcdefgh", 0o644, "others may read it (mode 644): `chmod 600"),
        (b" \n", 0o600, "the file is empty"),
        (b"two words", 0o600, "must hold one token and nothing else"),
        (b"\xff\xfe", 0o600, "must hold one token and nothing else"),
        (b"x" * 5000, 0o600, "larger than"),
        (None, 0, "No such file"),
    ],
)
def test_a_token_file_that_cannot_be_used_is_a_warning_that_says_why(
    ground: Ground, clock: SteppedClock, tmp_path: Path, content: bytes | None, mode: int, said: str
) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
        path.chmod(mode)
    ground.environment["GITHUB_TOKEN_FILE"] = str(path)

    (finding,) = judged(ground.observer(clock)).findings

    assert finding.problem == "api-unreachable"
    assert said in finding.message


@pytest.mark.parametrize(
    ("remote", "said"),
    [
        ("", "git has no remote on GitHub"),
        ("/srv/git/work.git", "git has no remote on GitHub"),
        ("https://git.example.com/o/r.git", "the git remote is on git.example.com: set GITHUB_API_URL"),
    ],
)
def test_a_token_goes_to_no_host_that_nobody_named(
    ground: Ground, clock: SteppedClock, remote: str, said: str
) -> None:
    ground.environment["GITHUB_TOKEN"] = FakeGitHub.TOKEN
    ground.commit()
    if remote:
        ground.git("remote", "add", "origin", remote)

    assessment = judged(ground.observer(clock))

    assert said in str(assessment.sections["note"])
    assert assessment.findings == ()


def test_a_repository_that_git_cannot_tell_is_asked_for(ground: Ground, clock: SteppedClock) -> None:
    ground.environment["GITHUB_TOKEN"] = FakeGitHub.TOKEN
    ground.commit()
    (ground.workspace / ".git" / "config").write_bytes(b"[broken")

    assert "set GITHUB_REPOSITORY" in str(judged(ground.observer(clock)).sections["note"])


def test_the_repository_comes_from_the_git_remote(
    ground: Ground, github: FakeGitHub, clock: SteppedClock
) -> None:
    del ground.environment["GITHUB_REPOSITORY"]
    ground.commit()
    ground.git("remote", "add", "origin", f"git@github.com:{github.repository}.git")

    assert problems(ground.observer(clock)) == []
    assert {one.status for one in github.asked} == {200}


@pytest.mark.parametrize("wrong", ["name", "a/b/c", "https://github.com/o/r", "o/r.git", "o/ r"])
def test_a_repository_that_is_none_stops_the_program(ground: Ground, clock: SteppedClock, wrong: str) -> None:
    ground.environment["GITHUB_REPOSITORY"] = wrong

    with pytest.raises(SettingsInvalid, match="GITHUB_REPOSITORY: expected owner/name"):
        ground.observer(clock)


@pytest.mark.parametrize("wrong", ["api.github.com", "ftp://x/y", "https://", "https://[x", "https://h/?a=b"])
def test_an_address_that_is_none_stops_the_program(ground: Ground, clock: SteppedClock, wrong: str) -> None:
    ground.environment["GITHUB_API_URL"] = wrong

    with pytest.raises(SettingsInvalid, match="GITHUB_API_URL: expected an address"):
        ground.observer(clock)


def test_a_token_is_not_sent_for_all_to_read(ground: Ground, clock: SteppedClock) -> None:
    ground.environment |= {
        "GITHUB_TOKEN": FakeGitHub.TOKEN,
        "GITHUB_REPOSITORY": "o/r",
        "GITHUB_API_URL": "http://git.example.com/api/v3",
    }
    observer = ground.observer(clock)

    (finding,) = judged(observer).findings
    assert "not https" in finding.message
    with pytest.raises(NotAllowed):
        observer.polling.api()


def test_doctor_tells_repository_and_address_and_never_the_token(
    ground: Ground, github: FakeGitHub, clock: SteppedClock
) -> None:
    lines = doctor(ground.context(clock))
    ground.commit()
    with_git = doctor(ground.context(clock))
    del ground.environment["GITHUB_TOKEN"]
    without_token = doctor(ground.context(clock))

    assert ("GitHub", f"{github.repository} at {github.url}, with a token", True) in lines
    assert "only snapshots" in lines[0][1]
    assert with_git[0][1].startswith("HEAD is ")
    assert without_token[1] == ("GitHub", NO_TOKEN, True)
    assert FakeGitHub.TOKEN not in str((lines, with_git, without_token))


def test_doctor_tells_a_repository_without_a_commit_and_one_that_is_damaged(
    ground: Ground, clock: SteppedClock
) -> None:
    ground.git("init", "-q")
    empty = doctor(ground.context(clock))
    (ground.workspace / ".git" / "config").write_bytes(b"[broken")
    damaged = doctor(ground.context(clock))

    assert empty[0] == ("git", "no commit yet", True)
    assert damaged[0][2] is False


# --- running again --------------------------------------------------------------------------------


def test_the_newest_failed_run_is_run_again_once(
    ground: Ground, github: FakeGitHub, clock: SteppedClock
) -> None:
    newest = pushes(github)[-1]
    ground.settings(rerun=["ci.yml"])
    observer = ground.observer(clock)
    observer.observe()

    said = steps.rerun(observer, CI_PATH)
    last = rows(judged(observer))[0]["lastRun"]

    assert f"run {newest} again" in said
    assert (github.runs[newest]["status"], github.runs[newest]["run_attempt"]) == ("queued", 2)
    assert (last["id"], last["status"]) == (newest, "queued")


def test_a_run_that_failed_again_is_not_run_a_third_time(
    ground: Ground, github: FakeGitHub, clock: SteppedClock
) -> None:
    newest = pushes(github)[-1]
    ground.settings(rerun=["*"])
    observer = ground.observer(clock)
    observer.observe()
    steps.rerun(observer, CI_PATH)
    github.finish(newest, "failure")
    clock.wait(INTERVAL_S)

    with pytest.raises(StepRefused, match="run again before"):
        steps.rerun(observer, CI_PATH)
    assert github.runs[newest]["run_attempt"] == 2


def test_a_workflow_that_settings_do_not_name_is_not_run_again(
    ground: Ground, github: FakeGitHub, clock: SteppedClock
) -> None:
    newest = pushes(github)[-1]
    ground.settings(rerun=["other.yml"])
    observer = ground.observer(clock)

    with pytest.raises(StepRefused, match=f"S27.*gh run rerun {newest} --failed"):
        steps.rerun(observer, CI_PATH)
    assert {one.method for one in github.asked} == {"GET"}


def test_a_run_that_passed_meanwhile_is_left_alone(
    ground: Ground, github: FakeGitHub, clock: SteppedClock
) -> None:
    newest = pushes(github)[-1]
    ground.settings(rerun=["*"])
    observer = ground.observer(clock)
    observer.observe()
    github.finish(newest, "success")

    assert steps.rerun(observer, CI_PATH) == f"not needed: run {newest} is success"
    clock.wait(INTERVAL_S)
    assert steps.rerun(observer, CI_PATH) == "not needed: it does not fail any more"
    assert steps.dispatch(observer, CI_PATH) == "not needed: it does not fail any more"


def test_a_failing_workflow_is_dispatched_once_for_each_cause(
    ground: Ground, github: FakeGitHub, clock: SteppedClock
) -> None:
    pushes(github)
    ground.settings(autoTrigger=True, dispatch=["ci.yml"])
    observer = ground.observer(clock)

    said = steps.dispatch(observer, CI_PATH)
    started = max(github.runs)
    clock.wait(INTERVAL_S)
    with pytest.raises(StepRefused, match=f"run {started} is under way"):
        steps.dispatch(observer, CI_PATH)
    github.finish(started, "failure")
    clock.wait(INTERVAL_S)
    with pytest.raises(StepRefused, match="was a dispatch itself"):
        steps.dispatch(observer, CI_PATH)

    assert said.startswith(f"dispatched it: run {started}, https://")
    assert len(github.runs) == 4


def test_a_workflow_that_settings_do_not_name_is_not_dispatched(
    ground: Ground, github: FakeGitHub, clock: SteppedClock
) -> None:
    pushes(github)
    ground.settings(autoTrigger=True, healthCheckWorkflow="health.yml")

    with pytest.raises(StepRefused, match=r"githubActions\.dispatch does not name"):
        steps.dispatch(ground.observer(clock), CI_PATH)
    assert len(github.runs) == 3


def test_without_a_repository_nothing_is_started(
    ground: Ground, github: FakeGitHub, clock: SteppedClock
) -> None:
    del ground.environment["GITHUB_REPOSITORY"]
    ground.commit()
    ground.git("remote", "add", "origin", f"https://github.com/{github.repository}")
    pushes(github)
    ground.settings(rerun=["*"])
    observer = ground.observer(clock)
    observer.observe()
    ground.git("remote", "remove", "origin")

    with pytest.raises(StepRefused, match="nothing was started: git has no remote on GitHub"):
        steps.rerun(observer, CI_PATH)
    assert {one.method for one in github.asked} == {"GET"}


# --- repairing ------------------------------------------------------------------------------------


def test_tabs_are_repaired_where_settings_allow_it_and_what_was_there_is_kept(
    ground: Ground, clock: SteppedClock
) -> None:
    ground.commit()
    ground.settings(autoRestore=True)
    ground.write("ci.yml", TABS)
    observer = ground.observer(clock)
    before = problems(observer)

    said = steps.fix(observer, CI_PATH)

    assert before == ["workflow-invalid"]
    assert said.startswith(f"repaired {CI_PATH}")
    assert problems(observer) == []
    kept = [path.read_bytes() for path in ground.workspace.glob(f"backups/*/*/files/{CI_PATH}")]
    assert kept == [TABS]


def test_without_git_and_without_a_copy_tabs_are_repaired_too(ground: Ground, clock: SteppedClock) -> None:
    ground.settings(autoRestore=True)
    ground.write("ci.yml", TABS)
    observer = ground.observer(clock)
    steps.fix(observer, CI_PATH)

    assert problems(observer) == []


def test_a_changed_file_is_not_repaired_where_settings_do_not_say_so(
    ground: Ground, clock: SteppedClock
) -> None:
    ground.commit()
    ground.write("ci.yml", TABS)

    with pytest.raises(StepRefused, match="only where autoRestore is on"):
        steps.fix(ground.observer(clock), CI_PATH)
    assert ground.path("ci.yml").read_bytes() == TABS


def test_a_file_that_was_committed_like_this_is_not_repaired(ground: Ground, clock: SteppedClock) -> None:
    ground.write("ci.yml", TABS)
    ground.commit()
    ground.settings(autoRestore=True)

    with pytest.raises(StepRefused, match="it is what the last commit holds"):
        steps.fix(ground.observer(clock), CI_PATH)


def test_what_no_repair_is_sure_of_is_left_and_then_put_back_from_git(
    ground: Ground, clock: SteppedClock
) -> None:
    ground.commit()
    ground.settings(autoRestore=True)
    ground.write("ci.yml", BROKEN)
    observer = ground.observer(clock)

    with pytest.raises(StepRefused, match="no mechanical repair is sure"):
        steps.fix(observer, CI_PATH)
    observer.files.restore(CI_PATH)

    assert ground.path("ci.yml").read_bytes() == CI
    kept = [path.read_bytes() for path in ground.workspace.glob(f"backups/*/*/files/{CI_PATH}")]
    assert kept == [BROKEN]


def test_what_cannot_be_saved_first_is_not_overwritten(ground: Ground, clock: SteppedClock) -> None:
    ground.commit()
    ground.settings(autoRestore=True)
    ground.write("ci.yml", BROKEN)
    (ground.workspace / "backups").write_bytes(b"a file where the folder should be")

    with pytest.raises(EffectFailed):
        ground.observer(clock).files.restore(CI_PATH)
    assert ground.path("ci.yml").read_bytes() == BROKEN


def test_an_observer_has_nothing_to_wait_on_and_nothing_to_remember(
    ground: Ground, clock: SteppedClock
) -> None:
    observer = connect(ground.context(clock))
    observer.remember(observer.observe())

    assert (tuple(observer.fds()), observer.pump()) == ((), False)
    observer.close()
