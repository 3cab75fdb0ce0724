"""The REST client against a GitHub of our own; both are judged by GitHub's published description."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from automation.core.errors import EffectFailed, NotAllowed
from automation.engine.service.answers import OutcomeUnknown, RateLimited, TokenRefused
from automation.ports.clock import SteppedClock
from automation.ports.web import HttpFailed, RequestsHttp
from automation.systems.github import api
from automation.systems.github.api import GitHubApi
from automation.systems.github.records import RunRef
from automation.systems.github.refusals import NotFound, rate_of
from automation.systems.github.repository import Repository
from tests.fake_github import DESCRIPTIONS, FakeGitHub
from tests.fake_service import Fault

REPOSITORY = Repository("github.com", "octo-org", "octo-repo")
TOKEN = FakeGitHub.TOKEN


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    with FakeGitHub() as fake:
        yield fake
    assert fake.violations == []


@pytest.fixture
def enterprise() -> Iterator[FakeGitHub]:
    with FakeGitHub(edition="ghes-3.19") as fake:
        yield fake
    assert fake.violations == []


def client(fake: FakeGitHub, token: str | None = TOKEN) -> GitHubApi:
    return GitHubApi(RequestsHttp(), SteppedClock(fake.now_s), REPOSITORY, token, api_url=fake.url)


def statuses(fake: FakeGitHub) -> list[int]:
    return [asked.status for asked in fake.asked]


def test_the_description_is_installed() -> None:
    assert (DESCRIPTIONS / "api.github.com.json").is_file(), "run npm ci in tests/node-openapi"


def test_workflows_come_with_their_states(github: FakeGitHub) -> None:
    first = github.add_workflow("build.yml")
    github.add_workflow("nightly.yml", state="disabled_inactivity")

    found = client(github).workflows()

    assert [(workflow.path, workflow.state) for workflow in found] == [
        (".github/workflows/build.yml", "active"),
        (".github/workflows/nightly.yml", "disabled_inactivity"),
    ]
    assert found[0].id == first


def test_all_pages_of_workflows_are_read(github: FakeGitHub) -> None:
    for number in range(101):
        github.add_workflow(f"{number}.yml")

    assert len(client(github).workflows()) == 101
    assert len(github.asked) == 2


def test_no_more_pages_of_workflows_are_read_than_the_cap(
    github: FakeGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "PAGES_CAP", 1)
    for number in range(101):
        github.add_workflow(f"{number}.yml")

    assert len(client(github).workflows()) == 100


def test_runs_come_newest_first_without_the_ref_in_their_path(github: FakeGitHub) -> None:
    workflow = github.add_workflow("build.yml")
    github.add_run(workflow)
    github.now_s += 60
    newest = github.add_run(workflow, status="in_progress", conclusion=None)

    runs = client(github).runs()

    assert [run.id for run in runs] == [newest, newest - 1]
    assert runs[0].conclusion is None
    assert runs[0].path == ".github/workflows/build.yml"
    assert runs[0].created_at_s == github.now_s


def test_a_run_without_name_attempt_and_start_is_still_a_run(github: FakeGitHub) -> None:
    run_id = github.add_run(github.add_workflow("build.yml"), name=None)
    for name in ("run_attempt", "run_started_at"):
        del github.runs[run_id][name]

    run = client(github).run(run_id)

    assert (run.name, run.attempt, run.started_at_s) == ("", 1, run.created_at_s)


def test_an_unchanged_answer_is_free_and_a_changed_one_is_seen(github: FakeGitHub) -> None:
    run_id = github.add_run(github.add_workflow("build.yml"), status="queued", conclusion=None)
    asking = client(github)
    first = asking.runs()
    left = github.rate_remaining

    assert asking.runs() == first
    assert github.rate_remaining == left
    github.finish(run_id, "failure")
    assert asking.runs()[0].conclusion == "failure"
    assert statuses(github) == [200, 304, 200]


def test_the_cache_stays_within_its_cap(github: FakeGitHub) -> None:
    workflow = github.add_workflow("build.yml")
    runs = [github.add_run(workflow) for _ in range(api.CACHE_CAP + 1)]
    asking = client(github)
    for run_id in runs:
        asking.run(run_id)

    asking.run(runs[1])
    asking.run(runs[-1])
    asking.run(runs[0])

    assert statuses(github)[-3:] == [304, 304, 200]


def test_an_answer_without_a_tag_is_not_kept(github: FakeGitHub) -> None:
    github.add_workflow("build.yml")
    body = b'{"total_count": 0, "workflow_runs": []}'
    github.fail(Fault(status=200, body=body), Fault(status=200, body=body))
    asking = client(github)

    assert asking.runs() == asking.runs() == ()
    assert "If-None-Match" not in github.asked[1].headers


def test_what_is_left_of_the_rate_is_known(github: FakeGitHub) -> None:
    asking = client(github)
    assert client(github).rate is None

    asking.runs()

    assert asking.rate is not None
    assert (asking.rate.remaining, asking.rate.reset_at_s) == (4999, github.now_s + 3600)


def test_a_dispatch_returns_the_run_it_started(github: FakeGitHub) -> None:
    github.add_workflow("deploy.yml")

    started = client(github).dispatch("deploy.yml", "main", {"level": "high"})

    assert started == RunRef(5000, "https://github.com/octo-org/octo-repo/actions/runs/5000")
    assert github.runs[5000]["event"] == "workflow_dispatch"


def test_a_dispatch_by_id_works_too(github: FakeGitHub) -> None:
    assert client(github).dispatch(github.add_workflow("deploy.yml"), "main", {}) is not None


def test_an_older_server_is_asked_until_the_run_appears(enterprise: FakeGitHub) -> None:
    workflow = enterprise.add_workflow("deploy.yml")
    enterprise.add_run(workflow, event="workflow_dispatch", created_at="2026-01-01T00:00:00Z")
    enterprise.runs_appear_after = 2

    started = client(enterprise).dispatch("deploy.yml", "main", {})

    assert started is not None
    assert started.id == 5001
    assert statuses(enterprise) == [400, 204, 200, 304, 200]
    assert len(enterprise.runs) == 2


def test_neither_an_earlier_run_nor_one_of_another_branch_is_taken_for_it(enterprise: FakeGitHub) -> None:
    workflow = enterprise.add_workflow("deploy.yml")
    enterprise.add_run(workflow, event="workflow_dispatch")
    enterprise.now_s += 3
    enterprise.add_run(workflow, event="workflow_dispatch", head_branch="other")
    enterprise.add_run(workflow, event="push")

    started = client(enterprise).dispatch("deploy.yml", "main", {})

    assert started is not None
    assert started.id == 5003


def test_a_tag_and_a_full_name_of_a_branch_are_found_too(enterprise: FakeGitHub) -> None:
    enterprise.add_workflow("deploy.yml")
    enterprise.branches = {"refs/heads/main", "refs/tags/v1"}

    for ref, run_id in (("refs/heads/main", 5000), ("refs/tags/v1", 5001)):
        started = client(enterprise).dispatch("deploy.yml", ref, {})
        assert started is not None
        assert started.id == run_id


def test_a_server_that_refuses_the_newer_form_gets_the_older_one(enterprise: FakeGitHub) -> None:
    enterprise.add_workflow("deploy.yml")
    enterprise.fail(Fault(status=422, body=b'{"message": "Invalid request."}'))

    assert client(enterprise).dispatch("deploy.yml", "main", {}) is not None
    assert len(enterprise.runs) == 1


def test_a_run_that_never_appears_is_no_failure(enterprise: FakeGitHub) -> None:
    enterprise.add_workflow("deploy.yml")
    enterprise.runs_appear_after = 100

    assert client(enterprise).dispatch("deploy.yml", "main", {}) is None
    assert len(enterprise.runs) == 1


def test_a_look_for_the_run_that_fails_is_no_failure(enterprise: FakeGitHub) -> None:
    enterprise.add_workflow("deploy.yml")
    enterprise.fail(Fault(), Fault(), Fault(status=502))

    assert client(enterprise).dispatch("deploy.yml", "main", {}) is None


def test_a_dispatch_whose_answer_was_cut_is_found_by_looking(github: FakeGitHub) -> None:
    github.add_workflow("deploy.yml")
    github.fail(Fault(cut=True))

    started = client(github).dispatch("deploy.yml", "main", {})

    assert started is not None
    assert list(github.runs) == [started.id]


@pytest.mark.parametrize(
    "fault",
    [Fault(reset=True), Fault(broken_off=True), Fault(status=500), Fault(status=502)],
    ids=["reset", "broken", "500", "502"],
)
def test_a_dispatch_without_an_answer_is_not_repeated(github: FakeGitHub, fault: Fault) -> None:
    github.add_workflow("deploy.yml")
    github.fail(fault)

    with pytest.raises(OutcomeUnknown, match="may have been done") as raised:
        client(github).dispatch("deploy.yml", "main", {})

    assert not raised.value.retryable
    assert len(github.asked) == 1


@pytest.mark.parametrize(
    ("ref", "dispatchable", "said"),
    [("gone", True, "No ref found for: gone"), ("main", False, "does not have 'workflow_dispatch'")],
)
def test_a_refused_dispatch_says_why(github: FakeGitHub, ref: str, *, dispatchable: bool, said: str) -> None:
    github.add_workflow("deploy.yml", dispatchable=dispatchable)

    with pytest.raises(EffectFailed, match=said) as raised:
        client(github).dispatch("deploy.yml", ref, {})

    assert not raised.value.retryable
    assert github.runs == {}


def test_an_unknown_workflow_is_named(github: FakeGitHub) -> None:
    with pytest.raises(NotFound, match=r"workflow gone.yml of octo-org/octo-repo.*actions:write"):
        client(github).dispatch("gone.yml", "main", {})


def test_a_rerun_raises_the_attempt_of_the_same_run(github: FakeGitHub) -> None:
    run_id = github.add_run(github.add_workflow("build.yml"), conclusion="failure")
    asking = client(github)

    asking.rerun_failed(run_id)

    run = asking.run(run_id)
    assert (run.id, run.attempt, run.status, run.conclusion) == (run_id, 2, "queued", None)


def test_a_rerun_that_is_refused_says_why(github: FakeGitHub) -> None:
    run_id = github.add_run(github.add_workflow("build.yml"), status="in_progress", conclusion=None)

    with pytest.raises(EffectFailed, match=r"403 for run 5000.*cannot be retried") as raised:
        client(github).rerun_failed(run_id)

    assert not raised.value.retryable


def test_two_requests_that_change_something_keep_a_second_apart(github: FakeGitHub) -> None:
    github.add_workflow("deploy.yml")
    clock = SteppedClock(github.now_s)
    asking = GitHubApi(RequestsHttp(), clock, REPOSITORY, github.token, api_url=github.url)
    asking.dispatch("deploy.yml", "main", {})
    clock.wait(0.25)

    asking.dispatch("deploy.yml", "main", {})
    clock.wait(5.0)
    asking.dispatch("deploy.yml", "main", {})

    assert clock.now_s() == github.now_s + api.WRITE_GAP_S + 5.0


@pytest.mark.parametrize(
    ("fault", "wait_s"),
    [
        (Fault(status=429, headers={"Retry-After": "17"}), 17),
        (Fault(status=403, headers={"Retry-After": "Fri, 15 Jan 2027 08:00:30 GMT"}), 30),
        (Fault(status=403, headers={"Retry-After": "0"}), 1),
        (Fault(status=429, headers={"Retry-After": "999999"}), 7200),
        (Fault(status=429), 60),
        (Fault(status=429, headers={"Retry-After": "soon"}), 60),
        (Fault(status=403, body=b'{"message": "You have exceeded a secondary rate limit."}'), 60),
        (
            Fault(
                status=403,
                headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1800000100"},
            ),
            100,
        ),
        (
            Fault(
                status=403,
                headers={
                    "X-RateLimit-Remaining": "0",
                    "X-RateLimit-Reset": "1800000100",
                    "Date": "Fri, 15 Jan 2027 08:01:00 GMT",
                },
            ),
            40,
        ),
        (
            Fault(
                status=403,
                headers={
                    "X-RateLimit-Remaining": "0",
                    "X-RateLimit-Reset": "1800000100",
                    "Date": "never",
                },
            ),
            100,
        ),
    ],
)
def test_a_limit_says_until_when(github: FakeGitHub, fault: Fault, wait_s: int) -> None:
    github.fail(fault)

    with pytest.raises(RateLimited, match="no more requests until 2027-01-15T") as raised:
        client(github).runs()

    assert raised.value.until_s == github.now_s + wait_s
    assert raised.value.retryable


@pytest.mark.parametrize(
    "headers",
    [{}, {"x-ratelimit-remaining": "5"}, {"x-ratelimit-reset": "5"}, {"x-ratelimit-remaining": "-"}],
)
def test_half_of_a_rate_is_no_rate(headers: dict[str, str]) -> None:
    assert rate_of(headers) is None


def test_while_limited_nothing_is_asked_and_afterwards_again(github: FakeGitHub) -> None:
    clock = SteppedClock(github.now_s)
    asking = GitHubApi(RequestsHttp(), clock, REPOSITORY, github.token, api_url=github.url)
    github.fail(Fault(status=429, headers={"Retry-After": "30"}))
    with pytest.raises(RateLimited):
        asking.runs()
    clock.wait(29)

    with pytest.raises(RateLimited) as raised:
        asking.rerun_failed(1)
    assert raised.value.until_s == pytest.approx(github.now_s + 30, abs=0.01)
    assert len(github.asked) == 1
    clock.wait(1)
    assert asking.runs() == ()


def test_a_clock_set_back_does_not_stretch_a_limit(github: FakeGitHub) -> None:
    clock = SteppedClock(github.now_s)
    asking = GitHubApi(RequestsHttp(), clock, REPOSITORY, github.token, api_url=github.url)
    github.fail(Fault(status=429, headers={"Retry-After": "30"}))
    with pytest.raises(RateLimited):
        asking.runs()
    clock.set(github.now_s - 86400)
    clock.wait(30)

    assert asking.runs() == ()


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=500),
        Fault(status=503, body=b"<html>unicorn</html>"),
        Fault(reset=True),
        Fault(cut=True),
        Fault(broken_off=True),
        Fault(status=200, body=b"[]"),
        Fault(status=200, body=b"[" * 100_000),
        Fault(status=200, body=b'{"total_count": 1, "workflow_runs": [{"id": "5"}]}'),
        Fault(status=200, body=b'{"total_count": 1, "workflow_runs": {}}'),
        Fault(status=200, body=b'{"total_count": 1, "workflow_runs": [{"id": 5, "workflow_id": 6}]}'),
    ],
    ids=["500", "503", "reset", "cut", "broken-off", "list", "deep", "text-id", "no-list", "no-path"],
)
def test_trouble_may_be_asked_again_and_the_next_answer_counts(github: FakeGitHub, fault: Fault) -> None:
    github.add_run(github.add_workflow("build.yml"))
    asking = client(github)
    github.fail(fault)

    with pytest.raises(EffectFailed) as raised:
        asking.runs()

    assert raised.value.retryable
    assert "\n" not in str(raised.value)
    assert len(asking.runs()) == 1


def test_a_slow_server_is_given_up(github: FakeGitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "TIMEOUT_S", 0.2)
    github.fail(Fault(slow=True))

    with pytest.raises(HttpFailed, match="no answer in time"):
        client(github).runs()


def test_a_304_that_was_not_asked_for_is_trouble(github: FakeGitHub) -> None:
    github.fail(Fault(status=304))

    with pytest.raises(EffectFailed, match="answered 304"):
        client(github).runs()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_repository_that_moved_is_named(github: FakeGitHub, status: int) -> None:
    github.add_workflow("build.yml")
    github.fail(Fault(status=status, headers={"Location": "/repositories/1/actions"}))

    with pytest.raises(EffectFailed, match=r"moved workflow build\.yml") as raised:
        client(github).dispatch("build.yml", "main", {})

    assert not raised.value.retryable


def test_a_wrong_token_is_refused_and_never_told(github: FakeGitHub) -> None:
    with pytest.raises(TokenRefused) as raised:
        client(github, "ghp_wrong").runs()

    assert not raised.value.retryable
    assert "ghp_wrong" not in str(raised.value)


def test_a_token_that_github_repeats_is_masked(github: FakeGitHub) -> None:
    github.fail(Fault(status=418, body=b'{"message": "what\\nis token-of-the-fake?"}'))

    with pytest.raises(EffectFailed, match="418") as raised:
        client(github).runs()

    assert TOKEN not in str(raised.value)
    assert "what is" in str(raised.value)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"message": 5}', b"[" * 100_000])
def test_a_refusal_without_words_is_told_by_its_number(github: FakeGitHub, body: bytes) -> None:
    github.fail(Fault(status=418, body=body))

    with pytest.raises(EffectFailed, match=r"answered 418 for repository octo-org/octo-repo$"):
        client(github).runs()


def test_a_private_repository_without_a_token_may_be_none_at_all(github: FakeGitHub) -> None:
    with pytest.raises(NotFound, match=r"no repository octo-org/octo-repo, or the token lacks actions:read"):
        client(github, None).runs()


def test_a_public_repository_needs_no_token() -> None:
    with FakeGitHub(token=None) as fake:
        fake.add_workflow("build.yml")

        assert len(client(fake, None).workflows()) == 1
        assert "Authorization" not in fake.asked[0].headers


def test_no_server_is_trouble_that_may_pass() -> None:
    with FakeGitHub() as fake:
        asking = client(fake)

    with pytest.raises(HttpFailed) as raised:
        asking.runs()

    assert raised.value.retryable
    assert "token" not in str(raised.value)


def test_a_token_is_not_sent_in_the_open() -> None:
    url = "http://github.example.com/api/v3"

    with pytest.raises(NotAllowed, match="not https"):
        GitHubApi(RequestsHttp(), SteppedClock(), REPOSITORY, "secret", api_url=url)
    GitHubApi(RequestsHttp(), SteppedClock(), REPOSITORY, None, api_url=url)


def test_the_judge_finds_a_wrong_request_and_a_wrong_answer() -> None:
    http = RequestsHttp()
    with FakeGitHub(token=None) as fake:
        workflow = fake.add_workflow("build.yml")
        fake.workflows[workflow]["state"] = "asleep"
        actions = f"{fake.url}/repos/{fake.repository}/actions"
        http.request("GET", f"{actions}/workflows")
        http.request("GET", f"{actions}/runs?perpage=5")
        http.request("GET", f"{actions}/jobs")
        http.request(
            "POST",
            f"{actions}/runs/{fake.add_run(workflow)}/rerun-failed-jobs",
            body=b'{"enable_debug_logging": "yes"}',
            headers={"Content-Type": "application/json"},
        )

    assert [violation.partition(":")[0] for violation in fake.violations] == [
        "answer 200 to GET /repos/octo-org/octo-repo/actions/workflows",
        "request GET /repos/octo-org/octo-repo/actions/runs?perpage=5",
        "request GET /repos/octo-org/octo-repo/actions/jobs",
        "request POST /repos/octo-org/octo-repo/actions/runs/5000/rerun-failed-jobs",
    ]
