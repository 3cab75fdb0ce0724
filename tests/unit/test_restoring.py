"""Whether a damaged file is put back: each rule of safety S20 and S21 at its boundary."""

from __future__ import annotations

from dataclasses import replace

import pytest

from automation.core.restoring import (
    Candidate,
    FileState,
    GitState,
    Leave,
    Restore,
    decide_restore,
    is_wiped,
)

GRACE_S = 60.0
QUIET = GitState(
    in_head=True,
    bytes_equal_head=False,
    head_is_valid=True,
    staged=False,
    head_age_s=GRACE_S,
    index_age_s=GRACE_S,
)
SNAPSHOTS = (
    Candidate("newest", is_valid=False),
    Candidate("older", is_valid=True),
    Candidate("old", is_valid=True),
)
DELETED = FileState(
    "ci.yml", exists=False, size_bytes=0, is_nul_filled=False, git=QUIET, candidates=SNAPSHOTS
)
EMPTY = replace(DELETED, exists=True, age_s=GRACE_S)
NUL_FILLED = replace(EMPTY, size_bytes=100, is_nul_filled=True)
CHANGED = replace(EMPTY, size_bytes=100)


def decided(state: FileState) -> Restore | Leave:
    return decide_restore(state, grace_s=GRACE_S)


def reason(state: FileState) -> str:
    answer = decided(state)
    assert isinstance(answer, Leave)
    assert answer.detail
    return answer.reason


@pytest.mark.parametrize("state", [DELETED, EMPTY, NUL_FILLED], ids=["deleted", "empty", "nul-filled"])
def test_a_wiped_file_comes_back_from_head(state: FileState) -> None:
    assert is_wiped(state)
    assert decided(state) == Restore("ci.yml", "git")


@pytest.mark.parametrize("state", [DELETED, EMPTY, NUL_FILLED], ids=["deleted", "empty", "nul-filled"])
def test_where_head_is_invalid_the_newest_valid_snapshot_counts(state: FileState) -> None:
    broken = replace(state, git=replace(QUIET, head_is_valid=False))

    assert decided(broken) == Restore("ci.yml", "snapshot", "older")


def test_without_a_repository_a_snapshot_counts() -> None:
    assert decided(replace(DELETED, git=None)) == Restore("ci.yml", "snapshot", "older")


@pytest.mark.parametrize("candidates", [(), (Candidate("only", is_valid=False),)])
def test_without_any_valid_copy_it_is_left(candidates: tuple[Candidate, ...]) -> None:
    assert reason(replace(DELETED, git=None, candidates=candidates)) == "no-valid-copy"


def test_a_changed_file_is_only_reported_unless_settings_want_more() -> None:
    assert not is_wiped(CHANGED)
    assert reason(CHANGED) == "changed-only"
    assert decided(replace(CHANGED, auto_restore=True)) == Restore("ci.yml", "git")


def test_a_valid_file_is_never_touched_but_an_empty_one_is_not_valid_by_word() -> None:
    assert reason(replace(CHANGED, is_valid=True, auto_restore=True)) == "not-damaged"
    assert decided(replace(EMPTY, is_valid=True)) == Restore("ci.yml", "git")


@pytest.mark.parametrize(
    ("git", "expected"),
    [
        (replace(QUIET, operation="rebase"), "git-under-way"),
        (replace(QUIET, in_head=False), "not-in-head"),
        (replace(QUIET, bytes_equal_head=True), "same-as-head"),
        (replace(QUIET, left_out=True), "left-out"),
        (replace(QUIET, staged=True), "staged"),
        (replace(QUIET, head_age_s=None), "git-unknown"),
        (replace(QUIET, index_age_s=None), "git-unknown"),
        (replace(QUIET, head_age_s=GRACE_S - 0.001), "git-changed-lately"),
        (replace(QUIET, index_age_s=GRACE_S - 0.001), "git-changed-lately"),
        (replace(QUIET, index_age_s=-5.0), "git-changed-lately"),
    ],
)
@pytest.mark.parametrize("state", [DELETED, NUL_FILLED, replace(CHANGED, auto_restore=True)])
def test_what_git_says_forbids_it(state: FileState, git: GitState, expected: str) -> None:
    assert reason(replace(state, git=git)) == expected


def test_a_file_written_within_the_grace_may_be_in_an_editor() -> None:
    assert reason(replace(EMPTY, age_s=GRACE_S - 0.001)) == "edited-lately"
    assert isinstance(decided(replace(EMPTY, age_s=GRACE_S)), Restore)
    assert isinstance(decided(replace(EMPTY, age_s=None)), Restore)


def test_the_age_of_a_missing_file_does_not_matter() -> None:
    assert isinstance(decided(replace(DELETED, age_s=0.0)), Restore)


def test_a_future_moment_is_told_as_just_now() -> None:
    answer = decided(replace(DELETED, git=replace(QUIET, head_age_s=-5.0)))

    assert isinstance(answer, Leave)
    assert answer.detail == "git changed HEAD or index 0 s ago"


def test_without_a_grace_nothing_waits() -> None:
    fresh = replace(EMPTY, age_s=0.0, git=replace(QUIET, head_age_s=0.0, index_age_s=0.0))

    assert decide_restore(fresh, grace_s=0) == Restore("ci.yml", "git")
