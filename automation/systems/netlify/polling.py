"""Asking Netlify for site and deploys, never more often than the interval; what it last said stands."""

from __future__ import annotations

from dataclasses import replace

from automation.core.errors import AutomationError, EffectFailed
from automation.engine.context import Context
from automation.engine.service.answers import RateLimited
from automation.engine.service.turns import Turns
from automation.ports.web import Http
from automation.systems.netlify.access import Access, access_of
from automation.systems.netlify.api import NetlifyApi
from automation.systems.netlify.facts import Sight

DEPLOYS_ASKED = 50
NOT_WATCHED = "netlify.functions.deploymentCheck is false: deploys are not looked at"


class Polling:
    """Keeps the last sight of one site."""

    def __init__(self, context: Context, http: Http) -> None:
        self._context = context
        self._http = http
        self._turns = Turns(context.settings.seconds("check_interval"))
        self._access = Access()
        self._api: NetlifyApi | None = None
        self._sight = Sight()

    @property
    def access(self) -> Access:
        """How Netlify was last asked, or why not."""
        return self._access

    def look(self) -> Sight:
        """Return what Netlify says; ask only when its time has come."""
        if not self._turns.has_come(self._context.clock.elapsed_s()):
            return self._sight
        if not self._context.settings.flag("watch_deploys"):
            self._sight = Sight(note=NOT_WATCHED)
            return self._sight
        try:
            api = self.api()
        except AutomationError as error:
            self._sight = replace(self._sight, note="", trouble=str(error))
            return self._sight
        if api is None:
            self._sight = Sight(note=self._access.note)
        else:
            self._ask(api)
        return self._sight

    def api(self) -> NetlifyApi | None:
        """Return what asks Netlify; None where nobody may, for the reason that `access.note` says.

        Raises:
            EffectFailed: What settings say of token or site cannot be used.
            NotAllowed: The token would be sent for all to read.
        """
        access = access_of(self._context.settings, self._context.layout.workspace)
        if access != self._access:
            self._access, self._api = access, None
            if access.site_id:
                self._api = NetlifyApi(
                    self._http,
                    self._context.clock,
                    access.token,
                    access.site_id,
                    api_url=access.api_url or None,
                )
        if access.trouble:
            raise EffectFailed(access.trouble, retryable=False)
        return self._api

    def _ask(self, api: NetlifyApi) -> None:
        clock = self._context.clock
        try:
            site, deploys = api.site(), api.deploys(DEPLOYS_ASKED)
        except AutomationError as error:
            self._sight = replace(self._sight, note="", trouble=str(error))
            limited_s = error.until_s - clock.now_s() if isinstance(error, RateLimited) else 0.0
            self._turns.failed(clock.elapsed_s(), limited_s)
            return
        self._turns.went_well()
        self._sight = Sight(site, deploys, clock.now_s())
