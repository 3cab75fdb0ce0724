"""Which repository a remote's address names."""

from __future__ import annotations

import pytest

from automation.systems.github.repository import Repository, repository_of

OCTO = Repository("github.com", "octo-org", "octo.repo")


@pytest.mark.parametrize(
    "url",
    [
        "git@github.com:octo-org/octo.repo.git",
        "git@github.com:octo-org/octo.repo",
        "git@github.com:/octo-org/octo.repo.git".replace(":/", ":"),
        "org-1234@github.com:octo-org/octo.repo.git",
        "GitHub.com:octo-org/octo.repo.git",
        "https://github.com/octo-org/octo.repo.git",
        "https://github.com/octo-org/octo.repo/",
        "https://www.github.com/octo-org/octo.repo",
        "https://user:secret@github.com/octo-org/octo.repo.git",
        "ssh://git@github.com/octo-org/octo.repo.git",
        "ssh://git@ssh.github.com:443/octo-org/octo.repo.git",
        "git://github.com/octo-org/octo.repo.git",
        "  https://github.com/octo-org/octo.repo.git\n",
    ],
)
def test_an_address_of_github_names_its_repository(url: str) -> None:
    assert repository_of(url) == OCTO


@pytest.mark.parametrize(
    ("url", "host", "api_url"),
    [
        ("git@git.example.com:o/r.git", "git.example.com", "https://git.example.com/api/v3"),
        ("ssh://git@git.example.com:2222/o/r.git", "git.example.com", "https://git.example.com/api/v3"),
        ("https://git.example.com:8443/o/r", "git.example.com:8443", "https://git.example.com:8443/api/v3"),
        ("https://octo.ghe.com/o/r", "octo.ghe.com", "https://api.octo.ghe.com"),
        ("https://github.com/o/r", "github.com", "https://api.github.com"),
    ],
)
def test_each_host_has_its_interface(url: str, host: str, api_url: str) -> None:
    repository = repository_of(url)

    assert repository == Repository(host, "o", "r")
    assert repository is not None
    assert repository.api_url == api_url
    assert str(repository) == "o/r"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/srv/git/repository.git",
        "../other",
        "file:///srv/o/r.git",
        "C:\\work\\repository",
        "https://github.com/octo-org",
        "https://github.com/octo-org/octo-repo/tree/main",
        "https://github.com/../octo-repo",
        "https://github.com/octo org/x",
        "https://github.com:port/o/r",
        "https:///o/r",
        "git@github.com:o/r/../../x",
        "git@github.com:o/" + "r" * 101,
        "https://[::1/o/r",
    ],
)
def test_anything_else_names_none(url: str) -> None:
    assert repository_of(url) is None


def test_credentials_are_dropped() -> None:
    assert "secret" not in repr(repository_of("https://x:secret@github.com/o/r"))
