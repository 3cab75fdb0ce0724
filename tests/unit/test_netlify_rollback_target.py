"""Which deploy is gone back to (safety S26)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from automation.systems.netlify.records import Deploy
from automation.systems.netlify.rollback_target import (
    NoTarget,
    Rollback,
    Target,
    already_rolled_back,
    cause_of,
    chosen_target,
    is_live,
    rollback_target,
)


def deploy(name: str, at_s: float, **replaced: object) -> Deploy:
    """Return a production deploy that was made at a moment and published right then."""
    made = Deploy(name, "ready", "production", created_at_s=at_s, published_at_s=at_s)
    return replace(made, **replaced)  # type: ignore[arg-type]  # fields by name, as the tests need them


OLDEST, GOOD, CURRENT = deploy("oldest", 100), deploy("good", 200), deploy("current", 300)
CAUSE = cause_of("function-down", "current")


def reason(found: Target | NoTarget) -> str:
    assert isinstance(found, NoTarget)
    return found.reason


def test_the_newest_that_was_published_before_the_live_one_is_chosen() -> None:
    assert rollback_target([CURRENT, OLDEST, GOOD], CURRENT, CAUSE, ()) == Target(GOOD)


@pytest.mark.parametrize(
    "unfit",
    [
        deploy("preview", 250, context="deploy-preview"),
        deploy("branch", 250, context="branch-deploy"),
        deploy("nowhere", 250, context=""),
        deploy("failed", 250, state="error"),
        deploy("never live", 250, published_at_s=None),
        deploy("later", 250, published_at_s=301.0),
        deploy("same moment", 250, published_at_s=300.0),
    ],
    ids=lambda unfit: unfit.id,
)
def test_what_was_never_live_before_is_no_target_however_new_it_is(unfit: Deploy) -> None:
    listed = [CURRENT, unfit, GOOD]

    assert rollback_target(listed, CURRENT, CAUSE, ()) == Target(GOOD)
    assert isinstance(chosen_target(listed, CURRENT, unfit.id), NoTarget)


def test_the_moment_of_publishing_decides_and_not_that_of_making() -> None:
    made_early_published_late = deploy("late", 50, published_at_s=250.0)

    assert rollback_target([GOOD, made_early_published_late], CURRENT, CAUSE, ()) == Target(
        made_early_published_late
    )


def test_of_two_that_were_published_at_the_same_moment_it_is_always_the_same_one() -> None:
    other = replace(GOOD, id="h")

    assert rollback_target([GOOD, other], CURRENT, CAUSE, ()) == Target(other)
    assert rollback_target([other, GOOD], CURRENT, CAUSE, ()) == Target(other)


def test_an_old_deploy_is_one_that_was_ready() -> None:
    old = replace(GOOD, state="old")

    assert rollback_target([CURRENT, old], CURRENT, CAUSE, ()) == Target(old)


def test_one_cause_is_answered_once() -> None:
    history = [Rollback(CAUSE, "current", "elsewhere", 400)]

    assert already_rolled_back(history, CAUSE)
    assert not already_rolled_back(history, cause_of("function-down", "other"))
    assert "already" in reason(rollback_target([GOOD, CURRENT], CURRENT, CAUSE, history))


def test_two_deploys_that_both_fail_are_not_published_in_turns() -> None:
    history = [Rollback(CAUSE, "current", "good", 400)]
    back = replace(GOOD, published_at_s=400.0)

    found = rollback_target([OLDEST, back, CURRENT], back, cause_of("function-down", "good"), history)

    assert "the cause is elsewhere" in reason(found)


def test_what_a_rollback_left_is_not_gone_back_to_from_a_later_deploy() -> None:
    later = deploy("later", 500)
    history = [Rollback(CAUSE, "current", "good", 400)]

    found = rollback_target([later, CURRENT, GOOD], later, cause_of("function-down", "later"), history)

    assert found == Target(GOOD)
    assert chosen_target([later, CURRENT], later, "current") == Target(CURRENT)


def test_a_newer_production_deploy_under_way_is_waited_for() -> None:
    repair = deploy("repair", 310, state="building", published_at_s=None)

    assert "repair is building" in reason(rollback_target([repair, GOOD], CURRENT, CAUSE, ()))
    unknown_age = replace(repair, created_at_s=None)
    assert "repair is building" in reason(rollback_target([unknown_age, GOOD], CURRENT, CAUSE, ()))


@pytest.mark.parametrize(
    "other",
    [
        deploy("stuck", 250, state="building", published_at_s=None),
        deploy("same moment", 300, state="building", published_at_s=None),
        deploy("preview", 310, state="building", published_at_s=None, context="deploy-preview"),
        deploy("failed", 310, state="error", published_at_s=None),
        replace(CURRENT, state="processing"),
    ],
    ids=lambda other: other.id,
)
def test_other_deploys_are_not_waited_for(other: Deploy) -> None:
    assert rollback_target([other, GOOD], CURRENT, CAUSE, ()) == Target(GOOD)


def test_where_there_is_nothing_to_go_back_to_it_says_so() -> None:
    assert (
        reason(rollback_target([], CURRENT, CAUSE, ()))
        == "no earlier production deploy was ready and published"
    )
    assert reason(rollback_target([GOOD], None, CAUSE, ())) == "nothing is published"
    unpublished = replace(CURRENT, published_at_s=None)
    assert isinstance(rollback_target([GOOD], unpublished, CAUSE, ()), NoTarget)


def test_what_a_person_names_is_checked_and_said_in_one_line() -> None:
    assert chosen_target([GOOD, CURRENT], CURRENT, "good") == Target(GOOD)
    assert (
        reason(chosen_target([GOOD, CURRENT], CURRENT, "current")) == "deploy current is the one that is live"
    )
    assert "not among the newest" in reason(chosen_target([GOOD], CURRENT, "gone"))
    assert reason(chosen_target([GOOD], None, "good")) == "nothing is published"
    unpublished = replace(CURRENT, published_at_s=None)
    assert "cannot be compared" in reason(chosen_target([GOOD], unpublished, "good"))


def test_a_target_is_live_when_it_is_published_and_ready() -> None:
    assert is_live(GOOD, "good")
    assert not is_live(GOOD, "current")
    assert not is_live(replace(GOOD, state="processing"), "good")
    assert not is_live(None, "good")
