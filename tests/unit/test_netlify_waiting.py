"""Waiting for a deploy: asked every few seconds, and given up when the time is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from automation.core.errors import EffectFailed
from automation.ports.clock import SteppedClock
from automation.ports.web import RequestsHttp
from automation.systems.netlify.api import NetlifyApi
from automation.systems.netlify.refusals import NotFound
from automation.systems.netlify.waiting import POLL_S, until_ended, until_live
from tests.fake_netlify import SITE_ID, TOKEN, FakeNetlify
from tests.fake_service import Fault


@pytest.fixture
def netlify() -> Iterator[FakeNetlify]:
    with FakeNetlify() as fake:
        yield fake
    assert fake.violations == []


class Waits(SteppedClock):
    """A clock that does something after so many waits."""

    def __init__(self, now_s: float, then: Callable[[], object] = list, after: int = 1) -> None:
        super().__init__(now_s)
        self.waits: list[float] = []
        self._then = then
        self._after = after

    def wait(self, seconds: float) -> None:
        """Note the wait, and let it pass."""
        super().wait(seconds)
        self.waits.append(seconds)
        if len(self.waits) == self._after:
            self._then()


def client(fake: FakeNetlify, clock: Waits) -> NetlifyApi:
    return NetlifyApi(RequestsHttp(), clock, TOKEN, SITE_ID, api_url=fake.url)


def test_a_deploy_is_asked_for_until_it_has_ended(netlify: FakeNetlify) -> None:
    deploy_id = netlify.add_deploy(publish=False, state="building")
    clock = Waits(netlify.now_s, lambda: netlify.finish(deploy_id, "ready"), after=3)

    ended = until_ended(client(netlify, clock), deploy_id, clock, timeout_s=60.0)

    assert ended.state == "ready"
    assert clock.waits == [POLL_S] * 3


def test_when_the_time_is_over_it_is_returned_as_it_is(netlify: FakeNetlify) -> None:
    deploy_id = netlify.add_deploy(publish=False, state="building")
    clock = Waits(netlify.now_s)

    ended = until_ended(client(netlify, clock), deploy_id, clock, timeout_s=3 * POLL_S)

    assert ended.state == "building"
    assert clock.waits == [POLL_S] * 3


def test_an_answer_that_did_not_come_is_asked_for_again(netlify: FakeNetlify) -> None:
    deploy_id = netlify.add_deploy()
    clock = Waits(netlify.now_s)
    netlify.fail(Fault(status=502), Fault(reset=True), Fault(cut=True))

    assert until_ended(client(netlify, clock), deploy_id, clock, timeout_s=60.0).is_ready
    assert len(clock.waits) == 3


def test_a_rate_limit_is_waited_for(netlify: FakeNetlify) -> None:
    deploy_id = netlify.add_deploy()
    clock = Waits(netlify.now_s)
    netlify.fail(Fault(status=429, headers={"Retry-After": "30"}))

    assert until_ended(client(netlify, clock), deploy_id, clock, timeout_s=60.0).is_ready
    assert clock.waits == [30.0]


def test_what_asking_again_cannot_help_ends_the_waiting_at_once(netlify: FakeNetlify) -> None:
    clock = Waits(netlify.now_s)

    with pytest.raises(NotFound):
        until_ended(client(netlify, clock), "nothing", clock, timeout_s=60.0)

    assert clock.waits == []


def test_a_netlify_that_never_answers_ends_it_at_the_end_of_the_time(netlify: FakeNetlify) -> None:
    clock = Waits(netlify.now_s)
    netlify.fail(*[Fault(status=503)] * 9)

    with pytest.raises(EffectFailed, match="503"):
        until_live(client(netlify, clock), "one", clock, timeout_s=2 * POLL_S)

    assert clock.waits == [POLL_S] * 2


def test_a_site_that_publishes_something_else_says_what(netlify: FakeNetlify) -> None:
    first, second = netlify.add_deploy(), netlify.add_deploy()
    clock = Waits(netlify.now_s)
    api = client(netlify, clock)

    other = until_live(api, first, clock, timeout_s=POLL_S)
    live = until_live(api, second, clock, timeout_s=POLL_S)

    assert other is not None
    assert live is not None
    assert (other.id, live.id) == (second, second)
