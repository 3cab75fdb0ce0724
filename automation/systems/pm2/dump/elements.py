"""PM2's dump as text: its entries, each with the very characters that it is written in. Pure.

PM2 itself evaluates the file as JavaScript; here it is parsed as JSON, and whatever is not a JSON list of
objects is damaged.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import NoReturn

WHITE = " \t\r\n"
BYTE_ORDER_MARK = "\ufeff"


class DumpDamaged(ValueError):
    """The text is no list of entries; the message says what, and on which line."""


@dataclass(frozen=True, slots=True)
class Element:
    """One entry: as it is written, and what it means."""

    text: str
    value: dict[str, object]

    @property
    def name(self) -> str:
        """The app's name."""
        return str(self.value.get("name", ""))


def elements(data: bytes) -> tuple[Element, ...]:
    """Return the entries of a dump.

    Raises:
        DumpDamaged: It is no JSON list of objects.
    """
    text = decoded(data)
    try:
        return tuple(_elements(text))
    except json.JSONDecodeError as error:
        raise DumpDamaged(f"line {error.lineno}, column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise DumpDamaged("it is nested too deeply") from error
    except DumpDamaged:
        raise
    except ValueError as error:  # a number of thousands of digits
        raise DumpDamaged(str(error)) from error


def decoded(data: bytes) -> str:
    """Return the text of a dump.

    Raises:
        DumpDamaged: It is no UTF-8.
    """
    try:
        return data.decode("utf-8").removeprefix(BYTE_ORDER_MARK)
    except UnicodeDecodeError as error:
        raise DumpDamaged(f"byte {error.start}: not UTF-8 text") from error


def _elements(text: str) -> list[Element]:
    decoder = json.JSONDecoder(parse_constant=_no_json)
    found: list[Element] = []
    at = _expect(text, "[", _skip(text, 0))
    if text[at : at + 1] == "]":
        return _ended(text, at + 1, found)
    while True:
        value, end = decoder.raw_decode(text, at)
        if not isinstance(value, dict):
            raise json.JSONDecodeError("expected an object", text, at)
        found.append(Element(text[at:end], value))
        at = _skip(text, end)
        if text[at : at + 1] == "]":
            return _ended(text, at + 1, found)
        at = _expect(text, ",", at)


def _ended(text: str, at: int, found: list[Element]) -> list[Element]:
    at = _skip(text, at)
    if at != len(text):
        raise json.JSONDecodeError("expected the end of the file", text, at)
    return found


def _expect(text: str, character: str, at: int) -> int:
    if text[at : at + 1] != character:
        raise json.JSONDecodeError(f"expected {character!r}", text, at)
    return _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in WHITE:
        at += 1
    return at


def _no_json(constant: str) -> NoReturn:
    raise DumpDamaged(f"{constant} is no JSON")
