"""functions-manifest.json: the list of the site's functions, for programs and people of this workspace.

`functions` is a list of names, as its readers expect; `details` holds the rest. The bytes depend on the
functions alone: no time, no path of this machine, so a file that is current is never written again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from automation.systems.netlify.discovery import Function

FILE_NAME = "functions-manifest.json"
SIZE_CAP_BYTES = 4 * 1024 * 1024


def path_in(folder: str) -> str:
    """Return where the manifest lies, given the functions folder; Netlify takes no `.json` for a function."""
    return f"{folder}/{FILE_NAME}"


def render(functions: Iterable[Function]) -> bytes:
    """Return the manifest's bytes; the order of the functions given does not matter."""
    ordered = sorted(functions, key=lambda function: function.name)
    tree = {"functions": [function.name for function in ordered], "details": [*map(_detail, ordered)]}
    return (json.dumps(tree, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def is_current(existing: bytes | None, functions: Iterable[Function]) -> bool:
    """Tell whether a manifest says what is so, whatever its age, layout or further keys.

    One without `details`, as other programs write it, is current when it names the functions.
    """
    tree = _parsed(existing)
    if tree is None:
        return False
    wanted = json.loads(render(functions))
    listed = tree.get("functions")
    if not isinstance(listed, list) or sorted(map(_name, listed)) != wanted["functions"]:
        return False
    return "details" not in tree or tree["details"] == wanted["details"]


def differences(existing: bytes | None, functions: Iterable[Function]) -> tuple[str, ...]:
    """Say in short lines what makes a manifest out of date; none when it is current."""
    wanted = tuple(functions)
    if is_current(existing, wanted):
        return ()
    tree = _parsed(existing)
    if tree is None:
        return ("there is no manifest" if existing is None else "it is no JSON object",)
    listed = tree.get("functions")
    if not isinstance(listed, list):
        return ("it has no list `functions`",)
    old, new = set(map(_name, listed)), {function.name for function in wanted}
    added = [f"{name} is missing from it" for name in sorted(new - old)]
    gone = [f"{name} is in it, and is no function" for name in sorted(old - new)]
    return (*added, *gone) or ("what it says of the functions has changed",)


def _detail(function: Function) -> dict[str, object]:
    return {
        "name": function.name,
        "mainFile": function.main_file,
        "runtime": function.runtime,
        "schedule": function.schedule,
        "routes": [*function.routes],
    }


def _parsed(existing: bytes | None) -> Mapping[str, object] | None:
    if existing is None or len(existing) > SIZE_CAP_BYTES:
        return None
    try:
        tree = json.loads(existing)
    except (ValueError, RecursionError):
        return None
    return tree if isinstance(tree, dict) else None


def _name(item: object) -> str:
    """Return the name of a listed function; some list objects that hold it."""
    name = item.get("name") if isinstance(item, Mapping) else item
    return name if isinstance(name, str) else ""
