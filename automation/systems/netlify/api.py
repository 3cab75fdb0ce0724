"""Asking Netlify's REST interface for a site and its deploys; restoring one, and asking for a build.

No error that leaves this module holds the token. After a 429 nothing is asked until Netlify's time has come.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from urllib.parse import quote, urlencode, urlsplit

from automation.core import redact
from automation.core.errors import EffectFailed, NotAllowed
from automation.engine.service.answers import OutcomeUnknown, RateLimited, json_of
from automation.ports.clock import Clock
from automation.ports.web import Answer, Http, HttpFailed
from automation.systems.netlify.records import (
    Build,
    Deploy,
    Site,
    build_of,
    deploy_of,
    deploys_of,
    site_of,
)
from automation.systems.netlify.refusals import (
    SERVER_FAULT,
    limited_until_s,
    refusal,
)

API_URL = "https://api.netlify.com/api/v1"
API_PATH = "/api/v1"
TIMEOUT_S = 10.0
PAGE_CAP = 100
TITLE_CAP = 200

_OK, _CREATED = 200, 201
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_Parsed = TypeVar("_Parsed")


class NetlifyApi:
    """Speaks of one site. Not for several threads at once."""

    def __init__(
        self, http: Http, clock: Clock, token: str, site_id: str, *, api_url: str | None = None
    ) -> None:
        """Raise NotAllowed where the address would send the token in the open."""
        self._http = http
        self._clock = clock
        self._token = token
        self._site_id = site_id
        self._root = root_of(api_url)
        self._limited_until_s = 0.0  # by the time since boot, which nobody sets

    def site(self) -> Site:
        """Return the site, with the deploy that is published.

        Raises:
            EffectFailed: Netlify could not be asked, or refused (see refusals).
        """
        return self._get(self._site_path(), site_of, self._named())

    def published_deploy(self) -> Deploy | None:
        """Return the deploy that is live; None for a site that never had one.

        Raises:
            EffectFailed: Netlify could not be asked, or refused (see refusals).
        """
        return self.site().published

    def deploys(self, per_page: int = 30) -> tuple[Deploy, ...]:
        """Return the newest deploys of all contexts: one page, newest first, of at most PAGE_CAP.

        Raises:
            EffectFailed: Netlify could not be asked, or refused (see refusals).
        """
        count = min(max(per_page, 1), PAGE_CAP)
        return self._get(f"{self._site_path()}/deploys?per_page={count}", deploys_of, self._named())

    def deploy(self, deploy_id: str) -> Deploy:
        """Return one deploy as it is now.

        Raises:
            EffectFailed: Netlify could not be asked, or refused (see refusals).
        """
        return self._get(f"{self._deploy_path(deploy_id)}", deploy_of, self._named(f"deploy {deploy_id}"))

    def restore_deploy(self, deploy_id: str) -> Deploy:
        """Publish an earlier deploy again: a rollback. Whether it is live then, ask `published_deploy`.

        Raises:
            OutcomeUnknown: No whole answer came; it may be live all the same. Look before asking again.
            EffectFailed: Netlify could not be asked, or refused (see refusals).
        """
        path = f"{self._deploy_path(deploy_id)}/restore"
        return self._post(path, deploy_of, self._named(f"deploy {deploy_id}"))

    def lock_deploy(self, deploy_id: str) -> Deploy:
        """Keep the published deploy live: later ones wait until somebody unlocks it.

        Raises:
            OutcomeUnknown: No whole answer came; it may be locked all the same.
            EffectFailed: Netlify could not be asked, or refused (see refusals).
        """
        return self._post(f"/deploys/{quote(deploy_id, safe='')}/lock", deploy_of, f"deploy {deploy_id}")

    def create_build(self, *, title: str = "", clear_cache: bool = False) -> Build:
        """Ask Netlify to build the production branch of a site that is linked to git, and to publish it.

        Raises:
            OutcomeUnknown: No whole answer came; it may build all the same. Do not ask again.
            EffectFailed: Netlify could not be asked, or refused (see refusals).
        """
        query = {"title": title[:TITLE_CAP]} if title else {}
        query |= {"clear_cache": "true"} if clear_cache else {}
        path = f"{self._site_path()}/builds" + (f"?{urlencode(query)}" if query else "")
        return self._post(path, build_of, self._named())

    def _site_path(self) -> str:
        return f"/sites/{quote(self._site_id, safe='')}"

    def _deploy_path(self, deploy_id: str) -> str:
        return f"{self._site_path()}/deploys/{quote(deploy_id, safe='')}"

    def _named(self, part: str = "") -> str:
        return f"{part} of site {self._site_id}" if part else f"site {self._site_id}"

    def _get(self, path: str, parse: Callable[[object], _Parsed], what: str) -> _Parsed:
        answer = self._ask("GET", path)
        if answer.status != _OK:
            raise self._refusal(answer, what)
        try:
            return parse(json_of(answer))
        except ValueError as error:
            raise EffectFailed(self._cleaned(f"Netlify's answer for {what} is not whole: {error}")) from None

    def _post(self, path: str, parse: Callable[[object], _Parsed], what: str) -> _Parsed:
        """Send a request that changes something. Whether one without an answer was done, nobody knows."""
        try:
            answer = self._ask("POST", path)
        except HttpFailed as error:
            raise OutcomeUnknown(what, str(error)) from None
        if answer.status >= SERVER_FAULT:
            raise OutcomeUnknown(what, f"Netlify answered {answer.status}")
        if answer.status not in (_OK, _CREATED):
            raise self._refusal(answer, what)
        try:
            return parse(json_of(answer))
        except ValueError as error:
            raise OutcomeUnknown(what, self._cleaned(f"Netlify's answer is not whole: {error}")) from None

    def _ask(self, method: str, path: str) -> Answer:
        self._refuse_while_limited()
        headers = {
            "Accept": "application/json",
            "Authorization": f"Bearer {self._token}",
            "User-Agent": "enhanced-redundancy",
        }
        answer = self._http.request(method, self._root + path, headers=headers, timeout_s=TIMEOUT_S)
        now_s = self._clock.now_s()
        until_s = limited_until_s(answer, now_s)
        if until_s is not None:
            self._limited_until_s = self._clock.elapsed_s() + until_s - now_s
        return answer

    def _refuse_while_limited(self) -> None:
        left_s = self._limited_until_s - self._clock.elapsed_s()
        if left_s > 0:
            raise RateLimited("Netlify", self._clock.now_s() + left_s)

    def _refusal(self, answer: Answer, what: str) -> EffectFailed:
        """Return the error for an answer; Netlify's own words pass without anything secret."""
        error = refusal(answer, what=what, now_s=self._clock.now_s())
        error.args = (self._cleaned(str(error)),)
        return error

    def _cleaned(self, text: str) -> str:
        return redact.text(text, frozenset({self._token} if self._token else ()))


def root_of(api_url: str | None) -> str:
    """Return the address that paths are put behind: one without a path gets Netlify's own, as its CLI does.

    Raises:
        NotAllowed: It is no https address, and not this machine: the token would be sent for all to read.
    """
    url = (api_url or API_URL).rstrip("/")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise NotAllowed("NETLIFY_API_URL cannot be read; expected https://HOST/api/v1") from None
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise NotAllowed("NETLIFY_API_URL is not https: the token would be sent for all to read")
    return url if parts.path else url + API_PATH
