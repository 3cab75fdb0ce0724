"""A program: the syntax errors of JavaScript and TypeScript, found by tree-sitter.

Its arguments are a file with a JSON list of paths, and the file for its answers. As soon as it is known, each
path gets a line of JSON: `[PATH, [[LINE, COLUMN, MESSAGE], …]]` or `[PATH, "why it could not be judged"]`.
It is a program of its own, because a megabyte of odd source takes tree-sitter seconds and 400 MB: its parent
can end it, lives on, and has the lines until then.
It finds what no parser accepts; errors that only meaning shows (a name declared twice) pass.
"""

from __future__ import annotations

import json
import posixpath
import resource
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

import tree_sitter_javascript
import tree_sitter_typescript
from tree_sitter import Language, Node, Parser

PROBLEMS_CAP = 5
SOURCE_CAP_BYTES = 4 * 1024 * 1024
MEMORY_CAP_BYTES = 1024 * 1024 * 1024

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


def answers(paths: Iterable[str]) -> Iterator[str]:
    """Yield the lines of this program's output."""
    for path in paths:
        yield json.dumps([path, _answer(Path(path))])


def _answer(path: Path) -> object:
    try:
        with path.open("rb") as file:
            source = file.read(SOURCE_CAP_BYTES + 1)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if len(source) > SOURCE_CAP_BYTES:
        return f"larger than the {SOURCE_CAP_BYTES} bytes that are judged"
    return errors_of(source, posixpath.splitext(path.name)[1])


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


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_CAP_BYTES, MEMORY_CAP_BYTES))
    asked, output_path = map(Path, sys.argv[1:])
    with output_path.open("w", encoding="utf-8") as output:
        for line in answers(json.loads(asked.read_bytes())):
            output.write(line + "\n")
            output.flush()  # an answer counts, whatever the next file does to us
