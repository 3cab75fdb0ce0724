"""The settings file as a tree: its values by dotted key, what it must not hold, and what is odd about it."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Iterator, Mapping

from automation.core.errors import SettingsInvalid
from automation.core.setting import LONGEST_SHOWN, on_one_line, shown_value

DEEPEST = 10
NEAR = 0.75
SECRET_KEY = re.compile(r"token|secret|passw|^pass$|credential|api_?key", re.IGNORECASE)


def leaves(
    tree: Mapping[str, object], keys: frozenset[str], prefix: str = "", depth: int = 0
) -> Iterator[tuple[str, object]]:
    """Yield every value of the file with its dotted key.

    An empty object or a list is a value, and so is whatever stands where a known setting belongs.
    """
    for key, value in tree.items():
        dotted = f"{prefix}{key}"
        if isinstance(value, dict) and value and dotted not in keys and depth < DEEPEST:
            yield from leaves(value, keys, f"{dotted}.", depth + 1)
        else:
            yield dotted, value


def refuse_secrets(found: Mapping[str, object], where: str) -> None:
    """Refuse a file that holds a token: files get copied, committed and backed up.

    Raises:
        SettingsInvalid: A text stands under a key that looks like a secret's.
    """
    for key, value in found.items():
        if isinstance(value, str) and value and SECRET_KEY.search(key.rpartition(".")[2]):
            raise SettingsInvalid(
                f"{where}: no secret is read from this file: remove {on_one_line(key)!r}, "
                "and use the environment or a *_TOKEN_FILE"
            )


def refuse_values_for_objects(found: Mapping[str, object], keys: Iterable[str], origin: str) -> None:
    """Refuse a value where known settings lie below.

    Raises:
        SettingsInvalid: There is one; the line says where. `origin` is what stands before the key.
    """
    above = {key[:at] for key in keys for at, one in enumerate(key) if one == "."}
    for key, value in found.items():
        if key in above and not isinstance(value, dict):
            raise SettingsInvalid(f"{origin}{key}: expected an object, got {shown_value(value)}")


def is_below(key: str, tops: Iterable[str]) -> bool:
    """Tell whether a key is one of these, or lies below one."""
    return any(key == one or key.startswith(f"{one}.") for one in tops)


def oddities(
    keys: frozenset[str], found: Mapping[str, object], ignored: Iterable[str], where: str
) -> Iterator[str]:
    """Say which keys of the file have no effect; those of other programs' sections are their business."""
    sections = {key.partition(".")[0] for key in keys}
    covered = tuple(ignored)
    for key in found:
        section = key.partition(".")[0]
        if key in keys or is_below(key, covered):
            continue
        wanted, among = (key, keys) if section in sections else (section, sections)
        near = nearest(wanted, among)
        if near:
            yield f"{where}: {on_one_line(key)}: unknown key; did you mean {near}?"
        elif section in sections:
            yield f"{where}: {on_one_line(key)}: unknown key"


def nearest(key: str, known: Iterable[str]) -> str:
    """Return the known key that is most like one; empty where none is.

    Only a file with an odd key pays for loading difflib.
    """
    difflib = importlib.import_module("difflib")
    near: list[str] = difflib.get_close_matches(key[:LONGEST_SHOWN], sorted(known), n=1, cutoff=NEAR)
    return near[0] if near else ""


def value_at(tree: object, key: str) -> object:
    """Return what stands at a dotted key; None where nothing does."""
    for part in key.split("."):
        tree = tree.get(part) if isinstance(tree, Mapping) else None
    return tree


def is_on(value: object, depth: int = 0) -> bool:
    """Tell whether something is switched on; `enabled: false` switches off what stands beside it."""
    if isinstance(value, Mapping):
        return (
            value.get("enabled") is not False
            and depth < DEEPEST
            and any(is_on(one, depth + 1) for one in value.values())
        )
    return bool(value)
