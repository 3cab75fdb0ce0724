"""What must not leave with a deploy, and when one may be repeated (safety S23 and S25)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from automation.core.errors import LookFailed
from automation.systems.netlify import deploy_refusals
from automation.systems.netlify.deploy_refusals import (
    RedeployFacts,
    deploys_since,
    publish_refusals,
    read_publish_refusals,
    redeploy_refusals,
)
from automation.systems.netlify.records import Deploy

ALLOWED = RedeployFacts(
    auto_deploy=True,
    is_linked_to_git=True,
    tree_is_clean=True,
    head="abc",
    failed_commit="abc",
    under_way=(),
)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("backups/pm2/x", "backups"),
        ("logs", "logs"),
        ("a/Logs/x.log", "a/Logs"),
        (".git/config", ".git"),
        ("modules/a/.git", "modules/a/.git"),
        (".env", ".env"),
        ("a/.env.production", "a/.env.production"),
        ("./.envrc", ".envrc"),
        ("var/state/x", "var/state"),
    ],
)
def test_what_is_private_is_named_at_any_depth(path: str, place: str) -> None:
    assert publish_refusals(["index.html", path], ["var/state/"]) == (place,)


@pytest.mark.parametrize(
    "path", ["index.html", "blog/logs.html", ".well-known/x", ".gitignore", "env", "var/stately"]
)
def test_what_only_looks_alike_may_leave(path: str) -> None:
    assert publish_refusals([path], ["var/state"]) == ()


def test_each_place_is_named_once_and_only_the_first_few() -> None:
    assert publish_refusals(["logs/a", "logs/b", ".git/x"]) == (".git", "logs")
    assert len(publish_refusals(f"{number}/logs" for number in range(100))) == deploy_refusals.SHOWN_CAP


def test_a_publish_tree_is_looked_through_with_its_links(tmp_path: Path) -> None:
    site = tmp_path / "dist"
    (site / "deep" / "er").mkdir(parents=True)
    (site / "deep" / "er" / ".env.local").write_text("X=1")
    (tmp_path / "logs").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / ".env").write_text("X=1")
    (site / "status").symlink_to(tmp_path / "logs")
    (site / "shared").symlink_to(tmp_path / "outside")
    (site / "settings").symlink_to("/nowhere/.env")
    (site / "state").mkdir()

    assert read_publish_refusals(tmp_path, "dist", [site / "state", tmp_path / "other"]) == (
        ".env",
        "deep/er/.env.local",
        "logs",
        "state",
    )


def test_a_clean_publish_tree_may_leave(tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "index.html").write_text("")

    assert read_publish_refusals(tmp_path, "dist") == ()


def test_what_is_private_is_not_published_as_the_whole_tree(tmp_path: Path) -> None:
    (tmp_path / "backups" / "site").mkdir(parents=True)

    assert read_publish_refusals(tmp_path, "backups/site") == ("backups",)


def test_a_tree_that_cannot_be_looked_through_is_no_clean_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(LookFailed, match="cannot look through"):
        read_publish_refusals(tmp_path, "missing")
    monkeypatch.setattr(deploy_refusals, "ENTRIES_CAP", 1)
    (tmp_path / "a").write_text("")
    read_publish_refusals(tmp_path, ".")
    (tmp_path / "b").write_text("")
    with pytest.raises(LookFailed, match="more than 1 entries"):
        read_publish_refusals(tmp_path, ".")


def test_a_redeploy_is_allowed_when_every_condition_holds() -> None:
    assert redeploy_refusals(ALLOWED) == ()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"auto_deploy": False}, "autoDeploy is off"),
        ({"is_linked_to_git": False}, "not linked to git"),
        ({"is_linked_to_git": None}, "linked to git is unknown"),
        ({"tree_is_clean": False}, "not committed"),
        ({"tree_is_clean": None}, "clean is unknown"),
        ({"head": "other"}, "HEAD is not the commit"),
        ({"head": None}, "is unknown"),
        ({"failed_commit": ""}, "is unknown"),
        ({"under_way": None}, "under way is unknown"),
        ({"under_way": ("d1", "d2")}, "under way: d1, d2"),
        ({"newer_published": "d3"}, "d3 was published since"),
    ],
)
def test_each_condition_alone_forbids_a_redeploy(changed: dict[str, object], said: str) -> None:
    refused = redeploy_refusals(replace(ALLOWED, **changed))  # type: ignore[arg-type]  # fields by name

    assert len(refused) == 1
    assert said in refused[0]


def test_deploys_since_a_failed_one_are_told_apart() -> None:
    failed = Deploy("failed", "error", "production", created_at_s=100)
    before = Deploy("before", "ready", "production", created_at_s=90, published_at_s=95)
    preview = Deploy("preview", "ready", "deploy-preview", created_at_s=110, published_at_s=115)
    building = Deploy("building", "building", "branch-deploy", created_at_s=120)
    after = Deploy("after", "ready", "production", created_at_s=130, published_at_s=135)

    just_then = replace(before, id="just then", published_at_s=100)

    assert deploys_since(failed, [failed, before, just_then, preview]) == ((), None)
    assert deploys_since(failed, [replace(failed, state="retrying")]) == ((), None)
    assert deploys_since(failed, [after, building, failed, before]) == (("building",), "after")
    assert deploys_since(replace(failed, created_at_s=None), [before]) == ((), "before")
