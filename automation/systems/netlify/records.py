"""What Netlify's REST interface says of a site and its deploys, as values.

The published description is not the service: states are free words, and any value may be null. So null counts
as absent, unknown keys and states pass, and only what a decision needs is demanded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from automation.core.moments import from_text

# States in which a deploy is neither live nor failed; what is yet to come counts as one of them.
_ENDED = frozenset({"ready", "old", "error", "rejected", "deleted"})
_READY = frozenset({"ready", "old"})  # "old" is what a live service calls some earlier ready ones
PRODUCTION = "production"
TEXT_CAP = 2000


@dataclass(frozen=True, slots=True)
class Links:
    """A deploy's pages: the site, this deploy for good, and its page for the people who own it."""

    site: str = ""
    permanent: str = ""
    admin: str = ""


@dataclass(frozen=True, slots=True)
class Deploy:
    """One deploy; `published_at_s` is None for one that was never live."""

    id: str
    state: str
    context: str = ""
    branch: str | None = None
    commit_ref: str | None = None
    created_at_s: float | None = None
    published_at_s: float | None = None
    error_message: str | None = None
    locked: bool = False
    links: Links = Links()

    @property
    def is_ready(self) -> bool:
        """Tell whether it is, or was, fit to be live."""
        return self.state in _READY

    @property
    def is_under_way(self) -> bool:
        """Tell whether it may yet become live or fail."""
        return self.state not in _ENDED

    @property
    def is_production(self) -> bool:
        """Tell whether it is meant for the site's own address."""
        return self.context == PRODUCTION


@dataclass(frozen=True, slots=True)
class Site:
    """A site; `functions_folder` is what its own settings say, which netlify.toml outdoes."""

    id: str
    name: str = ""
    url: str = ""
    admin_url: str = ""
    published: Deploy | None = None
    functions_folder: str | None = None
    is_linked_to_git: bool = False


@dataclass(frozen=True, slots=True)
class Build:
    """A build that was asked for; `deploy_id` is the deploy that it makes."""

    id: str
    deploy_id: str | None = None
    is_done: bool = False
    error: str | None = None


class _Record:
    """Fields of one JSON object, each checked for its kind as it is read; null is absent."""

    def __init__(self, value: object) -> None:
        if not isinstance(value, Mapping):
            raise ValueError(f"an object was expected, not {type(value).__name__}")  # noqa: TRY004  # data, not code
        self._fields = value

    def text(self, name: str) -> str:
        found = self.optional_text(name)
        if not found:
            raise ValueError(f"`{name}` is missing")
        return found

    def optional_text(self, name: str) -> str | None:
        value = self._fields.get(name)
        if value is not None and not isinstance(value, str):
            raise ValueError(f"`{name}` is no text")
        return value if value is None else value[:TEXT_CAP]

    def flag(self, name: str) -> bool:
        return self._fields.get(name) is True

    def moment_s(self, name: str) -> float | None:
        said = self.optional_text(name)
        return from_text(said) if said else None

    def part(self, name: str) -> Mapping[str, object] | None:
        value = self._fields.get(name)
        return value if isinstance(value, Mapping) and value else None


def site_of(answer: object) -> Site:
    """Return a site.

    Raises:
        ValueError: The answer is not what Netlify documents.
    """
    site = _Record(answer)
    published, build = site.part("published_deploy"), _Record(site.part("build_settings") or {})
    return Site(
        id=site.text("id"),
        name=site.optional_text("name") or "",
        url=site.optional_text("ssl_url") or site.optional_text("url") or "",
        admin_url=site.optional_text("admin_url") or "",
        published=None if published is None else deploy_of(published),
        functions_folder=build.optional_text("functions_dir") or None,
        is_linked_to_git=bool(build.optional_text("repo_url") or build.optional_text("repo_path")),
    )


def deploys_of(answer: object) -> tuple[Deploy, ...]:
    """Return the deploys of a page, newest first, as Netlify lists them.

    Raises:
        ValueError: The answer is not what Netlify documents.
    """
    if not isinstance(answer, list):
        raise ValueError(f"a list was expected, not {type(answer).__name__}")  # noqa: TRY004  # data, not code
    return tuple(deploy_of(item) for item in answer)


def deploy_of(answer: object) -> Deploy:
    """Return one deploy.

    Raises:
        ValueError: The answer is not what Netlify documents.
    """
    deploy = _Record(answer)
    return Deploy(
        id=deploy.text("id"),
        state=deploy.text("state"),
        context=deploy.optional_text("context") or "",
        branch=deploy.optional_text("branch"),
        commit_ref=deploy.optional_text("commit_ref"),
        created_at_s=deploy.moment_s("created_at"),
        published_at_s=deploy.moment_s("published_at"),
        error_message=deploy.optional_text("error_message"),
        locked=deploy.flag("locked"),
        links=Links(
            deploy.optional_text("ssl_url") or "",
            deploy.optional_text("deploy_ssl_url") or "",
            deploy.optional_text("admin_url") or "",
        ),
    )


def build_of(answer: object) -> Build:
    """Return a build.

    Raises:
        ValueError: The answer is not what Netlify documents.
    """
    build = _Record(answer)
    return Build(
        build.text("id"), build.optional_text("deploy_id"), build.flag("done"), build.optional_text("error")
    )
