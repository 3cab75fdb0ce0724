"""Snapshots that were damaged, and those that go: listed, verified, thinned out, by one process at a time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from automation.core.errors import EffectFailed, LockBusy, RecordNewer, UsageInvalid
from automation.ports.clock import SteppedClock
from automation.ports.locks import locked
from automation.stores.backups.manifest import Problem
from automation.stores.backups.retention import Policy
from automation.stores.backups.store import Snapshot, SnapshotStore, Source

START_S = 1_795_515_300.0  # 2026-11-24T10:15:00Z
ALL = [Source(["a.txt", "dir", "link", "missing.txt"])]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    (folder / "dir" / "inner").mkdir(parents=True)
    (folder / "a.txt").write_bytes(b"alpha")
    (folder / "dir" / "b.sh").write_bytes(b"#!/bin/sh\n")
    (folder / "dir" / "b.sh").chmod(0o750)
    (folder / "dir" / "inner" / "empty").touch()
    (folder / "link").symlink_to("dir/b.sh")
    return folder


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock(START_S)


@pytest.fixture
def store(tmp_path: Path, workspace: Path, clock: SteppedClock) -> SnapshotStore:
    return SnapshotStore(tmp_path / "backups" / "pm2", "pm2", clock, "host-1", workspace)


def taken(store: SnapshotStore, *sources: Source, latest_allowed: bool = True) -> Snapshot:
    snapshot = store.take(sources or ALL, "by hand", latest_allowed=latest_allowed)
    assert snapshot is not None
    return snapshot


def latest(store: SnapshotStore) -> str | None:
    link = store.folder / "latest"
    return str(link.readlink()) if link.is_symlink() else None


# Listing and verifying


@pytest.mark.parametrize("content", [None, b"", b"{", b'{"schema": 1}', b"\xff"])
def test_a_damaged_snapshot_is_listed_as_damaged_and_harms_no_other(
    store: SnapshotStore, workspace: Path, content: bytes | None
) -> None:
    first = taken(store)
    (workspace / "a.txt").write_bytes(b"beta")
    second = taken(store)
    path = store.folder / second.id / "manifest.json"
    path.unlink() if content is None else path.write_bytes(content)

    listed = store.snapshots()

    assert listed[0] == first
    assert listed[1].damage is not None
    assert not listed[1].verified
    assert not store.verify(second.id).ok
    assert latest(store) == first.id
    third = taken(store)
    assert latest(store) == third.id


def test_a_snapshot_of_a_newer_version_is_listed_and_left_alone(store: SnapshotStore) -> None:
    snapshot = taken(store)
    (store.folder / snapshot.id / "manifest.json").write_text('{"schema": 2}')

    assert store.snapshots()[0].newer
    with pytest.raises(RecordNewer):
        store.verify(snapshot.id)
    taken(store)
    assert snapshot.id in {each.id for each in store.prune(Policy(1)).kept}


def test_no_backups_at_all_are_an_empty_list(store: SnapshotStore) -> None:
    assert store.snapshots() == ()
    with pytest.raises(UsageInvalid, match="there is no snapshot x"):
        store.verify("x")


def test_a_folder_that_cannot_be_listed_is_an_error(store: SnapshotStore) -> None:
    store.folder.parent.mkdir()
    store.folder.write_text("a file")

    with pytest.raises(EffectFailed, match="cannot read"):
        store.snapshots()


def damage(path: Path, how: str) -> None:
    if how == "flipped":
        path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])
    elif how == "shorter":
        path.write_bytes(path.read_bytes()[:-1])
    else:
        path.unlink()
        if how == "linked":
            path.symlink_to("/etc/hostname")
        elif how == "folder":
            path.mkdir()


def taken_with_bytes_that_nothing_else_has(store: SnapshotStore, workspace: Path) -> Snapshot:
    """Take a snapshot of which `a.txt` cannot be repaired."""
    (workspace / "a.txt").write_bytes(b"onces")
    snapshot = taken(store)
    (workspace / "a.txt").write_bytes(b"other")
    return snapshot


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("flipped", "has other bytes than were taken"),
        ("shorter", "has 4 bytes, expected 5"),
        ("gone", "is missing"),
        ("linked", "is no file any more"),
        ("folder", "is no file any more"),
    ],
)
def test_verify_names_a_bad_file_and_latest_leaves_the_snapshot(
    store: SnapshotStore, workspace: Path, clock: SteppedClock, how: str, said: str
) -> None:
    first = taken(store)
    second = taken_with_bytes_that_nothing_else_has(store, workspace)
    damage(store.folder / second.id / "files" / "a.txt", how)
    clock.wait(60)

    found = store.verify(second.id)

    assert (found.ok, found.bad) == (False, (Problem("files/a.txt", said),))
    assert [snapshot.verified for snapshot in store.snapshots()] == [True, False]
    assert store.snapshots()[1].verified_at == found.at == "2026-11-24T10:16:00.000Z"
    assert latest(store) == first.id
    assert store.verify(first.id).ok


def test_a_backup_after_damage_was_found_takes_a_fresh_snapshot(
    store: SnapshotStore, workspace: Path
) -> None:
    first = taken_with_bytes_that_nothing_else_has(store, workspace)
    damage(store.folder / first.id / "files" / "a.txt", "flipped")
    assert not store.verify(first.id).ok
    (workspace / "a.txt").write_bytes(b"onces")

    second = taken(store)

    assert store.verify(second.id).ok
    assert latest(store) == second.id


def test_of_a_snapshot_that_is_half_deleted_what_is_left_is_restored_and_the_rest_is_named(
    store: SnapshotStore, workspace: Path
) -> None:
    only = taken(store)
    shutil.rmtree(store.folder / only.id / "files" / "dir")
    shutil.rmtree(workspace / "dir")
    (workspace / "a.txt").unlink()
    verified = store.verify(only.id)
    done = store.restore(store.plan_restore(only.id))

    assert verified.bad == (
        Problem("files/dir/b.sh", "is missing"),
        Problem("files/dir/inner/empty", "is missing"),
    )
    assert done.written == ("files/a.txt",)
    assert [one.path for one in done.failed] == ["files/dir/b.sh", "files/dir/inner/empty"]
    assert (workspace / "a.txt").read_bytes() == b"alpha"


def test_verify_names_links_that_changed_folders_that_became_links_and_strangers(
    store: SnapshotStore, tmp_path: Path
) -> None:
    files = store.folder / taken(store).id / "files"
    (files / "link").unlink()
    (files / "link").symlink_to("/etc/hostname")
    (files / "dir").rename(tmp_path / "moved")
    (files / "dir").symlink_to(tmp_path / "moved")
    (files / "stranger").touch()

    found = store.verify(store.snapshots()[0].id)

    bad = {problem.path: problem.reason for problem in found.bad}
    assert found.repaired == (Problem("files/link", "was replaced by a copy from its manifest"),)
    assert str((files / "link").readlink()) == "dir/b.sh"
    assert bad["files/dir/b.sh"].startswith("cannot be read: Not a directory")
    assert bad["files/stranger"] == bad["files/dir"] == "is not in the manifest"


def test_a_manifest_that_was_rewritten_is_found_by_the_one_after_it(
    store: SnapshotStore, workspace: Path
) -> None:
    first = taken(store)
    (workspace / "a.txt").write_bytes(b"beta")
    second = taken(store)
    path = store.folder / first.id / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"by hand"', b'"by HAND"'))

    assert store.verify(first.id).bad == (
        Problem("manifest.json", f"is not the one that {second.id} was made after"),
    )
    assert store.verify(second.id).ok


def test_a_damaged_record_of_verifications_is_made_anew(store: SnapshotStore) -> None:
    snapshot = taken(store)
    for text in ("{", "[]", '{"checks": []}', '{"checks": {"x": 1}}'):
        (store.folder / ".verified.json").write_text(text)

        assert store.snapshots()[0].verified
    store.verify(snapshot.id)
    assert json.loads((store.folder / ".verified.json").read_text())["checks"].keys() == {snapshot.id}


def test_a_verification_that_cannot_be_noted_is_found_all_the_same(store: SnapshotStore) -> None:
    snapshot = taken(store)
    with locked(store.folder / ".lock", purpose="a long backup", since="now"):
        assert store.verify(snapshot.id).ok
    assert not (store.folder / ".verified.json").exists()


# Pruning


def test_prune_keeps_the_last_ones_and_a_dry_run_removes_nothing(
    store: SnapshotStore, workspace: Path
) -> None:
    ids = []
    for number in range(5):
        (workspace / "a.txt").write_text(str(number))
        ids.append(taken(store).id)

    dry = store.prune(Policy(2), dry_run=True)
    assert len(store.snapshots()) == 5
    wet = store.prune(Policy(2), pinned=[ids[0]])

    assert dry.removed == tuple(ids[:3])
    assert wet.removed == tuple(ids[1:3])
    assert [snapshot.id for snapshot in store.snapshots()] == [ids[0], ids[3], ids[4]]
    assert latest(store) == ids[4]
    assert store.prune(Policy(5)).removed == ()
    assert all(store.verify(snapshot.id).ok for snapshot in store.snapshots())


def test_what_verifications_found_is_forgotten_with_the_snapshot(
    store: SnapshotStore, workspace: Path
) -> None:
    first = taken(store)
    store.verify(first.id)
    (workspace / "a.txt").write_bytes(b"beta")
    second = taken(store)
    store.prune(Policy(1))

    store.verify(second.id)

    assert json.loads((store.folder / ".verified.json").read_text())["checks"].keys() == {second.id}


def test_prune_keeps_the_last_snapshot_in_which_a_file_was_valid(
    store: SnapshotStore, workspace: Path
) -> None:
    source = Source(["a.txt", "dir"], valid=lambda _, data: b"broken" not in data)
    good = taken(store, source)
    for number in range(4):
        (workspace / "a.txt").write_text(f"broken {number}")
        taken(store, source)

    store.prune(Policy(2))

    assert [snapshot.id for snapshot in store.snapshots()][:1] == [good.id]
    assert len(store.snapshots()) == 3


# One writer


def test_two_backups_at_once_are_refused_by_name_of_the_holder(store: SnapshotStore) -> None:
    store.folder.mkdir(parents=True)
    with locked(store.folder / ".lock", purpose="backup (scheduled)", since="2026-11-24T10:15:00Z"):
        for act in (lambda: store.take(ALL, "by hand"), lambda: store.prune(Policy(1))):
            with pytest.raises(LockBusy, match=rf"pid {os.getpid()} since .*, for backup \(scheduled\)"):
                act()
    assert store.take(ALL, "by hand") is not None


def test_listing_loads_none_of_the_heavy_packages() -> None:
    code = "import sys, automation.stores.backups.{}; print(*(n for n in {!r} if n in sys.modules))"
    heavy = ("requests", "yaml", "psutil", "rich")
    for module, forbidden in (("store", heavy), ("listing", (*heavy, "filelock"))):
        ran = subprocess.run(
            [sys.executable, "-c", code.format(module, forbidden)],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )

        assert ran.stdout.split() == []
