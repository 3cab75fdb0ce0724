"""Whether a file that looks damaged may be put back, and from where (safety S20 and S21)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Reason = Literal[
    "not-damaged",
    "same-as-head",
    "not-in-head",
    "left-out",
    "staged",
    "git-under-way",
    "git-changed-lately",
    "git-unknown",
    "edited-lately",
    "changed-only",
    "no-valid-copy",
]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One snapshot's copy of the file."""

    snapshot: str
    is_valid: bool


@dataclass(frozen=True, slots=True)
class GitState:
    """What git says of the file.

    The ages are seconds since the last write, None where that is not known; `operation` names what is
    under way.
    """

    in_head: bool
    bytes_equal_head: bool
    head_is_valid: bool
    staged: bool
    head_age_s: float | None
    index_age_s: float | None
    operation: str | None = None
    left_out: bool = False


@dataclass(frozen=True, slots=True)
class FileState:
    """All that is known of one file.

    `git` is None where there is no repository; `candidates` come best first; `is_valid` says that the
    content is what its kind of file should be; `age_s` is the time since the file was written, None where it
    is missing.
    """

    path: str
    exists: bool
    size_bytes: int
    is_nul_filled: bool
    git: GitState | None
    candidates: tuple[Candidate, ...] = ()
    auto_restore: bool = False
    is_valid: bool = False
    age_s: float | None = None


@dataclass(frozen=True, slots=True)
class Restore:
    """Put the file back, from HEAD or from the snapshot `id`."""

    path: str
    source: Literal["git", "snapshot"]
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Leave:
    """Do nothing; `reason` names the rule and `detail` says it to a person."""

    path: str
    reason: Reason
    detail: str


def decide_restore(state: FileState, *, grace_s: float) -> Restore | Leave:
    """Decide what to do about one file that looks damaged.

    Args:
        state: What is known of it now; look again before acting on the answer (safety S1).
        grace_s: How long after a change by git or by an editor a file is left to whoever changed it.
    """
    forbidden = _why_leave(state, grace_s)
    if forbidden is not None:
        return Leave(state.path, *forbidden)
    if state.git is not None and state.git.head_is_valid:
        return Restore(state.path, "git")
    for candidate in state.candidates:
        if candidate.is_valid:
            return Restore(state.path, "snapshot", candidate.snapshot)
    return Leave(state.path, "no-valid-copy", "neither HEAD nor a snapshot holds a valid copy")


def is_wiped(state: FileState) -> bool:
    """Tell whether nothing is left of the file: deleted, empty, or filled with NUL bytes."""
    return not state.exists or state.size_bytes == 0 or state.is_nul_filled


def _why_leave(state: FileState, grace_s: float) -> tuple[Reason, str] | None:
    if state.is_valid and not is_wiped(state):
        return "not-damaged", "its content is valid"
    if state.git is not None:
        forbidden = _why_git_forbids(state.git) or _why_git_is_fresh(state.git, grace_s)
        if forbidden is not None:
            return forbidden
    if state.exists and state.age_s is not None and state.age_s < grace_s:
        return "edited-lately", f"written {state.age_s:.0f} s ago; somebody may be editing it"
    if not is_wiped(state) and not state.auto_restore:
        return "changed-only", "changed but not empty; it is put back by itself only where autoRestore is on"
    return None


def _why_git_forbids(git: GitState) -> tuple[Reason, str] | None:
    """Return the first rule by which the file's state in git is somebody's wish."""
    rules: tuple[tuple[bool, Reason, str], ...] = (
        (git.operation is not None, "git-under-way", f"a {git.operation} is under way"),
        (not git.in_head, "not-in-head", "the last commit does not hold it"),
        (git.bytes_equal_head, "same-as-head", "it is what the last commit holds"),
        (git.left_out, "left-out", "the sparse checkout leaves it out"),
        (git.staged, "staged", "a change of it is staged"),
    )
    return next(((reason, detail) for applies, reason, detail in rules if applies), None)


def _why_git_is_fresh(git: GitState, grace_s: float) -> tuple[Reason, str] | None:
    """Return why git may still be at work; a moment in the future (a clock set back) counts as just now."""
    if git.head_age_s is None or git.index_age_s is None:
        return "git-unknown", "when git last changed HEAD or index is not known"
    age_s = min(git.head_age_s, git.index_age_s)
    if age_s < grace_s:
        return "git-changed-lately", f"git changed HEAD or index {max(age_s, 0):.0f} s ago"
    return None
