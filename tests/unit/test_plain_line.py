"""The plainest command lines are understood as argparse understands them, and no others are."""

from __future__ import annotations

import importlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from automation.core.errors import UsageInvalid
from automation.engine.command_line import parsed
from automation.engine.console import commands_of
from automation.engine.plain_line import understood
from automation.engine.system import Command, Option, System

SYSTEMS = ("pm2", "github", "netlify", "master")


def system(name: str) -> System:
    found: System = importlib.import_module(f"automation.systems.{name}").SYSTEM
    return found


NAMES = sorted({command.name for name in SYSTEMS for command in commands_of(system(name))})
WORDS = ("--json", "--dry-run", "--jso", "--json=1", "--", "-h", "--help", "--version", "--workspace", "-f")


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("words", [["start"], ["status"], ["status", "--json"], ["check", "--json"]])
def test_what_programs_ask_for_needs_no_argparse(name: str, words: list[str]) -> None:
    assert understood(commands_of(system(name)), words) is not None


@given(st.sampled_from(SYSTEMS), st.lists(st.sampled_from([*NAMES, *WORDS]), max_size=4))
@example("pm2", [])
@example("pm2", ["resume"])
@example("master", ["shutdown", "--json"])
def test_a_plain_line_means_what_argparse_says_that_it_means(name: str, words: list[str]) -> None:
    commands = commands_of(system(name))

    plain = understood(commands, words)

    if plain is not None:
        full = parsed(system(name), commands, words)
        assert full.pop("chosen") is plain[0]
        assert full == plain[1]


@pytest.mark.parametrize(
    "words", [["status", "--wrong"], ["wrong"], ["--json", "status"], ["status", "check"]]
)
def test_a_line_that_asks_for_nothing_there_is_left_to_argparse_which_refuses_it(words: list[str]) -> None:
    commands = commands_of(system("pm2"))

    assert understood(commands, words) is None
    with pytest.raises(UsageInvalid):
        parsed(system("pm2"), commands, words)


def test_a_switch_with_a_short_and_a_long_name_goes_by_the_long_one() -> None:
    switch = Option(("-n", "--dry-run"), "change nothing")
    command = Command("act", "Act.", "act", "module:function", (switch,))

    assert understood((command,), ["act", "--dry-run"]) == (command, {"workspace": None, "dry_run": True})
    assert understood((command,), ["act", "-n"]) is None


def test_a_command_that_takes_a_value_is_left_to_argparse() -> None:
    command = Command("act", "Act.", "act", "module:function", (Option(("--on",), "what", takes="NAME"),))

    assert understood((command,), ["act"]) is None
