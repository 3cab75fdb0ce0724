"""Laws of restoring: whatever is known of a file, what is somebody's wish stays as it is."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from automation.core.restoring import Candidate, FileState, GitState, Leave, Restore, decide_restore, is_wiped

GRACE_S = 60.0
ages = st.none() | st.sampled_from([-1.0, 0.0, 59.999, 60.0, 60.001, 1e6])
gits = st.builds(
    GitState,
    in_head=st.booleans(),
    bytes_equal_head=st.booleans(),
    head_is_valid=st.booleans(),
    staged=st.booleans(),
    head_age_s=ages,
    index_age_s=ages,
    operation=st.none() | st.just("merge"),
    left_out=st.booleans(),
)
candidate_lists = st.lists(
    st.builds(Candidate, snapshot=st.sampled_from(["1", "2", "3"]), is_valid=st.booleans()), max_size=4
)
states = st.builds(
    FileState,
    path=st.just("ci.yml"),
    exists=st.booleans(),
    size_bytes=st.sampled_from([0, 1, 100]),
    is_nul_filled=st.booleans(),
    git=st.none() | gits,
    candidates=candidate_lists.map(tuple),
    auto_restore=st.booleans(),
    is_valid=st.booleans(),
    age_s=ages,
)


@given(states)
def test_a_restore_breaks_no_rule(state: FileState) -> None:
    answer = decide_restore(state, grace_s=GRACE_S)

    if isinstance(answer, Leave):
        return
    assert is_wiped(state) or (state.auto_restore and not state.is_valid)
    assert not state.exists or state.age_s is None or state.age_s >= GRACE_S
    git = state.git
    if git is not None:
        assert git.in_head
        assert not git.bytes_equal_head
        assert not git.staged
        assert not git.left_out
        assert git.operation is None
        assert git.head_age_s is not None
        assert git.head_age_s >= GRACE_S
        assert git.index_age_s is not None
        assert git.index_age_s >= GRACE_S


@given(states)
def test_what_is_put_back_is_valid_and_the_nearest(state: FileState) -> None:
    answer = decide_restore(state, grace_s=GRACE_S)

    if isinstance(answer, Leave):
        return
    if answer.source == "git":
        assert state.git is not None
        assert state.git.head_is_valid
        assert answer.id is None
    else:
        assert state.git is None or not state.git.head_is_valid
        assert answer.id == next(item.snapshot for item in state.candidates if item.is_valid)


@given(states)
def test_without_git_and_grace_a_wiped_file_with_a_valid_copy_always_comes_back(state: FileState) -> None:
    copies = (*state.candidates, Candidate("last", is_valid=True))
    wiped = replace(state, exists=False, git=None, candidates=copies)

    assert isinstance(decide_restore(wiped, grace_s=GRACE_S), Restore)


@given(states, gits)
def test_auto_restore_never_forbids_what_is_allowed_without(state: FileState, git: GitState) -> None:
    careful = replace(state, git=git, auto_restore=False)
    answer = decide_restore(careful, grace_s=GRACE_S)

    if isinstance(answer, Restore):
        assert decide_restore(replace(careful, auto_restore=True), grace_s=GRACE_S) == answer
