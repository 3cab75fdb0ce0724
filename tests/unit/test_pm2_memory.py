"""What the guard keeps in PM2's home."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from automation.core.errors import EffectFailed, RecordNewer
from automation.systems.pm2.intents import Intents
from automation.systems.pm2.memory import NO_DAEMON, Memory
from automation.systems.pm2.recreation import begun
from automation.systems.pm2.roster import Listed, Roster, RosterHead
from tests.pm2_values import DAEMON, after, entry, event, listed

HEAD = RosterHead("boot", DAEMON)
WEB = Listed(3, 77, {"name": "web", "unique_id": "u", "env": {"SECRET": "x"}})
ROSTER = Roster(HEAD, (WEB,), (Listed(4, 0, {"name": "enhanced-pm2-redundancy"}),))
FULL = after(
    (listed(entry(), entry("b", 1), entry("c", 2)), ()),
    (listed(entry(status="stopped"), entry("b", 1, "stopped", pm_uptime=None)), (event("stop"),)),
)


def test_intents_are_read_as_they_were_written_and_for_us_alone(tmp_path: Path) -> None:
    Memory(tmp_path).save_intents(FULL)

    assert Memory(tmp_path).load_intents() == FULL
    assert stat.S_IMODE((tmp_path / "intents.json").stat().st_mode) == 0o600


def test_intents_that_never_were_are_empty(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    memory.save_intents(memory.load_intents())

    assert memory.load_intents() == Memory(tmp_path).load_intents() == Intents(NO_DAEMON, {})


def test_intents_are_written_only_when_they_have_changed(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    memory.save_intents(FULL)
    inode = (tmp_path / "intents.json").stat().st_ino
    memory.save_intents(FULL)

    assert (tmp_path / "intents.json").stat().st_ino == inode


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"schema": 1}',
        '{"schema": "x"}',
        '{"schema": 1, "daemon": [1, 2], "stops": [7], "gone": [], "known": null, "words": []}',
        '{"schema": 1, "daemon": [1, 2], "stops": [], "gone": [], "known": null, "words": [[null, 1]]}',
        '{"schema": 1, "daemon": [1, Infinity], "stops": [], "gone": [], "known": null, "words": []}',
    ],
)
def test_damaged_intents_are_empty_and_are_kept_once_others_are_written(tmp_path: Path, text: str) -> None:
    (tmp_path / "intents.json").write_text(text, "utf-8")
    memory = Memory(tmp_path)

    assert memory.load_intents() == Intents(NO_DAEMON, {})
    assert (tmp_path / "intents.json").read_text("utf-8") == text
    memory.save_intents(FULL)
    assert (tmp_path / "intents.json.damaged").read_text("utf-8") == text
    assert Memory(tmp_path).load_intents() == FULL


def test_what_a_newer_version_wrote_is_refused(tmp_path: Path) -> None:
    for name in ("intents.json", "roster.json"):
        (tmp_path / name).write_text('{"schema": 2}', "utf-8")

    with pytest.raises(RecordNewer):
        Memory(tmp_path).load_intents()
    with pytest.raises(RecordNewer):
        Memory(tmp_path).save_roster(ROSTER, "signature", 0.0)


def test_the_roster_is_written_when_its_signature_changes(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    memory.save_roster(ROSTER, "one", 0.0)
    first = json.loads((tmp_path / "roster.json").read_text("utf-8"))
    memory.save_roster(Roster(HEAD), "one", 1.0)
    same = json.loads((tmp_path / "roster.json").read_text("utf-8"))
    memory.save_roster(Roster(HEAD), "two", 1.0)
    changed = json.loads((tmp_path / "roster.json").read_text("utf-8"))

    assert first["entries"] == [{"id": 3, "pid": 77, "env": dict(WEB.env)}]
    assert (same, changed["entries"]) == (first, [])
    assert memory.roster_head() == HEAD
    assert stat.S_IMODE((tmp_path / "roster.json").stat().st_mode) == 0o600
    assert not (tmp_path / "roster-previous.json").exists()


def test_s11_the_roster_of_another_daemon_is_kept_once_more(tmp_path: Path) -> None:
    Memory(tmp_path).save_roster(ROSTER, "one", 0.0)
    Memory(tmp_path).save_roster(Roster(RosterHead("boot", (200, 9))), "one", 0.0)

    previous = json.loads((tmp_path / "roster-previous.json").read_text("utf-8"))
    assert previous["daemon"] == {"pid": 100, "startTicks": 5}
    assert len(previous["entries"]) == 1


@pytest.mark.parametrize(
    ("text", "head"),
    [
        ("{", None),
        ("[]", None),
        ("{}", RosterHead("", NO_DAEMON)),
        ('{"daemon": {"pid": "x", "startTicks": 4}, "bootId": "b"}', RosterHead("b", (0, 4))),
    ],
)
def test_a_roster_that_is_damaged_says_what_it_can(
    tmp_path: Path, text: str, head: RosterHead | None
) -> None:
    (tmp_path / "roster.json").write_text(text, "utf-8")

    assert Memory(tmp_path).roster_head() == head
    assert (Memory(tmp_path).load_roster() is None) == (head is None)


def test_a_roster_is_read_as_it_was_written_and_an_entry_that_is_none_is_left_out(tmp_path: Path) -> None:
    Memory(tmp_path).save_roster(ROSTER, "one", 0.0)
    assert Memory(tmp_path).load_roster() == ROSTER
    assert ROSTER.last_pids() == {"u": 77}

    record = json.loads((tmp_path / "roster.json").read_text("utf-8"))
    record["entries"] += [7, {"id": True, "pid": "x", "env": {}}, {"env": None}]
    (tmp_path / "roster.json").write_text(json.dumps(record), "utf-8")
    again = Memory(tmp_path).load_roster()
    assert again is not None
    assert again.apps == (WEB, Listed(-1, 0, {}))


def test_a_note_lasts_until_it_is_taken_away(tmp_path: Path) -> None:
    noted = begun(DAEMON, listed(entry())[0], listed(entry()))
    Memory(tmp_path).save_recreation(noted)
    read = Memory(tmp_path).load_recreation()
    for _ in range(2):
        Memory(tmp_path).save_recreation(None)

    assert read == noted
    assert Memory(tmp_path).load_recreation() is None


@pytest.mark.parametrize("text", ["{", "{}", '{"schema": 2}'])
def test_a_note_that_cannot_be_understood_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "recreation.json").write_text(text, "utf-8")

    assert Memory(tmp_path).load_recreation() is None


def test_a_note_that_cannot_be_taken_away_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "recreation.json").mkdir()

    with pytest.raises(EffectFailed, match=r"cannot remove .*recreation\.json"):
        Memory(tmp_path).save_recreation(None)
    assert Memory(tmp_path).load_recreation() is None
