"""Asking GitHub for workflows and runs: never more often than the interval, and what it last said stands."""

from __future__ import annotations

from dataclasses import replace

from automation.core.errors import AutomationError, EffectFailed
from automation.engine.context import Context
from automation.engine.service.answers import RateLimited
from automation.engine.service.turns import Turns
from automation.ports.git import Git
from automation.ports.web import Http
from automation.systems.github.access import Access, access_of
from automation.systems.github.api import GitHubApi
from automation.systems.github.facts import Sight
from automation.systems.github.records import Run
from automation.systems.github.runs import merged

RUNS_ASKED = 100
USUAL_BRANCHES = ("main", "master")


class Polling:
    """Keeps the last sight of one repository's runs."""

    def __init__(self, context: Context, git: Git, http: Http) -> None:
        self._context = context
        self._git = git
        self._http = http
        self._turns = Turns(context.settings.seconds("check_interval"))
        self._access = Access()
        self._api: GitHubApi | None = None
        self._sight = Sight()

    @property
    def note(self) -> str:
        """Say why GitHub is not asked; empty where it is."""
        return self._access.note

    def look(self) -> Sight:
        """Return what GitHub says; ask only when its time has come."""
        if not self._turns.has_come(self._context.clock.elapsed_s()):
            return self._sight
        try:
            api = self.api()
        except AutomationError as error:
            self._sight = replace(self._sight, note="", trouble=str(error))
            return self._sight
        if api is None:
            self._sight = Sight(note=self._access.note)
            return self._sight
        self._ask(api)
        self._sight = replace(self._sight, rate=api.rate or self._sight.rate, branches=self.branches())
        return self._sight

    def api(self) -> GitHubApi | None:
        """Return what asks GitHub; None where nobody may, for the reason of the sight's note.

        Raises:
            EffectFailed: What settings say of the token cannot be used.
            NotAllowed: The token would be sent for all to read.
        """
        settings = self._context.settings
        access = access_of(settings, self._context.layout.workspace, self._git)
        if access != self._access or self._api is None:
            self._access, self._api = access, None
            if access.repository is not None:
                address = access.api_url or None
                self._api = GitHubApi(
                    self._http, self._context.clock, access.repository, access.token, api_url=address
                )
        if access.trouble:
            raise EffectFailed(access.trouble, retryable=False)
        return self._api

    def branches(self) -> tuple[str, ...]:
        """Return the branches whose runs count: the default one, where that is known."""
        chosen = self._context.settings.text("default_branch")
        try:
            chosen = chosen or self._git.default_branch() or ""
        except AutomationError:
            chosen = ""
        return (chosen,) if chosen else USUAL_BRANCHES

    def note_run(self, run: Run) -> None:
        """Keep what is known of a run since the last answer: we started it again."""
        self._sight = replace(self._sight, runs=merged(self._sight.runs, (run,)))

    def _ask(self, api: GitHubApi) -> None:
        clock = self._context.clock
        try:
            workflows, runs = api.workflows(), api.runs(RUNS_ASKED)
        except AutomationError as error:
            self._sight = replace(self._sight, note="", trouble=str(error))
            limited_s = error.until_s - clock.now_s() if isinstance(error, RateLimited) else 0.0
            self._turns.failed(clock.elapsed_s(), limited_s)
            return
        self._turns.went_well()
        known = merged(self._sight.runs, runs)
        self._sight = Sight(workflows, known, clock.now_s())
