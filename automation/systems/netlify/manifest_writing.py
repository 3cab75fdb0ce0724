"""Whether the loop may write the manifest by itself (safety S20)."""

from __future__ import annotations

from dataclasses import dataclass

from automation.ports.git import Git

GRACE_S = 60.0
BY_HAND = "`manifest` writes it by hand"


@dataclass(frozen=True, slots=True)
class ManifestState:
    """What is known of the manifest before it is written; ages are seconds, None where not known.

    `git_age_s` is the time since git changed HEAD or index, and is of no meaning without a repository.
    """

    is_repository: bool = False
    in_head: bool = False
    staged: bool = False
    operation: str | None = None
    git_age_s: float | None = None
    age_s: float | None = None


def refusal(state: ManifestState) -> str:
    """Say why the loop leaves the manifest alone; empty if it may write it.

    What git's last commit holds is a person's: writing it makes their tree dirty, and undoes a checkout.
    A manifest that git does not hold is a product, as long as nobody is at work on it.
    """
    age_s = state.git_age_s
    rules = (
        (state.in_head, "git's last commit holds it"),
        (state.staged, "a change of it is staged"),
        (state.operation is not None, f"a {state.operation} is under way"),
        (state.is_repository and age_s is None, "when git last changed HEAD or index is not known"),
        (
            state.is_repository and age_s is not None and age_s < GRACE_S,
            f"git changed HEAD or index {max(age_s or 0.0, 0.0):.0f} s ago",
        ),
        (
            state.age_s is not None and state.age_s < GRACE_S,
            f"it was written {max(state.age_s or 0.0, 0.0):.0f} s ago; somebody may be at work on it",
        ),
    )
    return next((f"{reason}: {BY_HAND}" for applies, reason in rules if applies), "")


def state_of(git: Git, path: str, now_s: float, written_at_s: float | None) -> ManifestState:
    """Ask git what it knows of the manifest.

    Raises:
        LookFailed: The repository cannot be read.
    """
    age_s = None if written_at_s is None else now_s - written_at_s
    if not git.is_repository():
        return ManifestState(age_s=age_s)
    moments = (git.head_changed_at_s(), git.index_changed_at_s())
    known = [moment for moment in moments if moment is not None]
    return ManifestState(
        is_repository=True,
        in_head=git.blob(path) is not None,
        staged=git.staged(path),
        operation=git.operation_under_way(),
        git_age_s=now_s - max(known) if known else None,
        age_s=age_s,
    )
