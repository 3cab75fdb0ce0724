"""Notes about apps that we stopped: which stand, which are beaten, and what becomes of them on disk."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from automation.core.errors import EffectFailed, RecordNewer
from automation.systems.pm2.intents import Cause as StopCause
from automation.systems.pm2.intents import Intents, Stop
from automation.systems.pm2.process import Process
from automation.systems.pm2.rest_notes import RestNotes
from automation.systems.pm2.resting import (
    ABSENT_FOR_S,
    BEGINS_WITHIN_S,
    MOST_RESTS,
    Rest,
    begun,
    from_record,
    rest_of,
    standing,
    to_record,
    with_note,
)
from tests.pm2_values import DAEMON, entry, listed

OTHER = (200, 9)
(RAN,) = listed(entry("web", 3, created_at=1000))
REST = begun(DAEMON, RAN, 100.0, 40, "boom")


def web(status: str = "stopped", pm_id: int = 3, **env: object) -> tuple[Process, ...]:
    return listed(entry("web", pm_id, status, **{"created_at": 1000, **env}))


def stands(
    processes: tuple[Process, ...],
    *,
    daemon: tuple[int, int] = DAEMON,
    intents: Intents | None = None,
    now_s: float = 110.0,
) -> tuple[Rest, ...]:
    return standing((REST,), daemon, processes, intents, now_s)


def stopped_by(cause: StopCause) -> Intents:
    return Intents(DAEMON, {3: Stop(3, "web", cause, 100.0)})


def test_s13_a_note_stands_while_the_app_is_stopped_whoever_may_have_been_seen() -> None:
    assert stands(web()) == (REST,)
    assert stands(web("stopping")) == (REST,)
    assert stands(web(), intents=stopped_by(StopCause.NOBODY)) == (REST,)
    assert stands(web(), intents=stopped_by(StopCause.UNSEEN)) == (REST,)


def test_a_person_who_starts_it_beats_the_note() -> None:
    for status in ("online", "launching", "waiting restart", "stopped"):
        assert stands(web(status, created_at=2000)) == ()


def test_s13_a_person_who_stops_what_rests_beats_the_note() -> None:
    assert stands(web(), intents=stopped_by(StopCause.PERSON)) == ()


def test_a_guard_that_was_killed_before_it_stopped_the_app_left_a_note_that_goes() -> None:
    assert stands(web("online"), now_s=100.0 + BEGINS_WITHIN_S - 0.125) == (REST,)
    assert stands(web("online"), now_s=100.0 + BEGINS_WITHIN_S) == ()


def test_what_runs_rests_not_even_while_its_note_stands() -> None:
    assert rest_of((REST,), web("online")[0]) is None
    assert rest_of((REST,), web()[0]) == REST
    assert rest_of((REST,), web(unique_id="other")[0]) is None


def test_pm2_that_gave_up_on_it_beats_the_note() -> None:
    assert stands(web("errored", created_at=None)) == ()
    assert stands(web("errored")) == ()


def test_an_entry_that_was_deleted_takes_its_note_along() -> None:
    assert stands(listed(entry("api", 4))) == ()
    assert stands(web(unique_id="made anew")) == ()


def test_while_the_list_is_empty_a_note_waits_for_a_day() -> None:
    assert stands(()) == (REST,)
    assert stands((), now_s=100.0 + ABSENT_FOR_S) == ()


def test_a_note_outlives_the_daemon_and_follows_the_app_to_its_new_id() -> None:
    (kept,) = stands(web(pm_id=0, unique_id="u-new", created_at=5000), daemon=OTHER)

    assert kept == replace(REST, daemon=OTHER, pm_id=0, unique_id="u-new", created_at_ms=5000)
    assert rest_of((kept,), web(pm_id=0, unique_id="u-new")[0]) == kept


def test_an_app_that_a_new_daemon_runs_was_started_by_somebody() -> None:
    assert stands(web("online", pm_id=0), daemon=OTHER) == ()


def test_the_twin_that_a_reload_replaces_is_not_the_app_that_rests() -> None:
    worker, twin = listed(entry("web", 0, "stopped"), entry("web", "_old_0", "stopped"))
    (kept,) = stands((worker, twin), daemon=OTHER)

    assert (kept.daemon, kept.pm_id) == (OTHER, 0)


def test_in_a_new_daemon_the_app_may_come_later() -> None:
    assert stands(listed(entry("api", 0)), daemon=OTHER) == (REST,)
    assert stands(listed(entry("api", 0)), daemon=OTHER, now_s=100.0 + ABSENT_FOR_S) == ()


def test_of_two_alike_in_a_new_daemon_it_is_not_known_which_one_rested() -> None:
    alike = listed(entry("web", 0, "stopped"), entry("web", 1, "stopped"))

    assert stands(alike, daemon=OTHER) == (REST,)
    assert rest_of(stands(alike, daemon=OTHER), alike[0]) is None


def test_a_clock_set_back_does_not_make_a_note_stand_longer() -> None:
    assert stands(web(), now_s=10.0) == (replace(REST, at_s=10.0),)


def test_a_second_note_takes_the_place_of_the_first_and_there_are_never_too_many() -> None:
    newer = replace(REST, at_s=500.0)
    many = tuple(replace(REST, pm_id=number) for number in range(MOST_RESTS))

    assert with_note((REST,), newer) == (newer,)
    assert with_note(many, replace(REST, pm_id=-1))[-1].pm_id == -1
    assert len(with_note(many, replace(REST, pm_id=-1))) == MOST_RESTS


def test_notes_come_back_from_disk_as_they_were(tmp_path: Path) -> None:
    notes = (REST, replace(REST, pm_id="_old_3", slot=2, created_at_ms=None, said="ö | \ud83d"))
    RestNotes(tmp_path).save(notes)
    read = RestNotes(tmp_path).load()

    assert read == notes
    assert (tmp_path / "resting.json").stat().st_mode & 0o777 == 0o600
    assert from_record(json.loads(json.dumps(to_record(notes)))) == notes


def test_without_notes_there_is_no_file(tmp_path: Path) -> None:
    notes = RestNotes(tmp_path)
    notes.save((REST,))
    notes.save(())

    assert list(tmp_path.iterdir()) == []
    assert notes.load() == ()
    notes.save(())


def test_what_another_process_notes_is_read(tmp_path: Path) -> None:
    notes, others = RestNotes(tmp_path), RestNotes(tmp_path)
    before = notes.load()
    others.save((REST,))

    assert before == ()
    assert notes.load() == (REST,)


WRONG: tuple[dict[str, object], ...] = (
    {"daemon": 7},
    {"daemon": [1]},
    {"id": None},
    {"slot": "x"},
    {"at": []},
    {"restarts": None},
)


def broken(wrong: dict[str, object]) -> str:
    record = json.loads(json.dumps(to_record((REST,))))
    return json.dumps(record | {"rests": [record["rests"][0] | wrong]})


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{", '{"schema":1}', '{"schema":1,"rests":[{}]}', '{"schema":0,"rests":[]}'),
        *('{"schema":1,"rests":7}', *map(broken, WRONG)),
    ],
)
def test_notes_that_cannot_be_understood_are_kept_as_evidence_and_count_for_nothing(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / "resting.json").write_text(text, "utf-8")

    assert RestNotes(tmp_path).load() == ()
    assert (tmp_path / "resting.json.damaged").read_text("utf-8") == text


def test_s32_notes_of_a_newer_version_stop_the_guard(tmp_path: Path) -> None:
    (tmp_path / "resting.json").write_text('{"schema": 2}', "utf-8")

    with pytest.raises(RecordNewer):
        RestNotes(tmp_path).load()


def test_notes_that_cannot_be_read_or_removed_are_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "resting.json").mkdir()

    assert RestNotes(tmp_path).load() == ()
    with pytest.raises(EffectFailed, match="cannot remove"):
        RestNotes(tmp_path).save(())
