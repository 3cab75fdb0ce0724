"""A minute of chaos; `python -m tests.chaos` has more, and replays a seed that failed."""

from __future__ import annotations

import pytest

from tests.chaos.driver import run

FAULTS = 6


@pytest.mark.pm2
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("seed", "version"), [(1, "7"), (2, "5")])
def test_whatever_happens_each_app_runs_once_and_what_a_person_did_stands(seed: int, version: str) -> None:
    assert run(seed, FAULTS, version=version) >= FAULTS
