"""When the loop may write the list of functions by itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from automation.ports.commands import SystemCommands
from automation.ports.git import SystemGit
from automation.systems.netlify.manifest_writing import GRACE_S, ManifestState, refusal, state_of
from tests.netlify_ground import MANIFEST, Ground

REPOSITORY = ManifestState(is_repository=True, git_age_s=GRACE_S, age_s=GRACE_S)


def test_without_git_and_with_a_manifest_that_git_does_not_hold_it_may_be_written() -> None:
    assert refusal(ManifestState()) == ""
    assert refusal(ManifestState(age_s=GRACE_S)) == ""
    assert refusal(REPOSITORY) == ""


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (replace(REPOSITORY, in_head=True), "git's last commit holds it"),
        (replace(REPOSITORY, staged=True), "a change of it is staged"),
        (replace(REPOSITORY, operation="rebase"), "a rebase is under way"),
        (replace(REPOSITORY, git_age_s=None), "is not known"),
        (replace(REPOSITORY, git_age_s=GRACE_S - 1), "git changed HEAD or index 59 s ago"),
        (replace(REPOSITORY, git_age_s=-5.0), "git changed HEAD or index 0 s ago"),
        (replace(REPOSITORY, age_s=GRACE_S - 1), "it was written 59 s ago"),
        (replace(REPOSITORY, age_s=-5.0), "it was written 0 s ago"),
    ],
)
def test_what_may_be_a_persons_is_left_alone_and_the_way_by_hand_is_named(
    state: ManifestState, said: str
) -> None:
    assert said in refusal(state)
    assert refusal(state).endswith("`manifest` writes it by hand")


def test_git_is_asked_what_it_knows(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    git = SystemGit(SystemCommands(), tmp_path)
    ground.site()
    without = state_of(git, MANIFEST, 100.0, 40.0)
    ground.git("init", "-q", "-b", "main")
    (tmp_path / ".git" / "HEAD").touch()
    ground.write(MANIFEST, b"{}\n")
    ground.git("add", "-A", "netlify")
    staged = state_of(git, MANIFEST, 2e9, None)
    ground.commit()
    committed = state_of(git, MANIFEST, 2e9, None)

    assert without == ManifestState(age_s=60.0)
    assert (staged.is_repository, staged.in_head, staged.staged) == (True, False, True)
    assert (committed.in_head, committed.staged, committed.operation) == (True, False, None)
    assert committed.git_age_s is not None
    assert committed.age_s is None
