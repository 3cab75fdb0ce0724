"""What is found wrong with workflows and runs, from made-up looks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from automation.core.finding import Assessment, Severity, Status
from automation.core.health import Bands, score, status
from automation.engine.kept_files import KeptFile
from automation.systems.github import checks
from automation.systems.github.checks import assess
from automation.systems.github.facts import Facts, Sight, WorkflowFile, is_named, is_workflow
from automation.systems.github.records import Rate, Run, Workflow
from automation.systems.github.runs import KEPT_OF_ONE, counted, failed_in_a_row, merged
from automation.systems.github.workflow.problem import advice, fault

CI = ".github/workflows/ci.yml"
NIGHTLY = ".github/workflows/nightly.yml"
NOW_S = 1_800_000_000.0


def run(number: int, conclusion: str | None = "failure", **changed: object) -> Run:
    made = Run(
        id=number,
        workflow_id=1,
        name="Checks",
        path=CI,
        event="push",
        status="completed" if conclusion else "in_progress",
        conclusion=conclusion,
        branch="main",
        attempt=1,
        created_at_s=NOW_S + number,
        started_at_s=NOW_S + number,
        updated_at_s=NOW_S + number,
        url=f"https://github.example/runs/{number}",
    )
    return replace(made, **changed)  # type: ignore[arg-type]  # what a test says


def sight(*runs: Run, state: str = "active", **more: object) -> Sight:
    workflows = (Workflow(1, "Checks on GitHub", CI, state),)
    made = Sight(workflows, merged((), runs), NOW_S, branches=("main",))
    return replace(made, **more)  # type: ignore[arg-type]  # what a test says


def looked(*files: WorkflowFile, **more: object) -> Assessment:
    made = Facts(NOW_S, files or (WorkflowFile(KeptFile(CI)),))
    return assess(replace(made, **more))  # type: ignore[arg-type]  # what a test says


def found(assessment: Assessment) -> list[tuple[str, str]]:
    return [finding.key for finding in assessment.findings]


def test_a_valid_workflow_that_nobody_asked_github_about_is_healthy() -> None:
    assessment = looked()

    assert (assessment.subjects, assessment.findings) == ((CI,), ())
    assert score(assessment) == 1.0
    row = assessment.sections["workflows"]
    assert row == [
        {
            "file": CI,
            "name": "",
            "valid": True,
            "state": None,
            "lastRun": None,
            "nextExpectedAt": None,
            "lateness": None,
        }
    ]
    assert assessment.sections["rate"] is None


def test_without_a_workflow_there_is_nothing_to_guard() -> None:
    assessment = assess(Facts(NOW_S, sight=Sight(note="none")))

    assert status(assessment, Bands()) is Status.DISABLED
    assert assessment.sections["note"] == "none"


def test_only_yaml_right_in_the_folder_is_a_workflow() -> None:
    assert is_workflow(CI)
    assert is_workflow(".github/workflows/x.yaml")
    assert not is_workflow(".github/workflows/README.md")
    assert not is_workflow(".github/workflows/below/ci.yml")
    assert not is_workflow("ci.yml")


@pytest.mark.parametrize(
    ("glob", "means"),
    [
        (CI, True),
        ("ci.yml", True),
        ("ci", True),
        ("c?.y*", True),
        ("*", True),
        ("CI", False),
        ("i.yml", False),
    ],
)
def test_a_workflow_is_named_by_path_file_or_stem(glob: str, means: bool) -> None:  # noqa: FBT001  # a case
    assert is_named(CI, ("nothing", glob)) is means


def test_an_invalid_workflow_is_critical_and_says_where() -> None:
    problems = (advice(1, 1, "byte-order-mark", "odd"), fault(3, 7, "needs-unknown-job", "no such job"))
    assessment = looked(WorkflowFile(KeptFile(CI, "not valid"), problems=problems))

    (finding,) = assessment.findings
    assert (finding.key, finding.severity) == (("workflow-invalid", CI), Severity.CRITICAL)
    assert finding.message == "line 3, column 7: needs-unknown-job: no such job"
    assert finding.advice == f"`validate {CI}` shows all that is wrong"
    assert (assessment.metrics["invalid"], assessment.metrics["advice"]) == (1, 1)


def test_of_many_faults_the_first_is_said_and_the_others_are_counted() -> None:
    problems = tuple(fault(line, 1, "step-both", "both") for line in (2, 5, 9))
    (finding,) = looked(WorkflowFile(KeptFile(CI, "not valid"), problems=problems)).findings

    assert finding.message.endswith("both (and 2 more)")


def test_advice_alone_is_a_number_and_no_finding() -> None:
    assessment = looked(WorkflowFile(KeptFile(CI), problems=(advice(1, 1, "run-empty", "does nothing"),)))

    assert assessment.findings == ()
    assert assessment.metrics["advice"] == 1
    assert assessment.metrics["invalid"] == 0


def test_a_wiped_workflow_is_said_once_and_not_called_invalid_too() -> None:
    kept = KeptFile(CI, "empty", wiped=True)
    assessment = looked(WorkflowFile(kept, problems=(fault(1, 1, "file-empty", "empty"),)))

    assert found(assessment) == [("file-wiped", CI)]
    assert assessment.metrics["invalid"] == 1


def test_a_wiped_action_is_a_finding_although_it_is_no_subject() -> None:
    action = ".github/actions/build/action.yml"
    assessment = looked(WorkflowFile(KeptFile(CI)), WorkflowFile(KeptFile(action, "missing", wiped=True)))

    assert assessment.subjects == (CI,)
    assert found(assessment) == [("file-wiped", action)]
    assert status(assessment, Bands()) is Status.WARNING


def test_what_cannot_be_read_is_neither_valid_nor_invalid() -> None:
    assessment = looked(WorkflowFile(KeptFile(CI, "no"), unreadable="cannot read it: Permission denied"))

    (finding,) = assessment.findings
    assert (finding.problem, finding.severity) == ("file-unreadable", Severity.WARNING)
    rows = assessment.sections["workflows"]
    assert isinstance(rows, list)
    assert rows[0]["valid"] is None
    assert assessment.metrics["invalid"] == 0


def test_a_workflow_that_settings_ask_for_and_nobody_has_is_a_subject_that_is_missing() -> None:
    assessment = looked(required=("ci.yml", "deploy.yml"))

    assert assessment.subjects == (CI, "deploy.yml")
    assert found(assessment) == [("workflow-missing", "deploy.yml")]


@pytest.mark.parametrize("state", ["disabled_inactivity", "disabled_manually", "disabled_fork"])
def test_a_disabled_workflow_is_a_warning(state: str) -> None:
    (finding,) = looked(sight=sight(state=state)).findings

    assert (finding.key, finding.severity) == (("workflow-disabled", CI), Severity.WARNING)
    assert state in finding.message


@pytest.mark.parametrize("state", ["active", "deleted", "a_word_to_come"])
def test_any_other_state_is_none(state: str) -> None:
    assert looked(sight=sight(state=state)).findings == ()


def test_as_many_failures_in_a_row_as_settings_say_are_a_finding_and_one_less_is_none() -> None:
    three = sight(run(1), run(2, "timed_out"), run(3, "startup_failure"))

    (finding,) = looked(sight=three, max_failures=3).findings
    assert finding.key == ("runs-failing", CI)
    assert finding.severity is Severity.WARNING
    assert "last 3 runs on main" in finding.message
    assert "runs/3" in finding.message
    assert looked(sight=three, max_failures=4).findings == ()


def test_runs_of_other_files_do_not_count() -> None:
    assert looked(sight=sight(run(1, path=NIGHTLY)), max_failures=1).findings == ()


def test_a_run_that_passed_ends_the_row() -> None:
    runs = [run(5), run(4), run(3, "success"), run(2), run(1)]

    assert [one.id for one in failed_in_a_row(runs)] == [5, 4]


@pytest.mark.parametrize("conclusion", ["cancelled", "skipped", "neutral", "stale", "action_required", None])
def test_a_run_without_a_verdict_neither_counts_nor_ends_the_row(conclusion: str | None) -> None:
    assert [one.id for one in failed_in_a_row([run(3), run(2, conclusion), run(1)])] == [3, 1]


def test_a_run_that_goes_on_does_not_count_whatever_it_says() -> None:
    assert failed_in_a_row([run(2, status="queued"), run(1, "success", status="queued")]) == ()


def test_only_runs_of_the_branches_and_of_no_pull_request_count() -> None:
    runs = [
        run(5, event="merge_group"),
        run(4, branch="feature"),
        run(3, event="pull_request"),
        run(2, event="pull_request_target"),
        run(1, event="schedule"),
    ]

    assert [one.id for one in counted(runs, ("main",))[CI]] == [1]


def test_a_new_answer_replaces_what_was_known_of_a_run_and_keeps_the_others() -> None:
    known = merged((), [run(1), run(2, None)])
    again = merged(known, [run(3), run(2, "success")])

    assert [(one.id, one.conclusion) for one in again] == [(3, "failure"), (2, "success"), (1, "failure")]


def test_runs_of_the_same_moment_are_ordered_by_their_ids() -> None:
    assert [one.id for one in merged((), [run(1, created_at_s=0.0), run(2, created_at_s=0.0)])] == [2, 1]


def test_a_busy_workflow_does_not_push_out_the_runs_of_a_rare_one() -> None:
    busy = [run(number) for number in range(100, 200)]
    known = merged([run(1, path=NIGHTLY)], busy)

    assert [one.id for one in known if one.path == NIGHTLY] == [1]
    assert [one.id for one in known if one.path == CI] == list(range(199, 199 - KEPT_OF_ONE, -1))


def test_no_more_runs_are_kept_in_all_than_the_cap() -> None:
    many = [run(number, path=f"{number % 200}.yml") for number in range(6000)]

    assert len(merged((), many)) == 3000


def test_the_row_of_a_workflow_tells_its_state_and_its_last_run() -> None:
    rate = Rate(4990, NOW_S + 60)
    assessment = looked(sight=sight(run(1), run(2, "success"), rate=rate))

    rows = assessment.sections["workflows"]
    assert isinstance(rows, list)
    assert rows[0]["state"] == "active"
    assert rows[0]["name"] == "Checks on GitHub"
    assert rows[0]["lastRun"] == {
        "id": 2,
        "status": "completed",
        "conclusion": "success",
        "at": "2027-01-15T08:00:02.000Z",
        "url": "https://github.example/runs/2",
    }
    assert assessment.sections["rate"] == {"remaining": 4990, "resetAt": "2027-01-15T08:01:00.000Z"}


def test_the_file_s_own_name_comes_before_the_one_that_github_knows() -> None:
    rows = looked(WorkflowFile(KeptFile(CI), "Checks here"), sight=sight()).sections["workflows"]

    assert isinstance(rows, list)
    assert rows[0]["name"] == "Checks here"


def test_an_unreachable_github_is_a_warning_and_what_it_last_said_stands() -> None:
    gone = sight(run(1), run(2), run(3), trouble="https://x: no connection")
    assessment = looked(sight=gone)

    assert found(assessment) == [("runs-failing", CI), ("api-unreachable", "GitHub")]
    warning = assessment.findings[1]
    assert warning.severity is Severity.WARNING
    assert warning.message == "https://x: no connection; it last answered at 2027-01-15T08:00:00.000Z"


def test_a_github_that_never_answered_says_so() -> None:
    (finding,) = looked(sight=Sight(trouble="no connection")).findings

    assert finding.message == "no connection; it has not answered yet"


def test_no_more_rows_are_reported_than_the_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "MOST_ROWS", 2)
    files = [WorkflowFile(KeptFile(f".github/workflows/{number}.yml")) for number in range(3)]

    rows = looked(*files).sections["workflows"]
    assert isinstance(rows, list)
    assert len(rows) == 2
