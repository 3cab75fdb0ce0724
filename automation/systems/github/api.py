"""Asking GitHub's REST interface for workflows and runs, and starting runs.

An answer that did not change costs nothing: each address is asked with the ETag of its last answer, so
addresses have fixed parameters. No error that leaves this module holds the token.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TypeVar, cast
from urllib.parse import quote, urlsplit

from automation.core import redact
from automation.core.errors import EffectFailed, NotAllowed
from automation.engine.service.answers import OutcomeUnknown, RateLimited, json_of
from automation.ports.clock import Clock
from automation.ports.web import Answer, Http, HttpFailed
from automation.systems.github.records import (
    Rate,
    Run,
    RunRef,
    Workflow,
    run_of,
    run_ref_of,
    runs_of,
    workflows_of,
)
from automation.systems.github.refusals import (
    limited_until_s,
    rate_of,
    refusal,
    server_now_s,
)
from automation.systems.github.repository import Repository

VERSION = "2022-11-28"
VERSION_WITH_RUN_ID = "2026-03-10"  # from this one on, a dispatch answers with the run that it started
TIMEOUT_S = 10.0
CACHE_CAP = 64
PAGE, PAGES_CAP = 100, 5
POLLS, POLL_WAIT_S = 5, 2.0
WRITE_GAP_S = 1.0  # GitHub asks for a second between requests that change something
CLOCK_SLACK_S = 2.0

_OK, _CREATED, _NO_CONTENT, _NOT_MODIFIED = 200, 201, 204, 304
_OLDER_SERVER = (400, 422)
_SERVER_FAULT = 500
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_Parsed = TypeVar("_Parsed")


class GitHubApi:
    """Speaks of one repository. Not for several threads at once."""

    def __init__(
        self,
        http: Http,
        clock: Clock,
        repository: Repository,
        token: str | None,
        *,
        api_url: str | None = None,
    ) -> None:
        self._http = http
        self._clock = clock
        self._repository = repository
        self._token = token
        self._root = f"{(api_url or repository.api_url).rstrip('/')}/repos/{repository}"
        self._cache: dict[str, tuple[str, object]] = {}
        self._limited_until_s = 0.0  # by the time since boot, which nobody sets
        self._wrote_at_s: float | None = None
        self._refuse_open_token()
        self.rate: Rate | None = None

    def workflows(self) -> tuple[Workflow, ...]:
        """Return the repository's workflows, at most PAGE x PAGES_CAP.

        Raises:
            EffectFailed: GitHub could not be asked, or refused (see refusals).
        """
        found: list[Workflow] = []
        for page in range(1, PAGES_CAP + 1):
            path = f"/actions/workflows?per_page={PAGE}&page={page}"
            total, listed = self._get(path, workflows_of, f"repository {self._repository}")
            found += listed
            if len(found) >= total or not listed:
                break
        return tuple(found)

    def runs(self, per_page: int = 30) -> tuple[Run, ...]:
        """Return the newest runs of all workflows: one page, newest first.

        Raises:
            EffectFailed: GitHub could not be asked, or refused (see refusals).
        """
        return self._get(f"/actions/runs?per_page={per_page}", runs_of, f"repository {self._repository}")

    def run(self, run_id: int) -> Run:
        """Return one run as it is now.

        Raises:
            EffectFailed: GitHub could not be asked, or refused (see refusals).
        """
        return self._get(f"/actions/runs/{run_id}", run_of, f"run {run_id} of {self._repository}")

    def dispatch(self, workflow: str | int, ref: str, inputs: Mapping[str, str]) -> RunRef | None:
        """Start a run of a workflow, and return it; None where it was started but could not be found.

        Args:
            workflow: Its id, or its file's name without a folder.
            ref: A branch or tag.
            inputs: For the workflow's `workflow_dispatch`.

        Raises:
            OutcomeUnknown: No answer came; it may run all the same. Do not ask again.
            EffectFailed: GitHub could not be asked, or refused (see refusals).
        """
        what = f"workflow {workflow} of {self._repository}"
        path = f"/actions/workflows/{quote(str(workflow), safe='')}"
        body = {"ref": ref, "inputs": dict(inputs)}
        asked_at_s = self._clock.now_s()
        answer = self._post(f"{path}/dispatches", body, VERSION_WITH_RUN_ID, what)
        if answer.status in _OLDER_SERVER:
            answer = self._post(f"{path}/dispatches", body, VERSION, what)
        if answer.status == _OK:
            try:
                return run_ref_of(json_of(answer))
            except ValueError:
                pass  # it runs, though its answer broke off: look for it
        elif answer.status != _NO_CONTENT:
            raise self._refusal(answer, what, "actions:write")
        return self._find_started(path, ref, server_now_s(answer.headers, asked_at_s))

    def rerun_failed(self, run_id: int) -> None:
        """Run the failed jobs of a run again; the run keeps its id, and its attempt rises.

        Raises:
            OutcomeUnknown: No answer came; they may run all the same. Do not ask again.
            EffectFailed: GitHub could not be asked, or refused (see refusals).
        """
        what = f"run {run_id} of {self._repository}"
        answer = self._post(f"/actions/runs/{run_id}/rerun-failed-jobs", None, VERSION, what)
        if answer.status != _CREATED:
            raise self._refusal(answer, what, "actions:write")

    def _find_started(self, workflow_path: str, ref: str, since_s: float) -> RunRef | None:
        """Look for the run that an older server started without saying which."""
        branch = ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
        path = f"{workflow_path}/runs?event=workflow_dispatch&per_page=10"
        for _ in range(POLLS):
            try:
                listed = self._get(path, runs_of, "its runs")
            except EffectFailed:
                return None  # it was started; that the look for it fails does not change that
            for run in reversed(listed):
                if run.branch == branch and run.created_at_s >= since_s - CLOCK_SLACK_S:
                    return RunRef(run.id, run.url)
            self._clock.wait(POLL_WAIT_S)
        return None

    def _get(self, path: str, parse: Callable[[object], _Parsed], what: str) -> _Parsed:
        """Return what an address holds; the kept value where GitHub says that nothing changed."""
        self._refuse_while_limited()
        url = self._root + path
        tag, kept = self._cache.get(url, (None, None))
        headers = self._headers(VERSION) | ({"If-None-Match": tag} if tag else {})
        answer = self._http.request("GET", url, headers=headers, timeout_s=TIMEOUT_S)
        self._note_rate(answer)
        if answer.status == _NOT_MODIFIED and tag:
            return cast("_Parsed", kept)  # each path has one parser
        if answer.status != _OK:
            raise self._refusal(answer, what, "actions:read")
        try:
            value = parse(json_of(answer))
        except ValueError as error:
            raise EffectFailed(f"GitHub's answer for {what} is not what it documents: {error}") from None
        self._keep(url, answer.headers.get("etag"), value)
        return value

    def _post(self, path: str, body: object, version: str, what: str) -> Answer:
        """Send a request that changes something. Whether one without an answer was done, nobody knows."""
        self._refuse_while_limited()
        self._keep_distance()
        sent = None if body is None else json.dumps(body).encode()
        headers = self._headers(version) | ({"Content-Type": "application/json"} if sent else {})
        try:
            answer = self._http.request(
                "POST", self._root + path, headers=headers, body=sent, timeout_s=TIMEOUT_S
            )
        except HttpFailed as error:
            raise OutcomeUnknown(what, str(error)) from None
        self._note_rate(answer)
        if answer.status >= _SERVER_FAULT:
            raise OutcomeUnknown(what, f"GitHub answered {answer.status}")
        return answer

    def _keep_distance(self) -> None:
        now_s = self._clock.elapsed_s()
        if self._wrote_at_s is not None and now_s - self._wrote_at_s < WRITE_GAP_S:
            self._clock.wait(WRITE_GAP_S - (now_s - self._wrote_at_s))
        self._wrote_at_s = self._clock.elapsed_s()

    def _headers(self, version: str) -> dict[str, str]:
        headers = {
            "Accept": "application/vnd.github+json",
            "User-Agent": "enhanced-redundancy",
            "X-GitHub-Api-Version": version,
        }
        return headers | ({"Authorization": f"Bearer {self._token}"} if self._token else {})

    def _keep(self, url: str, tag: str | None, value: object) -> None:
        """Keep a value under its tag; the oldest goes when there are too many."""
        self._cache.pop(url, None)
        if tag is not None:
            self._cache[url] = (tag, value)
        while len(self._cache) > CACHE_CAP:
            del self._cache[next(iter(self._cache))]

    def _note_rate(self, answer: Answer) -> None:
        self.rate = rate_of(answer.headers) or self.rate
        now_s = self._clock.now_s()
        until_s = limited_until_s(answer, now_s)
        if until_s is not None:
            self._limited_until_s = self._clock.elapsed_s() + until_s - now_s

    def _refuse_while_limited(self) -> None:
        left_s = self._limited_until_s - self._clock.elapsed_s()
        if left_s > 0:
            raise RateLimited("GitHub", self._clock.now_s() + left_s)

    def _refusal(self, answer: Answer, what: str, permission: str) -> EffectFailed:
        """Return the error for an answer; GitHub's own words pass without anything secret."""
        error = refusal(answer, what=what, permission=permission, now_s=self._clock.now_s())
        secrets = frozenset({self._token} if self._token else ())
        error.args = (redact.text(str(error), secrets),)
        return error

    def _refuse_open_token(self) -> None:
        parts = urlsplit(self._root)
        if self._token and parts.scheme != "https" and parts.hostname not in _LOOPBACK:
            raise NotAllowed("GITHUB_API_URL is not https: the token would be sent for all to read")
