"""Merging our entries into PM2's dump (safety S10): nobody else's entry changes by one character. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence

from automation.systems.pm2.dump.elements import Element, decoded, elements
from automation.systems.pm2.dump.own import is_ours

INDENT = "  "


def merged(data: bytes, own: Sequence[Mapping[str, object]], suites: Collection[str]) -> bytes:
    """Return a dump that holds our entries as they are now, and everybody else's as they were.

    An entry of ours that is there already is replaced where it stands, others come last. One that is there
    and not given stays. Where a stranger's entry bears a name of ours, ours is left out: both would start.

    Args:
        data: The dump.
        own: Our entries, as `pm2 save` would write them.
        suites: The folders whose `automation/` holds our scripts.

    Raises:
        DumpDamaged: It is no dump; it must not be touched.
    """
    saved = elements(data)
    held = strangers(saved, suites)
    given = {str(one["name"]): one for one in own if str(one["name"]) not in held}
    placed: set[str] = set()
    texts: list[str] = []
    for one in saved:
        if one.name not in given:
            texts.append(one.text)
        elif one.name not in placed:  # a second entry of one name would start it twice
            placed.add(one.name)
            new = given[one.name]
            texts.append(one.text if new == one.value else _rendered(new, data))
    texts += [_rendered(one, data) for name, one in given.items() if name not in placed]
    return data if texts == [one.text for one in saved] else _joined(texts, data)


def without(data: bytes, names: Collection[str], suites: Collection[str]) -> bytes:
    """Return a dump without our entries of these names, and everybody else's as they were.

    Raises:
        DumpDamaged: It is no dump; it must not be touched.
    """
    saved = elements(data)
    left = [one for one in saved if not (one.name in names and is_ours(one.value, suites))]
    return data if len(left) == len(saved) else _joined([one.text for one in left], data)


def strangers(saved: Sequence[Element], suites: Collection[str]) -> frozenset[str]:
    """Return the names that entries bear which are none of ours."""
    return frozenset(one.name for one in saved if not is_ours(one.value, suites))


def _indented(data: bytes) -> bool:
    """Tell whether `pm2 save` wrote a dump; PM2's daemon, when it ends, writes it in one line."""
    return b"\n" in decoded(data).strip().encode()


def _rendered(entry: Mapping[str, object], data: bytes) -> str:
    """Write an entry as JavaScript's JSON.stringify does, in the dump's own manner."""
    if not _indented(data):
        return json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
    text = json.dumps(entry, ensure_ascii=False, indent=len(INDENT))
    return text.replace("\n", f"\n{INDENT}")


def _joined(texts: Sequence[str], data: bytes) -> bytes:
    if not texts:
        text = "[]"
    elif _indented(data):
        text = f"[\n{INDENT}" + f",\n{INDENT}".join(texts) + "\n]"
    else:
        text = "[" + ",".join(texts) + "]"
    # Half a surrogate pair, which JSON may hold and UTF-8 not, becomes its JSON escape again.
    return text.encode("utf-8", "backslashreplace")
