"""The words after the start script's name; the script itself explains them (`--help`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from automation.core.errors import UsageInvalid
from automation.launch.apps import App


class Action(StrEnum):
    """What is asked for."""

    START = "start"
    ENSURE = "--ensure"
    STATUS = "--status"
    STOP = "--stop"
    RESTART = "--restart"


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked for, and of which apps; no names means all."""

    action: Action = Action.START
    only: tuple[str, ...] = ()


def parse(words: Sequence[str]) -> Options:
    """Read the command line.

    Raises:
        UsageInvalid: There is an unknown word, or two actions.
    """
    actions: list[Action] = []
    only: list[str] = []
    rest = list(words)
    while rest:
        word, _, value = rest.pop(0).partition("=")
        if word == "--only":
            only += _names(value or (rest.pop(0) if rest else ""))
        elif word in set(Action) - {Action.START} and not value:
            actions.append(Action(word))
        else:
            raise UsageInvalid(f"unknown option {word[:100]!r}; --help says what there is")
    if len(actions) > 1:
        raise UsageInvalid(f"{actions[0]} and {actions[1]} exclude each other")
    return Options(actions[0] if actions else Action.START, tuple(dict.fromkeys(only)))


def _names(value: str) -> list[str]:
    names = [name for name in value.split(",") if name]
    if not names:
        raise UsageInvalid("--only needs the name of an app: --only NAME[,NAME]")
    return names


def chosen(options: Options, offered: tuple[App, ...]) -> tuple[App, ...]:
    """Return the apps that the options mean.

    Raises:
        UsageInvalid: A name is none of ours.
    """
    known = [app.name for app in offered]
    unknown = [name for name in options.only if name not in known]
    if unknown:
        raise UsageInvalid(f"--only: no app is named {unknown[0][:100]!r}; known: {', '.join(known)}")
    return tuple(app for app in offered if not options.only or app.name in options.only)
