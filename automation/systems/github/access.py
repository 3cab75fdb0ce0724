"""How GitHub may be asked: which repository, where, and with which token."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from automation.core.errors import AutomationError, EffectFailed, SettingsInvalid
from automation.core.settings import Settings
from automation.engine.service.tokens import token_of
from automation.ports.git import Git
from automation.systems.github.repository import Repository, repository_of

NO_TOKEN = "without GITHUB_TOKEN_FILE or GITHUB_TOKEN only the files are checked, no runs"  # noqa: S105  # none


@dataclass(frozen=True, slots=True)
class Access:
    """What is needed to ask; `note` says why nobody asks, `trouble` why what settings say cannot be used."""

    repository: Repository | None = None
    token: str = ""
    api_url: str = ""
    note: str = ""
    trouble: str = ""


def access_of(settings: Settings, workspace: Path, git: Git) -> Access:
    """Work out how to ask, afresh: a token file may hold another token since, git another remote."""
    try:
        token = token_of(settings, workspace, "GITHUB_TOKEN")
        if not token:
            return Access(note=NO_TOKEN)
        repository = chosen_repository(settings) or _of_remote(settings, git)
    except EffectFailed as error:
        return Access(trouble=str(error))
    if isinstance(repository, str):
        return Access(note=repository)
    return Access(repository, token, settings.text("api_url"))


def chosen_repository(settings: Settings) -> Repository | None:
    """Return the repository that settings name.

    Raises:
        SettingsInvalid: It is not of the form owner/name.
    """
    said = settings.text("repository")
    if not said:
        return None
    found = repository_of(f"https://github.com/{said}")
    if found is None or str(found) != said:
        origin = settings.origins["repository"]
        raise SettingsInvalid(f"{origin}: expected owner/name, got {said[:80]!r}")
    return found


def refuse_wrong_settings(settings: Settings) -> None:
    """See that repository and address are what they should be, before anything is asked.

    Raises:
        SettingsInvalid: One is not; the line says which.
    """
    chosen_repository(settings)
    said = settings.text("api_url")
    try:
        parts = urlsplit(said)
        well = parts.scheme in {"http", "https"} and bool(parts.hostname) and not parts.query
    except ValueError:
        well = False
    if said and not well:
        origin = settings.origins["api_url"]
        raise SettingsInvalid(f"{origin}: expected an address such as https://HOST/api/v3")


def _of_remote(settings: Settings, git: Git) -> Repository | str:
    """Return the repository of the git remote, or in one line why there is none to be asked."""
    try:
        remote = git.remote_url()
    except AutomationError as error:
        return f"git does not say which repository this is ({error}): set GITHUB_REPOSITORY"
    found = repository_of(remote) if remote else None
    if found is None:
        return "git has no remote on GitHub: set GITHUB_REPOSITORY to have runs checked"
    well_known = found.host == "github.com" or found.host.endswith(".ghe.com")
    if not well_known and not settings.text("api_url"):
        # Another host must not get a token that is meant for GitHub.
        return f"the git remote is on {found.host}: set GITHUB_API_URL to have runs checked there"
    return found
