"""Which subjects are guarded."""

from __future__ import annotations

import pytest

from automation.core.selection import Selection, is_glob


@pytest.mark.parametrize(
    ("selection", "taken"),
    [
        (Selection(), {"web", "web-old", "api"}),
        (Selection(()), set()),  # safety S8
        (Selection(("none",)), set()),
        (Selection(("web*",)), {"web", "web-old"}),
        (Selection(("web*", "api")), {"web", "web-old", "api"}),
        (Selection(exclude=("*-old",)), {"web", "api"}),
        (Selection(("web*",), ("web",)), {"web-old"}),
        (Selection(("WEB",)), set()),
    ],
)
def test_what_include_names_and_exclude_does_not_is_guarded(selection: Selection, taken: set[str]) -> None:
    assert {name for name in ("web", "web-old", "api") if selection.takes(name)} == taken


def test_any_of_its_names_counts() -> None:
    assert Selection(("ci",)).takes("a/ci.yml", "ci.yml", "ci")
    assert not Selection(exclude=("ci",)).takes("a/ci.yml", "ci.yml", "ci")


def test_a_glob_stands_for_many() -> None:
    assert [is_glob(text) for text in ("web", "w*", "w?", "[w]eb", "a.b:c]")] == [
        False,
        True,
        True,
        True,
        False,
    ]
