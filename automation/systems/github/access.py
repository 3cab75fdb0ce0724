"""How GitHub may be asked: which repository, where, and with which token."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from automation.core.errors import AutomationError, EffectFailed, SettingsInvalid
from automation.core.settings import Settings
from automation.ports.files import read_whole
from automation.ports.git import Git
from automation.systems.github.repository import Repository, repository_of

LONGEST_TOKEN = 4096
NO_TOKEN = "without GITHUB_TOKEN_FILE or GITHUB_TOKEN only the files are checked, no runs"  # noqa: S105  # none
OTHERS = 0o077


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
        token = token_of(settings, workspace)
        if not token:
            return Access(note=NO_TOKEN)
        repository = chosen_repository(settings) or _of_remote(settings, git)
    except EffectFailed as error:
        return Access(trouble=str(error))
    if isinstance(repository, str):
        return Access(note=repository)
    return Access(repository, token, settings.text("api_url"))


def token_of(settings: Settings, workspace: Path) -> str:
    """Return the token, empty where none is set.

    Raises:
        EffectFailed: The file that should hold it cannot be read, or may be read by others.
    """
    token, where = settings.text("token").strip(), "GITHUB_TOKEN"
    named = settings.text("token_file")
    if not token and named:
        token, where = _in_file(workspace / Path(named).expanduser()), f"GITHUB_TOKEN_FILE {named}"
        if not token:
            raise EffectFailed(f"{where}: the file is empty", retryable=False)
    if not token.isascii() or not all("!" <= letter <= "~" for letter in token):
        raise EffectFailed(f"{where} must hold one token and nothing else", retryable=False)
    return token


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


def _in_file(path: Path) -> str:
    try:
        mode = path.stat().st_mode & 0o777
    except OSError as error:
        raise EffectFailed(f"GITHUB_TOKEN_FILE {path}: {error.strerror}", retryable=False) from error
    if mode & OTHERS:
        raise EffectFailed(
            f"GITHUB_TOKEN_FILE {path}: others may read it (mode {mode:03o}): `chmod 600 {path}`",
            retryable=False,
        )
    data = read_whole(path, cap=LONGEST_TOKEN) or b""
    return data.decode("utf-8", "replace").strip()


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
