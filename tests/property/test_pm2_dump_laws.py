"""Laws of PM2's dump: whatever it holds, our merge changes nobody else's entry by one character (S10)."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from automation.systems.pm2.dump.elements import DumpDamaged, elements
from automation.systems.pm2.dump.merging import merged, without
from automation.systems.pm2.dump.own import SCRIPTS, is_ours

SUITE = "/srv/site"
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from([*SCRIPTS, "shop", "web", ""])
paths = st.sampled_from(
    [*(f"{SUITE}/automation/{script}" for script in SCRIPTS.values()), "/elsewhere/app.js", ""]
)


@st.composite
def entries(draw: st.DrawFn) -> dict[str, object]:
    """Entries with any content, of anybody."""
    said: dict[str, object] = {**draw(st.dictionaries(st.text(), values, max_size=4))}
    return said | {"name": draw(names), "pm_exec_path": draw(paths)}


@st.composite
def dumps(draw: st.DrawFn) -> bytes:
    """Dumps in any manner of writing."""
    indent = draw(st.sampled_from([None, 0, 1, 2, 7]))
    ascii_only = draw(st.booleans())
    text = json.dumps(draw(st.lists(entries(), max_size=6)), indent=indent, ensure_ascii=ascii_only)
    white = st.text(" \t\r\n", max_size=3)
    return (draw(white) + text + draw(white)).encode("utf-8", "backslashreplace")


@st.composite
def own(draw: st.DrawFn) -> list[dict[str, object]]:
    """Our own entries, each name once."""
    chosen = draw(st.lists(st.sampled_from(sorted(SCRIPTS)), unique=True))
    return [
        {
            **draw(st.dictionaries(st.text(), values, max_size=3)),
            "name": name,
            "pm_exec_path": f"{SUITE}/automation/{SCRIPTS[name]}",
        }
        for name in chosen
    ]


def others(data: bytes) -> list[str]:
    """Return the very characters of the entries that are none of ours."""
    return [one.text for one in elements(data) if not is_ours(one.value, [SUITE])]


@given(dumps(), own())
def test_s10_a_merge_never_changes_anybody_elses_entry(data: bytes, given_: list[dict[str, object]]) -> None:
    new = merged(data, given_, [SUITE])

    assert others(new) == others(data)
    assert merged(new, given_, [SUITE]) == new


@given(dumps(), own())
def test_what_is_merged_is_there_once_unless_a_stranger_bears_its_name(
    data: bytes, given_: list[dict[str, object]]
) -> None:
    held = {one.name for one in elements(data) if not is_ours(one.value, [SUITE])}
    after = [one.value for one in elements(merged(data, given_, [SUITE])) if is_ours(one.value, [SUITE])]

    for one in given_:
        if one["name"] not in held:
            assert [found for found in after if found["name"] == one["name"]] == [one]


@given(dumps(), own(), st.sets(st.sampled_from(sorted(SCRIPTS))))
def test_s10_taking_ours_out_leaves_everybody_elses(
    data: bytes, given_: list[dict[str, object]], chosen: set[str]
) -> None:
    left = without(merged(data, given_, [SUITE]), chosen, [SUITE])

    assert others(left) == others(data)
    assert not [one for one in elements(left) if one.name in chosen and is_ours(one.value, [SUITE])]


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_a_dump_or_damaged(data: bytes) -> None:
    try:
        found = elements(data)
    except DumpDamaged:
        return

    assert [one.value for one in found] == json.loads(data)
