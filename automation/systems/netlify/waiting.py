"""Waiting until a deploy is what was wanted: asked every few seconds, within a time limit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from automation.core.errors import EffectFailed
from automation.engine.service.answers import RateLimited
from automation.ports.clock import Clock
from automation.systems.netlify.api import NetlifyApi
from automation.systems.netlify.records import Deploy
from automation.systems.netlify.rollback_target import is_live

POLL_S = 2.0
SETTLE_S = 30.0

_Seen = TypeVar("_Seen")


def until_ended(api: NetlifyApi, deploy_id: str, clock: Clock, *, timeout_s: float) -> Deploy:
    """Return a deploy when it is ready or has failed; as it is at the end of the time, if it is neither.

    Raises:
        EffectFailed: Netlify refused, or never answered.
    """
    return _ask(lambda: api.deploy(deploy_id), lambda deploy: not deploy.is_under_way, clock, timeout_s)


def until_live(api: NetlifyApi, deploy_id: str, clock: Clock, *, timeout_s: float) -> Deploy | None:
    """Return what is published: that deploy, or at the end of the time another one.

    Raises:
        EffectFailed: Netlify refused, or never answered.
    """
    return _ask(api.published_deploy, lambda published: is_live(published, deploy_id), clock, timeout_s)


def _ask(ask: Callable[[], _Seen], is_done: Callable[[_Seen], bool], clock: Clock, timeout_s: float) -> _Seen:
    """Ask until it is done or the time is up; an answer that did not come is asked for again."""
    deadline_s = clock.elapsed_s() + timeout_s
    while True:
        wait_s = POLL_S
        try:
            seen = ask()
            if is_done(seen) or clock.elapsed_s() + wait_s > deadline_s:
                return seen
        except EffectFailed as error:
            if isinstance(error, RateLimited):
                wait_s = max(error.until_s - clock.now_s(), POLL_S)
            if not error.retryable or clock.elapsed_s() + wait_s > deadline_s:
                raise
        clock.wait(wait_s)
