"""Mechanical repairs of a workflow file, each of which proves itself: what comes out checks clean of faults.

* UTF-16, as some editors and shells write it, becomes UTF-8.
* NUL and control bytes behind the last line go, unless they stand where a disk lost the rest of the file.
* Tabs in the indentation of lines at which the parser stops become spaces, if all usual widths mean the same.

CRLF and a byte order mark alone are no faults: GitHub takes them, so the file is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable

from automation.core.finding import Severity
from automation.systems.github.workflow.nodes import plain
from automation.systems.github.workflow.structure import check_workflow
from automation.systems.github.workflow.yaml12 import UTF16_MARKS, read, syntax_stop

TAB_LINES_CAP = 300
TAB_BYTES_CAP = 32 * 1024  # the file is read once for each such line
TAB_WIDTHS = (2, 4, 8)
_SECTOR_BYTES = 512
_CONTROL_BYTES = bytes([*range(9), 11, 12, *range(14, 32), 127])


def fix(data: bytes) -> bytes | None:
    """Return the repaired file; None where nothing is wrong with it, or no repair is sure."""
    if _is_clean(data):
        return None
    repairs: tuple[Callable[[bytes], bytes | None], ...] = (_as_utf8, _without_tail, _without_tabs)
    for repair in repairs:
        repaired = repair(data)
        if repaired is None:
            continue
        if _is_clean(repaired):
            return repaired
        data = repaired
    return None


def _is_clean(data: bytes) -> bool:
    return all(problem.severity is not Severity.CRITICAL for problem in check_workflow(data))


def _as_utf8(data: bytes) -> bytes | None:
    if not data.startswith(UTF16_MARKS):
        return None
    try:
        return data.decode("utf-16").encode("utf-8")
    except UnicodeError:
        return None


def _without_tail(data: bytes) -> bytes | None:
    """Remove NUL and control bytes at the end, behind a whole line.

    A disk that lost a file's end in a power cut leaves NUL bytes from a sector's border on: what stands
    before them may parse, but is not the whole file.
    """
    kept = data.rstrip(_CONTROL_BYTES)
    if kept == data or not kept.endswith(b"\n") or len(kept) % _SECTOR_BYTES == 0:
        return None
    return kept


def _without_tabs(data: bytes) -> bytes | None:
    """Replace tabs in the indentation, if all widths that give a clean file give the same values."""
    if len(data) > TAB_BYTES_CAP:
        return None
    candidates = [_with_spaces(data, width) for width in TAB_WIDTHS]
    clean = [candidate for candidate in candidates if candidate is not None and _is_clean(candidate)]
    if not clean or any(_values(other) != _values(clean[0]) for other in clean[1:]):
        return None
    return clean[0]


def _with_spaces(data: bytes, width: int) -> bytes | None:
    """Replace the tabs of each line at which the parser stops, until it stops no more."""
    lines = data.split(b"\n")
    for _ in range(TAB_LINES_CAP):
        stop = syntax_stop(b"\n".join(lines))
        if stop is None:
            return b"\n".join(lines)
        if stop.problem != "tab-indentation":
            return None
        line = lines[stop.line - 1]
        text = line.lstrip(b" \t")
        lines[stop.line - 1] = line[: len(line) - len(text)].expandtabs(width) + text
    return None


def _values(data: bytes) -> object:
    root = read(data).root
    return None if root is None else plain(root)
