"""What went wrong, in one line: what, where, and whether asking again may help."""

from __future__ import annotations

import pytest

from automation.core import errors


def test_a_program_that_failed_is_quoted_with_the_last_line_it_said() -> None:
    error = errors.CommandFailed(("git", "status"), 128, "hint: one\nfatal: no repository\n\n")

    assert str(error) == "git exited with status 128: fatal: no repository"
    assert (error.argv, error.status, error.stderr) == (
        ("git", "status"),
        128,
        "hint: one\nfatal: no repository\n\n",
    )
    assert error.retryable


def test_a_program_that_said_nothing_is_named_with_its_status() -> None:
    assert str(errors.CommandFailed(("git",), 1, " \n")) == "git exited with status 1"
    assert str(errors.CommandFailed(("git",), 0)) == "git exited with status 0"


def test_a_program_that_is_not_there_is_said_to_be_missing() -> None:
    assert str(errors.CommandFailed(("git",), None)) == "git is not installed or cannot be run"


def test_what_a_program_said_is_cut_to_a_line() -> None:
    assert len(str(errors.CommandFailed(("git",), 1, "x" * 10_000))) < 350


def test_a_program_that_was_killed_says_after_how_long() -> None:
    error = errors.CommandTimedOut(("git", "log"), 2.5)

    assert str(error) == "git did not end within 2.5 s and was killed"
    assert (error.argv, error.timeout_s, error.retryable) == (("git", "log"), 2.5, True)


def test_a_step_that_declined_is_not_asked_again() -> None:
    assert not errors.StepRefused("the tree is not clean").retryable
    assert errors.EffectFailed("no route").retryable
    assert not errors.EffectFailed("gone", retryable=False).retryable


def test_a_held_lock_names_its_holder() -> None:
    error = errors.LockBusy("action.lock", "pid 4711")

    assert str(error) == "action.lock is held by pid 4711; try again"
    assert (error.what, error.holder) == ("action.lock", "pid 4711")


def test_a_record_that_is_damaged_or_newer_is_named() -> None:
    damaged = errors.RecordDamaged("history.json", "expected an object")
    newer = errors.RecordNewer("history.json", 2)

    assert str(damaged) == "history.json: expected an object"
    assert (damaged.where, damaged.problem) == ("history.json", "expected an object")
    assert str(newer) == "history.json: schema 2 is newer than this program knows (1); upgrade it"
    assert (newer.where, newer.schema) == ("history.json", 2)


@pytest.mark.parametrize(
    "kind", [errors.CommandFailed, errors.CommandTimedOut, errors.LookFailed, errors.StepRefused]
)
def test_what_the_outside_world_refuses_is_caught_as_one(kind: type[Exception]) -> None:
    assert issubclass(kind, errors.EffectFailed)


def test_whatever_is_raised_on_purpose_has_one_root_and_the_root_is_no_effect() -> None:
    tree = {one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, Exception)}

    assert errors.StepRefused in tree
    assert all(issubclass(one, errors.AutomationError) for one in tree)
    assert all(f"* {one.__name__}" in str(errors.__doc__) for one in tree)
    assert not issubclass(errors.LockBusy, errors.EffectFailed)
