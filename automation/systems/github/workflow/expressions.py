"""Whether each `${{` of a text is closed and holds something."""

from __future__ import annotations

from collections.abc import Iterator

OPENING, CLOSING = "${{", "}}"


def check_expressions(text: str) -> Iterator[tuple[str, str]]:
    """Report unclosed and empty expressions, as problem and message."""
    start = text.find(OPENING)
    while start >= 0:
        end = _end_of(text, start + len(OPENING))
        if end < 0:
            yield "expression-unclosed", f"`{_excerpt(text, start)}` has no closing `{CLOSING}`"
            return
        if not text[start + len(OPENING) : end].strip():
            yield "expression-empty", f"`{OPENING} {CLOSING}` holds no expression"
        start = text.find(OPENING, end + len(CLOSING))


def _end_of(text: str, begin: int) -> int:
    """Return where `}}` stands, outside of single quotes; -1 if nowhere."""
    in_quotes = False
    for index in range(begin, len(text)):
        if text[index] == "'":
            in_quotes = not in_quotes
        elif not in_quotes and text.startswith(CLOSING, index):
            return index
    return -1


def _excerpt(text: str, start: int) -> str:
    return text[start : start + 40].partition("\n")[0]
