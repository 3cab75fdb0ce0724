"""The REST client against a small Netlify; Netlify's published description judges what both of them say."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from automation.core.errors import EffectFailed, NotAllowed
from automation.engine.service.answers import OutcomeUnknown, RateLimited, TokenRefused
from automation.ports.clock import SteppedClock
from automation.ports.web import HttpFailed, RequestsHttp
from automation.systems.netlify import api
from automation.systems.netlify.api import NetlifyApi, root_of
from automation.systems.netlify.refusals import NotFound
from automation.systems.netlify.rollback_target import Target, cause_of, is_live, rollback_target
from tests.fake_netlify import DESCRIPTION, SITE_ID, TOKEN, FakeNetlify
from tests.fake_service import Fault
from tests.swagger_judge import swagger_judge

Use = Callable[[NetlifyApi], object]
READS: list[Use] = [
    lambda netlify: netlify.site(),
    lambda netlify: netlify.deploys(),
    lambda netlify: netlify.deploy(f"{1:024x}"),
]
WRITES: list[Use] = [
    lambda netlify: netlify.restore_deploy(f"{1:024x}"),
    lambda netlify: netlify.create_build(),
    lambda netlify: netlify.lock_deploy(f"{1:024x}"),
]


@pytest.fixture
def netlify() -> Iterator[FakeNetlify]:
    with FakeNetlify() as fake:
        yield fake
    assert fake.violations == []


def client(
    fake: FakeNetlify, *, token: str = TOKEN, site_id: str = SITE_ID, clock: SteppedClock | None = None
) -> NetlifyApi:
    return NetlifyApi(RequestsHttp(), clock or SteppedClock(fake.now_s), token, site_id, api_url=fake.url)


def test_the_description_is_installed() -> None:
    assert DESCRIPTION.is_file(), "run npm ci in tests/node-netlify"


def test_a_site_comes_with_its_published_deploy_and_its_settings(netlify: FakeNetlify) -> None:
    netlify.functions_folder = "api"
    published = netlify.add_deploy()
    netlify.add_deploy(publish=False, state="error", error_message="Build failed")

    site = client(netlify).site()

    assert site.id == SITE_ID
    assert site.url == "https://example.netlify.app"
    assert site.functions_folder == "api"
    assert site.is_linked_to_git
    assert site.published is not None
    assert site.published.id == published


def test_a_site_that_was_never_deployed_has_nothing_published(netlify: FakeNetlify) -> None:
    assert client(netlify).published_deploy() is None


def test_deploys_come_newest_first_with_states_moments_and_links(netlify: FakeNetlify) -> None:
    first = netlify.add_deploy()
    second = netlify.add_deploy(
        publish=False, state="error", error_message="Build failed", context="branch-deploy"
    )

    newest, oldest = client(netlify).deploys()

    assert (newest.id, newest.state, newest.context) == (second, "error", "branch-deploy")
    assert newest.error_message == "Build failed"
    assert newest.published_at_s is None
    assert newest.created_at_s == netlify.now_s
    assert (oldest.id, oldest.is_ready, oldest.branch) == (first, True, "main")
    assert oldest.commit_ref == f"{1:040x}"
    assert oldest.links.permanent == f"https://{first}--example.netlify.app"


def test_a_state_that_nobody_has_described_counts_as_under_way(netlify: FakeNetlify) -> None:
    deploy_id = netlify.add_deploy(publish=False, state="simmering")

    assert client(netlify).deploy(deploy_id).is_under_way


def test_only_as_many_deploys_are_asked_for_as_wanted_and_never_above_the_cap(netlify: FakeNetlify) -> None:
    for _ in range(3):
        netlify.add_deploy()

    assert len(client(netlify).deploys(2)) == 2
    client(netlify).deploys(1_000_000)
    assert netlify.asked[-1].target.endswith("per_page=100")


def test_a_rollback_makes_an_earlier_deploy_live_and_a_lock_keeps_it(netlify: FakeNetlify) -> None:
    good = netlify.add_deploy()
    bad = netlify.add_deploy()
    mine = client(netlify)
    target = rollback_target(mine.deploys(), mine.published_deploy(), cause_of("function-down", bad), ())
    assert isinstance(target, Target)

    restored = mine.restore_deploy(target.deploy.id)
    locked = mine.lock_deploy(restored.id)
    netlify.finish(netlify.add_deploy(publish=False, state="building"), "ready")

    assert restored.id == good
    assert locked.locked
    assert is_live(mine.published_deploy(), good)


def test_a_restore_that_takes_no_effect_is_seen(netlify: FakeNetlify) -> None:
    good = netlify.add_deploy()
    netlify.add_deploy()
    netlify.restores_take_effect = False
    mine = client(netlify)

    mine.restore_deploy(good)

    assert not is_live(mine.published_deploy(), good)


def test_a_build_makes_a_deploy_that_is_under_way(netlify: FakeNetlify) -> None:
    mine = client(netlify)

    build = mine.create_build(title="Redeploy & retry", clear_cache=True)

    assert not build.is_done
    assert build.deploy_id is not None
    assert mine.deploy(build.deploy_id).is_under_way
    assert "clear_cache=true" in netlify.asked[0].target
    assert netlify.deploys[build.deploy_id]["title"] == "Redeploy & retry"


def test_what_netlify_refuses_is_said_in_its_words_and_not_asked_again() -> None:
    with FakeNetlify(linked_to_git=False) as netlify:
        with pytest.raises(
            EffectFailed, match=r"422 for site .*: Site is not linked to a repository"
        ) as caught:
            client(netlify).create_build()

        assert not client(netlify).site().is_linked_to_git
    assert not caught.value.retryable
    assert netlify.violations == []


def test_a_wrong_token_is_said_with_the_setting_to_change_and_never_shown(netlify: FakeNetlify) -> None:
    with pytest.raises(TokenRefused, match="NETLIFY_AUTH_TOKEN_FILE") as caught:
        client(netlify, token="another-token").site()  # noqa: S106  # opens nothing

    assert not caught.value.retryable
    assert "another-token" not in str(caught.value)


def test_a_site_that_is_not_there_is_said_with_its_id(netlify: FakeNetlify) -> None:
    with pytest.raises(NotFound, match="no site elsewhere"):
        client(netlify, site_id="elsewhere").deploys()


def test_a_deploy_that_is_not_there_is_said_with_its_id(netlify: FakeNetlify) -> None:
    with pytest.raises(NotFound, match="no deploy abc of site"):
        client(netlify).restore_deploy("abc")


def test_an_id_cannot_lead_to_another_address(netlify: FakeNetlify) -> None:
    with pytest.raises(NotFound):
        client(netlify).deploy("../../other?x=1")

    assert netlify.asked[-1].target == f"/sites/{SITE_ID}/deploys/..%2F..%2Fother%3Fx%3D1"


def test_after_too_many_requests_nothing_is_asked_until_the_moment_that_netlify_named(
    netlify: FakeNetlify,
) -> None:
    clock = SteppedClock(netlify.now_s)
    mine = client(netlify, clock=clock)
    netlify.fail(Fault(status=429, headers={"X-RateLimit-Reset": str(int(netlify.now_s) + 40)}))

    with pytest.raises(RateLimited) as first:
        mine.site()
    clock.wait(39)
    with pytest.raises(RateLimited):
        mine.deploys()
    assert len(netlify.asked) == 1
    clock.wait(2)
    mine.site()

    assert first.value.retryable
    assert first.value.until_s == pytest.approx(netlify.now_s + 40)
    assert len(netlify.asked) == 2


def test_a_clock_set_back_does_not_stretch_the_wait(netlify: FakeNetlify) -> None:
    clock = SteppedClock(netlify.now_s)
    mine = client(netlify, clock=clock)
    netlify.fail(Fault(status=429, headers={"Retry-After": "5"}))
    with pytest.raises(RateLimited):
        mine.site()

    clock.set(netlify.now_s - 86400)
    clock.wait(6)

    assert mine.site().id == SITE_ID


@pytest.mark.parametrize("use", READS)
@pytest.mark.parametrize(
    "fault",
    [Fault(status=503, body=b"<html>"), Fault(reset=True), Fault(cut=True), Fault(broken_off=True)],
    ids=["unavailable", "reset", "cut", "broken off"],
)
def test_a_look_that_breaks_is_one_line_may_be_repeated_and_shows_no_token(
    netlify: FakeNetlify, use: Use, fault: Fault
) -> None:
    netlify.add_deploy()
    mine = client(netlify)
    netlify.fail(fault)

    with pytest.raises(EffectFailed) as caught:
        use(mine)

    assert caught.value.retryable
    assert "\n" not in str(caught.value)
    assert TOKEN not in str(caught.value)
    use(mine)


@pytest.mark.parametrize("use", WRITES)
@pytest.mark.parametrize(
    "fault",
    [Fault(status=502), Fault(reset=True), Fault(cut=True), Fault(broken_off=True)],
    ids=["bad gateway", "reset", "cut", "broken off"],
)
def test_an_act_without_a_whole_answer_may_have_been_done_and_is_not_repeated(
    netlify: FakeNetlify, use: Use, fault: Fault
) -> None:
    netlify.add_deploy()
    mine = client(netlify)
    netlify.fail(fault)

    with pytest.raises(OutcomeUnknown, match="may have been done") as caught:
        use(mine)

    assert not caught.value.retryable
    assert len(netlify.asked) == 1


def test_a_slow_answer_is_given_up(netlify: FakeNetlify, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "TIMEOUT_S", 0.3)
    netlify.fail(Fault(slow=True))

    with pytest.raises(HttpFailed, match="no answer in time"):
        client(netlify).site()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"[]", "an object was expected, not list"),
        (b"{}", "`id` is missing"),
        (b'{"id": 7}', "`id` is no text"),
        (
            b'{"id": "x", "published_deploy": {"id": "y", "state": "ready", "published_at": "soon"}}',
            "Invalid isoformat",
        ),
        (b"[" * 100_000, "nested too deep"),
    ],
)
def test_an_answer_that_is_not_what_netlify_documents_is_said(
    netlify: FakeNetlify, body: bytes, said: str
) -> None:
    netlify.fail(Fault(status=200, body=body))

    with pytest.raises(EffectFailed, match=said):
        client(netlify).site()


def test_deploys_that_are_no_list_are_said(netlify: FakeNetlify) -> None:
    netlify.fail(Fault(status=200, body=b"{}"))

    with pytest.raises(EffectFailed, match="a list was expected"):
        client(netlify).deploys()


def test_a_token_that_netlify_repeats_in_its_words_is_not_shown(netlify: FakeNetlify) -> None:
    netlify.fail(Fault(status=422, body=f'{{"message": "no {TOKEN} here"}}'.encode()))

    with pytest.raises(EffectFailed) as caught:
        client(netlify).site()

    assert TOKEN not in str(caught.value)


def test_an_address_without_a_path_gets_that_of_the_api() -> None:
    assert root_of("https://api.netlify.com/") == "https://api.netlify.com/api/v1"
    assert root_of("https://proxy.example/netlify") == "https://proxy.example/netlify"
    assert root_of(None) == api.API_URL


@pytest.mark.parametrize(
    "url", ["http://api.netlify.com", "ftp://127.0.0.1", "api.netlify.com", "https://[x/"]
)
def test_no_token_is_sent_for_all_to_read(url: str) -> None:
    with pytest.raises(NotAllowed, match="NETLIFY_API_URL"):
        root_of(url)


def test_the_judge_sees_what_is_wrong() -> None:
    judge = swagger_judge(DESCRIPTION)
    bearer = {"Authorization": "Bearer x"}

    assert judge.of_request("GET", "/nowhere", bearer, b"") == ["GET /nowhere: no such operation"]
    assert "no bearer token" in judge.of_request("GET", "/sites/a", {}, b"")[0]
    assert "a body where none is described" in judge.of_request("GET", "/sites/a", bearer, b"{}")[0]
    assert "unknown parameter pages" in judge.of_request("GET", "/sites/a/deploys?pages=1", bearer, b"")[0]
    assert "per_page" in judge.of_request("GET", "/sites/a/deploys?per_page=many", bearer, b"")[0]
    assert "state" in judge.of_request("GET", "/sites/a/deploys?state=old", bearer, b"")[0]
    assert judge.of_request("GET", "/sites/a/deploys?state=ready&production=true", bearer, b"") == []
    assert "200 is not described" in judge.of_answer("POST", "/sites/a/deploys/b/restore", 200, b"{}")[0]
    assert "$.id" in judge.of_answer("GET", "/sites/a", 200, b'{"id": 7, "name": null}')[0]
    assert "message" in judge.of_answer("GET", "/sites/a", 404, b'{"code": 404}')[0]
    assert "without an operation" in judge.of_answer("GET", "/nowhere", 200, b"{}")[0]
    assert judge.of_answer("GET", "/nowhere", 404, b"{}") == []
