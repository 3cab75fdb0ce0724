"""The note about a recreation, and which two entries it means."""

from __future__ import annotations

import json

import pytest

from automation.systems.pm2.recreation import begun, from_record, left_open, new_ones, old_one, to_record
from tests.pm2_values import DAEMON, entry, listed

OLD = entry("web", 3, "errored", NODE_APP_INSTANCE=1)
OTHER = entry("web", 2, NODE_APP_INSTANCE=0)
NEW = entry("web", 5, NODE_APP_INSTANCE=1)
NOTED = begun(DAEMON, listed(OLD)[0], listed(OTHER, OLD))


def test_the_new_one_has_the_name_and_slot_of_the_old_one_and_was_not_there_before() -> None:
    seen = listed(
        OTHER, OLD, NEW, entry("other", 6, NODE_APP_INSTANCE=1), entry("web", 7, NODE_APP_INSTANCE=2)
    )
    old = old_one(NOTED, seen)

    assert old is not None
    assert old.pm_id == 3
    assert [one.pm_id for one in new_ones(NOTED, seen)] == [5]
    assert new_ones(NOTED, listed(OTHER, OLD, entry("web", "_old_5", NODE_APP_INSTANCE=1))) == ()


def test_an_entry_that_got_the_old_ones_id_is_not_the_old_one() -> None:
    assert old_one(NOTED, listed(entry("web", 3, unique_id="another"))) is None


def test_it_is_left_open_while_both_are_in_the_list_of_the_same_daemon() -> None:
    both = listed(OTHER, OLD, NEW)

    assert left_open(NOTED, DAEMON, both)
    assert not left_open(NOTED, (100, 6), both)
    assert not left_open(NOTED, DAEMON, listed(OTHER, OLD))
    assert not left_open(NOTED, DAEMON, listed(OTHER, NEW))


@pytest.mark.parametrize("noted", [NOTED, begun(DAEMON, listed(entry("a", "_old_1"))[0], ())])
def test_a_note_is_read_as_it_was_written(noted: object) -> None:
    assert noted == from_record(json.loads(json.dumps(to_record(noted))))  # type: ignore[arg-type]  # a Recreation


@pytest.mark.parametrize(
    "record",
    [
        None,
        [],
        {},
        {"schema": 2},
        to_record(NOTED) | {"schema": 2},
        to_record(NOTED) | {"daemon": [1]},
        to_record(NOTED) | {"daemon": 1},
        to_record(NOTED) | {"slot": []},
        to_record(NOTED) | {"id": None},
        to_record(NOTED) | {"before": [None]},
    ],
)
def test_what_is_no_note_is_refused(record: object) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        from_record(record)
