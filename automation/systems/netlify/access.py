"""How Netlify may be asked: about which site, where, and with which token."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from automation.core.errors import EffectFailed, SettingsInvalid
from automation.core.settings import Settings
from automation.engine.service.tokens import token_of
from automation.ports.files import read_whole
from automation.systems.netlify.api import root_of
from automation.systems.netlify.site_id import STATE_CAP_BYTES, STATE_FILE, site_id_of

NO_TOKEN = "without NETLIFY_AUTH_TOKEN_FILE or NETLIFY_AUTH_TOKEN only the files are checked, no deploys"  # noqa: S105  # none
NO_SITE = "which site this is, nobody says: run `netlify link`, or set NETLIFY_SITE_ID"


@dataclass(frozen=True, slots=True)
class Access:
    """What is needed to ask; `note` says why nobody asks, `trouble` why what settings say cannot be used."""

    site_id: str = ""
    token: str = ""
    api_url: str = ""
    note: str = ""
    trouble: str = ""


def access_of(settings: Settings, workspace: Path) -> Access:
    """Work out how to ask, afresh: the token file, or the link to a site, may be another since."""
    try:
        token = token_of(settings, workspace, "NETLIFY_AUTH_TOKEN")
        if not token:
            return Access(note=NO_TOKEN)
        state_file = read_whole(workspace / STATE_FILE, cap=STATE_CAP_BYTES)
        site_id = site_id_of(settings.text("site_id"), state_file)
    except (EffectFailed, ValueError) as error:
        return Access(trouble=str(error))
    if site_id is None:
        return Access(note=NO_SITE)
    return Access(site_id, token, settings.text("api_url"))


def refuse_wrong_settings(settings: Settings) -> None:
    """See that site and address are what they should be, before anything is asked.

    Raises:
        SettingsInvalid: The site is none; the line says which setting.
        NotAllowed: The token would be sent for all to read.
    """
    try:
        site_id_of(settings.text("site_id"), None)
    except ValueError as error:
        raise SettingsInvalid(str(error).replace("NETLIFY_SITE_ID", settings.origins["site_id"])) from None
    root_of(settings.text("api_url") or None)
