"""What is said to people: results on stdout, diagnostics on stderr. The only place that prints."""

from __future__ import annotations

import contextlib
import json
import os
import sys

_COLOURS = {"healthy": "32", "warning": "33", "critical": "31", "unknown": "35", "disabled": "2", "bold": "1"}


def hold_standard_descriptors() -> None:
    """Fill in those of 0, 1 and 2 that the caller closed: else the next file opened is taken for stdout.

    They are filled so that writing to them fails, as it did before.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)  # takes the lowest free number, which is this one


def say(text: str = "") -> bool:
    """Write a line of the result; tell whether anybody still reads, which is no error if not."""
    try:
        print(_writable(text), flush=True)
    except (BrokenPipeError, ValueError):
        # Whoever read us has gone (`| head`): the rest goes nowhere, and Python must not complain at exit.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return False
    except OSError as error:
        complain(f"cannot write to stdout: {error.strerror}")
        return False
    return True


def say_json(value: object) -> None:
    """Write one JSON document; in plain ASCII where stdout takes no more."""
    say(json.dumps(value, ensure_ascii=not _encoding().startswith("utf"), indent=2))


def _encoding() -> str:
    return (getattr(sys.stdout, "encoding", None) or "utf-8").lower()


def _writable(text: str) -> str:
    """Escape what stdout's encoding cannot hold: half a surrogate pair, or an arrow where it is ASCII."""
    return text.encode(_encoding(), "backslashreplace").decode(_encoding())


def complain(text: str) -> None:
    """Write one line of diagnostics."""
    with contextlib.suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)


def coloured(text: str, colour: str) -> str:
    """Return the text in a colour, where the terminal wants that."""
    unwanted = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    plain = unwanted or sys.stdout is None or not sys.stdout.isatty()
    code = _COLOURS.get(colour, "")
    return text if plain or not code else f"\x1b[{code}m{text}\x1b[0m"


def safe(text: str, most: int = 400) -> str:
    """Return a text that cannot move the cursor or colour the terminal: names come from outside."""
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[: most + 1])
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"
