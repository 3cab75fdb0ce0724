"""What the Netlify guard knows after a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from automation.core.errors import RecordNewer
from automation.systems.netlify.memory import MOST_ROLLBACKS, SCHEMA, Memory, Places
from automation.systems.netlify.rollback_target import Rollback


def test_nothing_is_known_at_first(tmp_path: Path) -> None:
    memory = Memory(tmp_path)

    assert memory.places() == Places()
    assert not memory.wrote_manifest("a.json")
    assert memory.rollbacks() == ()


def test_what_was_kept_is_known_to_the_next(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    memory.save_places(Places("api", "functions"))
    memory.note_manifest("a.json")
    for number in range(MOST_ROLLBACKS + 1):
        memory.note_rollback(Rollback("cause", "from", f"to-{number}", 1.0))

    again = Memory(tmp_path)

    assert again.places() == Places("api", "functions")
    assert again.wrote_manifest("a.json")
    assert not again.wrote_manifest("b.json")
    assert len(again.rollbacks()) == MOST_ROLLBACKS
    assert again.rollbacks()[-1] == Rollback("cause", "from", f"to-{MOST_ROLLBACKS}", 1.0)


def test_unchanged_places_are_not_written_again(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    memory.save_places(Places("api"))
    (tmp_path / "site.json").unlink()
    memory.save_places(Places("api"))

    assert not (tmp_path / "site.json").exists()


@pytest.mark.parametrize(
    "damage", [b"{", b"[]", b'{"schema": 1, "rollbacks": 7}', b'{"rollbacks": [{"x": 1}]}']
)
def test_a_damaged_record_counts_as_absent(tmp_path: Path, damage: bytes) -> None:
    for name in ("site.json", "manifest.json", "rollbacks.json"):
        (tmp_path / name).write_bytes(damage)
    memory = Memory(tmp_path)

    assert memory.places() == Places()
    assert not memory.wrote_manifest("a.json")
    assert memory.rollbacks() == ()


def test_a_record_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "site.json").write_text(f'{{"schema": {SCHEMA + 1}}}', "utf-8")

    with pytest.raises(RecordNewer):
        Memory(tmp_path).places()
