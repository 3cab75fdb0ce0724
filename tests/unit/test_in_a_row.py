"""What must be seen on three looks in a row, over five seconds at least."""

from __future__ import annotations

import pytest

from automation.systems.pm2.daemon.in_a_row import InARow


@pytest.mark.parametrize(
    ("looks", "counts"),
    [
        ([10.0], False),
        ([10.0, 15.0], False),
        ([10.0, 10.1, 14.9], False),
        ([10.0, 10.1, 15.0], True),
        ([10.0, 10.0, 10.0, 10.0, 10.0], False),
        ([10.0, 100.0, 190.0], True),
    ],
)
def test_it_counts_after_three_looks_and_five_seconds(looks: list[float], *, counts: bool) -> None:
    row = InARow()

    assert [row.again(at_s) for at_s in looks][-1] is counts


def test_one_look_that_did_not_see_it_begins_the_count_again() -> None:
    row = InARow()
    for at_s in (0.0, 5.0, 10.0):
        row.again(at_s)
    row.ends()

    assert [row.again(at_s) for at_s in (20.0, 22.0, 24.0, 25.0)] == [False, False, False, True]
