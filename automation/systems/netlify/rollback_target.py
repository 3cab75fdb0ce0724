"""Which deploy to go back to, and whether that was done for this cause already (safety S26).

A rollback answers one cause once. Of itself the guard never goes back to a deploy that a rollback left, nor
away from one that a rollback reached: so two deploys that both fail are not published in turns.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from automation.systems.netlify.records import Deploy


@dataclass(frozen=True, slots=True)
class Rollback:
    """A rollback that was begun, as the history keeps it, successful or not."""

    cause: str
    from_id: str
    to_id: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Target:
    """Go back to this deploy."""

    deploy: Deploy


@dataclass(frozen=True, slots=True)
class NoTarget:
    """Go back to none; `reason` is one line for people."""

    reason: str


def cause_of(problem: str, deploy_id: str) -> str:
    """Name a cause: one problem of one published deploy."""
    return f"{problem}@{deploy_id}"


def already_rolled_back(history: Iterable[Rollback], cause: str) -> bool:
    """Tell whether a rollback was begun for this cause."""
    return any(rollback.cause == cause for rollback in history)


def rollback_target(
    deploys: Iterable[Deploy], current: Deploy | None, cause: str, history: Iterable[Rollback]
) -> Target | NoTarget:
    """Choose the deploy that the guard goes back to by itself.

    Args:
        deploys: What Netlify lists, in any order.
        current: The deploy that is published.
        cause: Why (see cause_of).
        history: All rollbacks that were begun.
    """
    listed, past = tuple(deploys), tuple(history)
    if current is None:
        return NoTarget("nothing is published")
    if already_rolled_back(past, cause):
        return NoTarget(f"a rollback was done for {cause} already; it is a person's turn")
    if any(rollback.to_id == current.id for rollback in past):
        return NoTarget(f"deploy {current.id} came by a rollback and fails too: the cause is elsewhere")
    under_way = _newer_under_way(listed, current)
    if under_way is not None:
        return NoTarget(f"deploy {under_way.id} is {under_way.state}; it may be the repair")
    left = {rollback.from_id for rollback in past}
    earlier = [deploy for deploy in listed if not _unfit(deploy, current) and deploy.id not in left]
    if not earlier:
        return NoTarget("no earlier production deploy was ready and published")
    return Target(max(earlier, key=lambda deploy: (deploy.published_at_s or 0.0, deploy.id)))


def chosen_target(deploys: Iterable[Deploy], current: Deploy | None, wanted_id: str) -> Target | NoTarget:
    """Check the deploy that a person named; one that was left by a rollback is theirs to choose again."""
    if current is None:
        return NoTarget("nothing is published")
    for deploy in deploys:
        if deploy.id == wanted_id:
            unfit = _unfit(deploy, current)
            return NoTarget(f"deploy {wanted_id} {unfit}") if unfit else Target(deploy)
    return NoTarget(f"deploy {wanted_id} is not among the newest that Netlify lists")


def is_live(published: Deploy | None, target_id: str) -> bool:
    """Tell whether a rollback has reached its target."""
    return published is not None and published.id == target_id and published.is_ready


def _unfit(deploy: Deploy, current: Deploy) -> str:
    """Say why a deploy is no target; empty if it is one.

    When it was made says nothing: only one that was published has been seen to work.
    """
    published_s, current_s = deploy.published_at_s, current.published_at_s
    reasons = (
        (deploy.id == current.id, "is the one that is live"),
        (not deploy.is_production, f"is of context {deploy.context or 'unknown'}, not production"),
        (not deploy.is_ready, f"is {deploy.state}, not ready"),
        (published_s is None, "was never published"),
        (current_s is None, "cannot be compared: when the live one was published is unknown"),
        ((published_s or 0.0) >= (current_s or 0.0), "was not published before the live one"),
    )
    return next((reason for applies, reason in reasons if applies), "")


def _newer_under_way(deploys: Iterable[Deploy], current: Deploy) -> Deploy | None:
    """Return a production deploy that began after the live one and has not ended."""
    for deploy in deploys:
        began_s = deploy.created_at_s
        since_s = current.created_at_s
        is_newer = began_s is None or since_s is None or began_s > since_s
        if deploy.is_production and deploy.is_under_way and deploy.id != current.id and is_newer:
            return deploy
    return None
