"""The safety rules of files, S21 to S24, on a real disk."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from automation.core.errors import EffectFailed
from automation.ports import files
from automation.ports.clock import SteppedClock
from automation.stores.backups.retention import RESTORE_KEPT_S, Policy
from automation.stores.backups.store import Snapshot, SnapshotStore, Source

DAY_S = 86400.0


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "a").write_bytes(b"good 1")
    (folder / "b").write_bytes(b"good 1")
    return folder


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock(1_795_515_300.0)


@pytest.fixture
def store(tmp_path: Path, workspace: Path, clock: SteppedClock) -> SnapshotStore:
    return SnapshotStore(tmp_path / "backups" / "pm2", "pm2", clock, "host-1", workspace)


def good(_: str, data: bytes) -> bool:
    return data.startswith(b"good")


def taken(store: SnapshotStore, *, emergency: bool = False) -> Snapshot:
    snapshot = store.take([Source(["a", "b"], valid=good)], "by hand", latest_allowed=not emergency)
    assert snapshot is not None
    return snapshot


def latest(store: SnapshotStore) -> str:
    return str((store.folder / "latest").readlink())


def test_s21_neither_broken_nor_emergency_nor_restored_over_states_become_latest(
    store: SnapshotStore, workspace: Path
) -> None:
    first = taken(store)
    (workspace / "a").write_bytes(b"bad")
    taken(store)
    (workspace / "a").write_bytes(b"good in an emergency")
    taken(store, emergency=True)
    (workspace / "a").write_bytes(b"good, and restored over")
    store.restore(store.plan_restore(first.id))

    assert [each.kind for each in store.snapshots()] == ["regular", "regular", "emergency", "before-restore"]
    assert latest(store) == first.id


def test_s21_the_default_restore_takes_for_each_file_its_newest_valid_copy(
    store: SnapshotStore, workspace: Path
) -> None:
    taken(store)
    (workspace / "a").write_bytes(b"bad")
    (workspace / "b").write_bytes(b"good 2")
    taken(store)
    (workspace / "b").write_bytes(b"bad")
    taken(store)
    (workspace / "a").unlink()

    assert store.restore(store.plan_restore()).failed == ()
    assert (workspace / "a").read_bytes() == b"good 1"
    assert (workspace / "b").read_bytes() == b"good 2"


def test_s21_pruning_leaves_each_files_last_valid_copy_though_broken_ones_are_many(
    store: SnapshotStore, workspace: Path
) -> None:
    first = taken(store)
    (workspace / "a").write_bytes(b"bad")
    for number in range(12):
        (workspace / "b").write_bytes(b"good %d" % (number + 2))
        taken(store)

    pruned = store.prune(Policy(3))

    left = [each.id for each in store.snapshots()]
    assert left[0] == first.id
    assert len(left) == 4
    assert len(pruned.removed) == 9
    (workspace / "a").unlink()
    assert store.restore(store.plan_restore(paths=["a"])).written == ("files/a",)


def test_s21_pruning_leaves_the_newest_verified_though_later_ones_are_damaged(
    store: SnapshotStore, workspace: Path
) -> None:
    whole = taken(store)
    for number in range(3):
        (workspace / "a").write_bytes(b"good once %d" % number)
        damaged = taken(store)
        (store.folder / damaged.id / "files" / "a").write_bytes(b"spoiled")
        (workspace / "a").write_bytes(b"good elsewhere")
        assert not store.verify(damaged.id).ok

    store.prune(Policy(1))

    assert whole.id in {each.id for each in store.snapshots() if each.verified}
    assert latest(store) == whole.id


def test_s21_what_a_restore_put_aside_stays_for_seven_days(
    store: SnapshotStore, workspace: Path, clock: SteppedClock
) -> None:
    first = taken(store)
    (workspace / "a").write_bytes(b"bad")
    saved = store.restore(store.plan_restore(first.id)).saved_as
    (workspace / "a").write_bytes(b"good 2")
    clock.wait(RESTORE_KEPT_S - 1)
    taken(store)

    assert saved in {each.id for each in store.prune(Policy(1)).kept}
    clock.wait(1)
    assert saved in store.prune(Policy(1)).removed


def test_s22_what_a_set_names_is_never_pruned(store: SnapshotStore, workspace: Path) -> None:
    ids = []
    for number in range(6):
        (workspace / "a").write_bytes(b"good %d" % number)
        ids.append(taken(store).id)

    store.prune(Policy(1), pinned=[ids[2]])

    assert [each.id for each in store.snapshots()] == [ids[2], ids[5]]


def test_s23_backups_are_closed_to_others_and_to_git(store: SnapshotStore) -> None:
    snapshot = taken(store)

    for folder in (store.folder.parent, store.folder, store.folder / snapshot.id):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in (".stamps", ".summaries.json", f"{snapshot.id}/manifest.json"):
        assert stat.S_IMODE((store.folder / name).stat().st_mode) == 0o600
    assert (store.folder.parent / ".gitignore").read_text() == "*\n"


def test_s24_backups_on_a_network_file_system_are_refused(
    store: SnapshotStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = files.file_system(tmp_path)
    monkeypatch.setattr(files, "REMOTE_FILE_SYSTEMS", frozenset({here}))

    with pytest.raises(EffectFailed, match=rf"is on {here}: locks need a local disk"):
        taken(store)

    assert store.snapshots() == ()
