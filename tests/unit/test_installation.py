"""The record of an installation, and who may change anything by it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.core.errors import RecordDamaged, RecordNewer
from automation.stores.installation import (
    Here,
    Installation,
    Verdict,
    home_path,
    judge,
    parse,
    read,
    record,
    release,
    render,
    workspace_path,
)

MINE = Installation(
    "u-1", 1000, "/h/.pm2", "/usr/bin/node", "/usr/bin/pm2", "/srv/site", "/srv/site", "2026-11-24"
)
OTHERS = replace(MINE, uuid="u-2", workspace="/srv/other", suite="/srv/other")
HERE = Here("/h/.pm2", "/srv/site", owns_home=True, owns_workspace=True, twin_lives=True, own_home_lives=True)
MOVED_HERE = replace(HERE, suite="/srv/moved")


@pytest.mark.parametrize(
    ("ours", "twin", "here", "verdict"),
    [
        (None, None, HERE, Verdict.NEW),
        (MINE, MINE, HERE, Verdict.SAME),
        (None, MINE, HERE, Verdict.SAME),
        (MINE, None, HERE, Verdict.SAME),
        (MINE, MINE, replace(MOVED_HERE, twin_lives=False), Verdict.MOVED),
        (MINE, None, MOVED_HERE, Verdict.MOVED),
        (MINE, MINE, MOVED_HERE, Verdict.HELD),  # a copy: the folder that was copied is still there
        (None, OTHERS, HERE, Verdict.HELD),
        (MINE, OTHERS, HERE, Verdict.HELD),
        (None, OTHERS, replace(HERE, twin_lives=False), Verdict.NEW),
        (MINE, OTHERS, replace(HERE, twin_lives=False), Verdict.NEW),
        (MINE, None, replace(HERE, pm2_home="/else"), Verdict.OTHER_HOME),
        (MINE, None, replace(HERE, pm2_home="/else", own_home_lives=False), Verdict.SAME),
        (MINE, MINE, replace(HERE, owns_home=False), Verdict.SAME),
        (MINE, MINE, replace(HERE, owns_workspace=False), Verdict.SAME),
        (MINE, MINE, replace(HERE, owns_home=False, owns_workspace=False), Verdict.WRONG_USER),
    ],
)
def test_the_records_decide_who_may_change_anything(
    ours: Installation | None, twin: Installation | None, here: Here, verdict: Verdict
) -> None:
    assert judge(ours, twin, here) is verdict


@given(st.builds(Installation, *[st.text(max_size=20), st.integers(0, 2**31), *[st.text(max_size=20)] * 6]))
def test_what_is_written_is_read_back(installation: Installation) -> None:
    assert parse(render(installation), "here") == installation


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.integers() | st.text(max_size=5), st.lists).map(
        lambda value: json.dumps(value).encode()
    )
)
def test_bytes_that_are_no_record_are_damaged_and_nothing_else(data: bytes) -> None:
    with pytest.raises(RecordDamaged, match="run the start script again"):
        parse(data, "here")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": 0}, "schema is 0"),
        ({"uid": "0"}, "uid missing or of a wrong type"),
        ({"node": None, "pm2": 7}, "node, pm2 missing"),
    ],
)
def test_a_wrong_value_is_named(change: dict[str, object], said: str) -> None:
    with pytest.raises(RecordDamaged, match=said):
        parse(json.dumps(json.loads(render(MINE)) | change).encode(), "here")


def test_a_newer_record_is_left_alone() -> None:
    with pytest.raises(RecordNewer):
        parse(json.dumps(json.loads(render(MINE)) | {"schema": 2}).encode(), "here")


def test_deep_nesting_is_damage_too() -> None:
    with pytest.raises(RecordDamaged):
        parse(b"[" * 60_000, "here")


def test_the_twins_are_written_once_and_the_one_in_the_home_can_be_released(tmp_path: Path) -> None:
    installation = replace(MINE, pm2_home=str(tmp_path / "home"))
    logs = tmp_path / "logs"

    assert record(installation, logs)
    assert not record(installation, logs)
    release(installation)

    assert read(workspace_path(logs)) == installation
    assert read(home_path(tmp_path / "home")) is None
