"""Which snapshot and which file a person means."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.core.errors import UsageInvalid
from automation.engine.snapshot_choice import chosen_id, inside

IDS = ("20261124T101500Z-3f2a", "20261124T101500Z-8000", "20261125T000000Z-0001")


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [(IDS[0], IDS[0]), ("20261125", IDS[2]), ("20261124T101500Z-3", IDS[0]), ("latest", IDS[1])],
)
def test_a_snapshot_is_meant_by_its_id_its_beginning_or_latest(wanted: str, meant: str) -> None:
    assert chosen_id(wanted, IDS, IDS[1]) == meant


@pytest.mark.parametrize(
    ("wanted", "line"),
    [
        ("2020", "there is no snapshot '2020'; see the list of `backups`"),
        ("", "there is no snapshot ''; see the list of `backups`"),
        (
            "202611",
            f"3 snapshots begin with '202611'; give more of the id: … {', '.join(IDS)}",
        ),
        ("latest", "there is no `latest` yet: no snapshot is verified and wholly valid"),
    ],
)
def test_what_is_nobody_or_more_than_one_is_refused_in_one_line(wanted: str, line: str) -> None:
    with pytest.raises(UsageInvalid) as caught:
        chosen_id(wanted, IDS, None)

    assert str(caught.value) == line


def test_a_line_about_a_long_or_odd_id_stays_short_and_on_one_line() -> None:
    with pytest.raises(UsageInvalid) as caught:
        chosen_id("x\n" * 5000, IDS, None)

    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@given(st.sampled_from(IDS), st.integers(0, 21))
def test_the_beginning_of_an_id_means_that_id_or_is_refused_as_ambiguous(id_: str, length: int) -> None:
    try:
        meant = chosen_id(id_[:length], IDS, None)
    except UsageInvalid:
        assert sum(one.startswith(id_[:length]) for one in IDS) > 1 or not length
    else:
        assert meant == id_


def test_a_path_inside_the_workspace_may_be_given_from_the_root_on() -> None:
    workspace = Path("/srv/site")

    assert inside(workspace, "/srv/site/netlify.toml") == "netlify.toml"
    assert inside(workspace, "/srv/site2/netlify.toml") == "/srv/site2/netlify.toml"
    assert inside(workspace, "a/b") == "a/b"
