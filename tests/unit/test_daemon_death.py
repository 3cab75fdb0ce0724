"""The note about a daemon's death: what it holds is what is read back."""

from __future__ import annotations

import pytest

from automation.systems.pm2.daemon.death import MOST_REASON, Death, Lost, from_record, to_record
from automation.systems.pm2.intents import Intents

INTENTS = Intents((100, 5), {})
WEB, API = ("web", "default", 0), ("api", "blue", None)
DEATH = Death((100, 5), 12.5, INTENTS, (Lost(WEB, "no such file"), Lost(API, "no memory")), begun=True)


@pytest.mark.parametrize(
    "death",
    [
        DEATH,
        Death((100, 5), 12.5, INTENTS),
        Death((100, 5), 12.5, INTENTS, over=True),
        Death((100, 5), 12.5, INTENTS, begun=True, over=True),
    ],
)
def test_s11_a_note_is_read_back_as_it_was_written(death: Death) -> None:
    assert from_record(to_record(death, {}), INTENTS) == death


def test_what_is_lost_is_not_tried_again() -> None:
    assert DEATH.given_up == {WEB, API}


def test_the_intents_are_kept_beside_it_and_a_reason_has_an_end() -> None:
    long = Death((1, 2), 0.0, INTENTS, (Lost(WEB, "x" * (MOST_REASON + 1)),))
    record = to_record(long, {"stops": []})

    assert record["intents"] == {"stops": []}
    assert from_record(record, INTENTS).lost == (Lost(WEB, "x" * MOST_REASON),)


@pytest.mark.parametrize(
    "wrong",
    [
        {"schema": 2},
        {"daemon": [1]},
        {"lost": [{"slot": ["web", "default"], "why": ""}]},
        {"lost": [{"slot": "abc", "why": ""}]},
        {"lost": [{"slot": ["web", "default", "first"], "why": ""}]},
        {"at": "noon"},
    ],
)
def test_what_is_no_such_note_is_damaged(wrong: dict[str, object]) -> None:
    with pytest.raises((TypeError, ValueError)):
        from_record(to_record(DEATH, {}) | wrong, INTENTS)


@pytest.mark.parametrize("record", [None, [], "note"])
def test_what_is_no_object_is_no_note(record: object) -> None:
    with pytest.raises(ValueError, match="not a note"):
        from_record(record, INTENTS)
