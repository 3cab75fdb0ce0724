"""Syntax errors of JavaScript and TypeScript, found by tree-sitter.

Importing this module fails where tree-sitter's packages are not installed: `syntax` asks for it by name.
It finds what no parser accepts; errors that only meaning shows (a name declared twice) pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import tree_sitter_javascript
import tree_sitter_typescript
from tree_sitter import Language, Node, Parser

PROBLEMS_CAP = 5

# Nodes that are looked at before a file counts as too large to be judged.
NODES_CAP = 2_000_000

_LANGUAGES: dict[str, Callable[[], object]] = {
    ".js": tree_sitter_javascript.language,
    ".mjs": tree_sitter_javascript.language,
    ".cjs": tree_sitter_javascript.language,
    ".ts": tree_sitter_typescript.language_typescript,
    ".mts": tree_sitter_typescript.language_typescript,
    ".cts": tree_sitter_typescript.language_typescript,
    ".tsx": tree_sitter_typescript.language_tsx,
}


def errors_of(source: bytes, extension: str) -> tuple[tuple[int, int, str], ...]:
    """Return (line, column, message) of the first few syntax errors; both count from 1, columns in bytes.

    Raises:
        KeyError: There is no grammar for this extension.
    """
    tree = _parser(extension).parse(source)
    if not tree.root_node.has_error:
        return ()
    found = [(row + 1, column + 1, said) for row, column, said in _faults(tree.root_node)]
    return tuple(found[:PROBLEMS_CAP]) or ((1, 1, "syntax error"),)


@cache
def _parser(extension: str) -> Parser:
    return Parser(Language(_LANGUAGES[extension]()))


def _faults(root: Node) -> Iterator[tuple[int, int, str]]:
    """Walk to the outermost faulty nodes, in the order of the source, without recursion."""
    waiting = [root]
    for _ in range(NODES_CAP):
        if not waiting:
            return
        node = waiting.pop()
        row, column = node.start_point
        if node.is_missing:
            yield row, column, f"{node.type} expected"
        elif node.is_error:
            yield row, column, f"unexpected {_shown(node)}"
        elif node.has_error:
            waiting.extend(reversed(node.children))


def _shown(node: Node) -> str:
    """Return the beginning of what was not understood, on one line."""
    text = (node.text or b"")[:80].decode("utf-8", "replace").split("\n")[0].strip()
    return f"`{text[:40]}`" if text else "end of the file"
