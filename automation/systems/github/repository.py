"""Which repository, on which GitHub: read from the address of a git remote."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_SCP = re.compile(r"(?:[^@/:\s]+@)?(?P<host>[A-Za-z0-9.-]+):(?P<path>[^/\s].*)")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_ALIASES = {"www.github.com": "github.com", "ssh.github.com": "github.com"}
_WEB_SCHEMES = ("http", "https")
_SCHEMES = (*_WEB_SCHEMES, "ssh", "git", "git+ssh")


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository of a GitHub; `host` may carry a port."""

    host: str
    owner: str
    name: str

    def __str__(self) -> str:
        """Return it as GITHUB_REPOSITORY says it."""
        return f"{self.owner}/{self.name}"

    @property
    def api_url(self) -> str:
        """Return where its REST interface answers, without a slash at the end."""
        if self.host == "github.com":
            return "https://api.github.com"
        if self.host.endswith(".ghe.com"):
            return f"https://api.{self.host}"
        return f"https://{self.host}/api/v3"


def repository_of(remote_url: str) -> Repository | None:
    """Read a remote's address: `git@host:o/r.git`, `ssh://git@host:22/o/r`, `https://host/o/r`.

    None for a local path, and for anything that does not name one owner and one repository. Credentials in
    the address are dropped.
    """
    host, path = _split(remote_url.strip())
    names = path.strip("/").removesuffix(".git").split("/")
    if not host or len(names) != 2:  # noqa: PLR2004  # owner and name
        return None
    owner, name = names
    if not _is_name(owner) or not _is_name(name):
        return None
    return Repository(_ALIASES.get(host, host), owner, name)


def _split(url: str) -> tuple[str, str]:
    """Return host and path of an address; an empty host if it is none."""
    if "://" not in url:
        found = _SCP.fullmatch(url)
        return (found["host"].lower(), found["path"]) if found else ("", "")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "", ""
    if parts.scheme not in _SCHEMES:
        return "", ""
    # The port of ssh says nothing about the port of the web interface.
    with_port = port is not None and parts.scheme in _WEB_SCHEMES
    return (f"{host}:{port}" if with_port else host), parts.path


def _is_name(text: str) -> bool:
    return bool(_NAME.fullmatch(text)) and text not in (".", "..")
