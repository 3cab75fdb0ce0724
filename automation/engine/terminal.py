"""What is said to people: results on stdout, diagnostics on stderr. The only place that prints."""

from __future__ import annotations

import contextlib
import json
import os
import sys

_COLOURS = {"healthy": "32", "warning": "33", "critical": "31", "unknown": "35", "disabled": "2", "bold": "1"}


def say(text: str = "") -> None:
    """Write a line of the result; one that nobody reads any more is no error."""
    try:
        print(text, flush=True)
    except (BrokenPipeError, ValueError):
        # Whoever read us has gone (`| head`): the rest goes nowhere, and Python must not complain at exit.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except OSError as error:
        complain(f"cannot write to stdout: {error.strerror}")


def say_json(value: object) -> None:
    """Write one JSON document."""
    say(json.dumps(value, ensure_ascii=False, indent=2))


def complain(text: str) -> None:
    """Write one line of diagnostics."""
    with contextlib.suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)


def coloured(text: str, colour: str) -> str:
    """Return the text in a colour, where the terminal wants that."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not sys.stdout.isatty()
    code = _COLOURS.get(colour, "")
    return text if plain or not code else f"\x1b[{code}m{text}\x1b[0m"


def safe(text: str, most: int = 400) -> str:
    """Return a text that cannot move the cursor or colour the terminal: names come from outside."""
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[: most + 1])
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"
