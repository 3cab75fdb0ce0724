"""PM2's dump as a file: read only when it changed, remembered across restarts, changed under the lock."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from automation.core.errors import EffectFailed, LockBusy, RecordNewer, StepRefused
from automation.ports import files as file_port
from automation.ports.clock import SteppedClock, SystemClock
from automation.ports.locks import locked
from automation.systems.pm2.dump import watching
from automation.systems.pm2.dump.judging import DumpState, Known, Seen
from automation.systems.pm2.dump.saving import DumpFiles, dump_files, remove_entries, save_entries
from automation.systems.pm2.dump.steps import save_own_entries
from automation.systems.pm2.dump.watching import DumpWatch, Place, load_known, save_known
from automation.systems.pm2.intents import Intents
from automation.systems.pm2.memory import Memory
from automation.systems.pm2.observer import Pm2Observer
from tests.pm2_values import entry
from tests.scripted_pm2 import ScriptedPm2

SUITE = "/srv/site"
NAME = "master-redundancy-orchestrator"
OURS = {"name": NAME, "pm_exec_path": f"{SUITE}/automation/master_redundancy_orchestrator.py", "env": {}}
SEEN = Seen((), Intents((1, 1), {}))
LATER_S = 100.0


class Ground:
    """A dump, and who watches it."""

    def __init__(self, folder: Path) -> None:
        self.dump = folder / "dump.pm2"
        self.record = folder / "dump.json"
        self.watch = self.anew()

    def anew(self) -> DumpWatch:
        """Return a guard that was just started."""
        return DumpWatch(Place(self.dump, self.record, (SUITE,)))

    def write(self, *names: str) -> None:
        """Write a dump that holds these."""
        self.dump.write_text(json.dumps([{"name": name} for name in names]), "utf-8")


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path)


def now_s() -> float:
    return time.time() + LATER_S


def test_a_dump_is_read_when_it_changed_and_not_else(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    ground.write("a")
    assert ground.watch.look(SEEN, now_s()).dump.names == ("a",)
    with monkeypatch.context() as patch:
        patch.setattr(watching, "read_whole", lambda *_, **__: pytest.fail("read again"))
        assert ground.watch.look(SEEN, now_s()).dump.names == ("a",)
    ground.write("b")
    assert ground.watch.look(SEEN, now_s()).dump.names == ("b",)
    ground.dump.unlink()
    assert ground.watch.look(SEEN, now_s()).dump.state is DumpState.ABSENT


def test_a_dump_that_may_be_half_written_is_looked_at_again(ground: Ground) -> None:
    ground.write("a")
    ground.watch.look(SEEN, now_s())
    ground.dump.write_bytes(b'[{"na')
    written_s = ground.dump.stat().st_mtime

    young = ground.watch.look(SEEN, written_s + 1.9)
    old = ground.watch.look(SEEN, written_s + 2.0)

    assert (young.dump.names, young.settling) == (("a",), True)
    assert (old.dump.state, old.settling) == (DumpState.DAMAGED, False)
    assert ground.anew().look(SEEN, written_s - 1.0).dump.state is DumpState.DAMAGED  # a clock set back


def test_what_it_held_is_known_after_a_restart(ground: Ground) -> None:
    ground.write("a", "b")
    ground.watch.look(SEEN, now_s())
    ground.watch.remember()
    first = ground.record.read_bytes()
    ground.watch.remember()

    ground.write("a")
    after = ground.anew()

    assert after.look(SEEN, now_s()).lost == ("b",)
    assert ground.record.read_bytes() == first
    assert ground.record.stat().st_mode & 0o777 == 0o600
    after.remember()
    assert load_known(ground.record).expected == {"a": 1, "b": 1}


def test_a_guard_that_has_not_looked_writes_nothing(ground: Ground) -> None:
    ground.watch.remember()

    assert not ground.record.exists()


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"schema": 1}', '{"schema":1,"print":[1,2],"writtenNs":1,"expected":[]}', "null"]
)
def test_a_record_that_cannot_be_understood_is_none(ground: Ground, text: str) -> None:
    ground.record.write_text(text, "utf-8")

    assert load_known(ground.record) == Known()


def test_a_record_is_read_as_it_was_written_and_a_newer_one_is_refused(ground: Ground) -> None:
    known = Known({"a": 2}, (3, 4), 5)
    save_known(ground.record, known)
    assert load_known(ground.record) == known

    ground.record.write_text('{"schema": 2}', "utf-8")
    with pytest.raises(RecordNewer):
        ground.watch.look(SEEN, now_s())


def test_could_not_read_is_not_damaged(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    ground.write("a")
    monkeypatch.setattr(watching, "CAP_BYTES", 3)
    assert ground.watch.look(SEEN, now_s()).dump.state is DumpState.UNREADABLE

    ground.dump.unlink()
    ground.dump.symlink_to(ground.dump)
    found = ground.watch.look(SEEN, now_s()).dump
    assert (found.state, "cannot read" in found.detail) == (DumpState.UNREADABLE, True)


def test_a_dump_that_goes_while_it_is_read_is_absent(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    ground.write("a")
    monkeypatch.setattr(watching, "read_whole", lambda *_, **__: None)

    assert ground.watch.read().state is DumpState.ABSENT


# --- our own entries ---


@pytest.fixture
def files(tmp_path: Path) -> DumpFiles:
    return dump_files(tmp_path / "dump.pm2", tmp_path / "redundancy")


def put(files: DumpFiles, *entries: object) -> None:
    files.dump.write_text(json.dumps(entries), "utf-8")


def save(files: DumpFiles) -> str:
    return save_entries(files, [OURS], [SUITE], SystemClock(), lock_wait_s=0.0)


def test_s10_ours_are_saved_after_a_copy_was_kept_and_only_once(files: DumpFiles) -> None:
    put(files, {"name": "shop"})
    before = files.dump.read_bytes()

    assert save(files) == f"saved {NAME}"
    assert files.copy.read_bytes() == before
    assert (files.copy.stat().st_mode & 0o777, files.copy.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert [one["name"] for one in json.loads(files.dump.read_bytes())] == ["shop", NAME]
    assert save(files) == "not needed: they are saved"
    assert files.copy.read_bytes() == before


def test_s10_without_a_copy_that_is_what_was_written_nothing_changes(
    files: DumpFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(files, {"name": "shop"})
    before = files.dump.read_bytes()
    monkeypatch.setattr(file_port, "read_whole", lambda *_, **__: b"something else")

    with pytest.raises(EffectFailed, match="reads back differently from what was written"):
        save(files)
    assert files.dump.read_bytes() == before


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"[]", "one that holds only our own apps is not made"),
        (b"[{", "is damaged and was not touched: line 1"),
        (b"", "is damaged and was not touched"),
        (json.dumps([OURS | {"pm_exec_path": "/x"}]).encode(), f"bear our names: {NAME}"),
    ],
)
def test_s10_a_dump_that_must_not_be_touched_is_not(files: DumpFiles, data: bytes, said: str) -> None:
    files.dump.write_bytes(data)

    with pytest.raises(StepRefused, match=said):
        save(files)
    assert files.dump.read_bytes() == data


def test_s10_where_there_is_no_dump_none_is_made(files: DumpFiles) -> None:
    with pytest.raises(StepRefused, match="never saved"):
        save(files)
    with pytest.raises(StepRefused, match="never saved"):
        remove_entries(files, [NAME], [SUITE], SystemClock())
    assert not files.dump.exists()


def test_ours_are_taken_out_again_and_nothing_else(files: DumpFiles) -> None:
    put(files, {"name": "shop"}, OURS)

    assert remove_entries(files, [NAME], [SUITE], SystemClock())
    assert json.loads(files.dump.read_bytes()) == [{"name": "shop"}]
    assert not remove_entries(files, [NAME], [SUITE], SystemClock())


def test_whoever_starts_or_ends_the_daemon_is_waited_for(files: DumpFiles) -> None:
    put(files, {"name": "shop"})
    files.lock.parent.mkdir()
    with locked(files.lock, purpose="a test", since="now"), pytest.raises(LockBusy, match=r"daemon\.lock"):
        save(files)  # flock knows each opened file apart


def observer(files: DumpFiles, pm2: ScriptedPm2) -> Pm2Observer:
    found = Pm2Observer(pm2, Memory(files.lock.parent), files.dump.parent, SteppedClock())
    found.dump_files, found.suites = files, (SUITE,)
    return found


def test_the_step_saves_what_runs_of_ours(files: DumpFiles) -> None:
    put(files, {"name": "shop"})
    ours = entry(NAME, 1, pm_exec_path=OURS["pm_exec_path"], env={})
    watching_it = observer(files, ScriptedPm2(entry("shop"), ours))

    assert save_own_entries(watching_it, "dump.pm2") == f"saved {NAME}"
    assert save_own_entries(watching_it, "dump.pm2") == "not needed: they are saved"
    assert save_own_entries(observer(files, ScriptedPm2(entry())), "dump.pm2").startswith(
        "not needed: PM2 runs"
    )
    with (
        locked(files.lock, purpose="a test", since="now"),
        pytest.raises(EffectFailed, match=r"daemon\.lock"),
    ):
        save_own_entries(watching_it, "dump.pm2")
    watching_it.dump_files = None
    with pytest.raises(StepRefused, match="nobody knows where"):
        save_own_entries(watching_it, "dump.pm2")
