"""Names of snapshots are unique and in order, whatever the clock does."""

from __future__ import annotations

import pytest

from automation.core.errors import EffectFailed
from automation.stores.backups.snapshot_id import is_snapshot_id, next_id

AT_S = 1_795_515_300.0  # 2026-11-24T10:15:00Z


def test_an_id_is_the_second_in_utc_and_four_hex_digits() -> None:
    assert next_id(AT_S + 0.9, None, 0x3F2A) == "20261124T101500Z-3f2a"


def test_a_later_second_gets_its_own_digits() -> None:
    assert next_id(AT_S + 1, "20261124T101500Z-7fff", 0x0001) == "20261124T101501Z-0001"


def test_a_second_snapshot_in_one_second_sorts_after_the_first() -> None:
    assert next_id(AT_S, "20261124T101500Z-3f2a", 0x0001) == "20261124T101500Z-3f2b"


def test_when_the_digits_of_a_second_are_used_up_the_next_second_is_named() -> None:
    assert next_id(AT_S, "20261124T101500Z-ffff", 0) == "20261124T101501Z-0000"


def test_a_clock_set_back_does_not_set_the_order_back() -> None:
    assert next_id(AT_S - 86400, "20261124T101500Z-3f2a", 7) == "20261124T101500Z-3f2b"


def test_the_first_digits_in_a_second_leave_room_for_those_that_follow() -> None:
    assert next_id(AT_S, None, 0xFFFF) == "20261124T101500Z-7fff"


@pytest.mark.parametrize("now_s", [-1e18, -1.0, 0.0, 1e18])
def test_a_clock_that_is_far_off_still_gives_a_name(now_s: float) -> None:
    assert is_snapshot_id(next_id(now_s, None, 0))


def test_after_the_last_name_there_is_a_clear_error() -> None:
    with pytest.raises(EffectFailed, match="no snapshot can be named after 99991231T235959Z-ffff"):
        next_id(0.0, "99991231T235959Z-ffff", 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "latest",
        "20261124T101500Z",
        "20261124T101500Z-3F2A",
        "20261124T101500Z-3f2a0",
        "20261324T101500Z-3f2a",
        "20261124T101560Z-3f2a",
        "../20261124T101500Z-3f2a",
        "20261124T101500Z-3f2a\n",
        "\u0662\u0660261124T101500Z-3f2a",
        ".tmp-new",
    ],
)
def test_what_is_no_snapshot_is_not_taken_for_one(text: str) -> None:
    assert not is_snapshot_id(text)
