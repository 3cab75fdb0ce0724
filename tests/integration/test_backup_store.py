"""Snapshots on a real disk: taken, listed, verified and thinned out."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from automation.core.errors import EffectFailed
from automation.ports.clock import SteppedClock
from automation.stores.backups.copying import judged_by
from automation.stores.backups.listing import read_manifest
from automation.stores.backups.manifest import Problem
from automation.stores.backups.scanning import scan
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


def test_a_snapshot_has_the_layout_of_the_contract(store: SnapshotStore, workspace: Path) -> None:
    snapshot = taken(store)

    folder = store.folder / snapshot.id
    data = json.loads((folder / "manifest.json").read_text("ascii"))
    assert snapshot.id.startswith("20261124T101500Z-")
    assert (folder / "files" / "a.txt").read_bytes() == b"alpha"
    assert [file["path"] for file in data["files"]] == [
        "files/a.txt",
        "files/dir/b.sh",
        "files/dir/inner/empty",
        "files/link",
    ]
    assert data["files"][0]["sha256"] == hashlib.sha256(b"alpha").hexdigest()
    assert data["files"][0]["mtimeNs"] == (workspace / "a.txt").stat().st_mtime_ns
    assert data["files"][1]["mode"] == "0750"
    assert data["files"][3]["link"] == "dir/b.sh"
    assert (data["system"], data["host"], data["workspace"]) == ("pm2", "host-1", str(workspace))
    assert (data["reason"], data["previous"]) == ("by hand", None)
    assert sorted(path.name for path in store.folder.iterdir()) == [
        ".lock",
        ".stamps",
        ".summaries.json",
        snapshot.id,
        "latest",
    ]


def test_a_snapshot_says_what_it_holds(store: SnapshotStore) -> None:
    snapshot = taken(store)

    assert (snapshot.files, snapshot.total_bytes, snapshot.reason) == (4, 5 + 10 + 0 + 8, "by hand")
    assert (snapshot.verified, snapshot.all_valid, snapshot.skipped) == (True, True, ())
    assert snapshot.created_at == "2026-11-24T10:15:00.000Z"
    assert store.snapshots() == (snapshot,)


def test_backups_are_closed_to_others_and_to_git(store: SnapshotStore, tmp_path: Path) -> None:
    snapshot = taken(store)

    for folder in (store.folder.parent, store.folder, store.folder / snapshot.id):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (tmp_path / "backups" / ".gitignore").read_text() == "*\n"


def test_a_systems_folder_that_was_opened_is_closed_again_and_a_gitignore_is_left_as_it_is(
    store: SnapshotStore,
) -> None:
    store.folder.mkdir(parents=True)
    store.folder.chmod(0o755)
    (store.folder.parent / ".gitignore").write_text("mine\n")

    taken(store)

    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700
    assert (store.folder.parent / ".gitignore").read_text() == "mine\n"


def test_restoring_by_hand_with_cp_gives_back_files_and_changes_no_folder(
    store: SnapshotStore, workspace: Path
) -> None:
    workspace.chmod(0o755)
    (workspace / "dir").chmod(0o751)
    snapshot = taken(store)
    before = (workspace / "dir" / "b.sh").stat()
    (workspace / "dir" / "b.sh").unlink()
    (workspace / "a.txt").write_bytes(b"broken")

    subprocess.run(
        ["cp", "-a", f"{store.folder / snapshot.id}/files/.", f"{workspace}/"], check=True, timeout=10
    )

    after = (workspace / "dir" / "b.sh").stat()
    assert (workspace / "a.txt").read_bytes() == b"alpha"
    assert (after.st_mode, after.st_mtime_ns, after.st_uid) == (
        before.st_mode,
        before.st_mtime_ns,
        before.st_uid,
    )
    assert stat.S_IMODE(workspace.stat().st_mode) == 0o755
    assert stat.S_IMODE((workspace / "dir").stat().st_mode) == 0o751


def test_where_nothing_changed_no_snapshot_is_made(
    store: SnapshotStore, workspace: Path, clock: SteppedClock
) -> None:
    taken(store)
    clock.wait(300)
    (workspace / "a.txt").write_bytes(b"alpha")  # another mtime, the same bytes

    assert store.take(ALL, "scheduled") is None
    assert len(store.snapshots()) == 1


@pytest.mark.parametrize("change", ["content", "mode", "added", "removed", "link", "kind"])
def test_every_kind_of_change_makes_a_snapshot(store: SnapshotStore, workspace: Path, change: str) -> None:
    taken(store)
    if change == "content":
        (workspace / "a.txt").write_bytes(b"ALPHA")
    elif change == "mode":
        (workspace / "a.txt").chmod(0o600)
    elif change == "added":
        (workspace / "dir" / "new").touch()
    elif change == "removed":
        (workspace / "a.txt").unlink()
    elif change == "kind":
        (workspace / "dir" / "inner" / "empty").unlink()
        (workspace / "dir" / "inner" / "empty").symlink_to("x")
    else:
        (workspace / "link").unlink()
        (workspace / "link").symlink_to("a.txt")

    assert store.take(ALL, "scheduled") is not None


def test_what_is_asked_for_twice_is_kept_once_and_in_order(store: SnapshotStore, workspace: Path) -> None:
    (workspace / "dir-2").mkdir()
    (workspace / "dir-2" / "x").touch()
    (workspace / "dir" / "way").symlink_to("inner")

    snapshot = taken(
        store,
        Source(["dir/inner", "dir", "dir/b.sh", "dir-2", "dir-2/x", "a.txt", "dir/way/empty", "dir/way"]),
    )

    paths = [entry.path for entry in read_manifest(store.folder, snapshot.id).files]
    assert paths == [
        "files/a.txt",
        "files/dir-2/x",
        "files/dir/b.sh",
        "files/dir/inner/empty",
        "files/dir/way",
    ]
    assert snapshot.skipped == (
        Problem("files/dir/way/empty", "lies behind dir/way, which is kept as a link"),
    )


def test_a_damaged_record_of_summaries_is_made_anew(store: SnapshotStore, workspace: Path) -> None:
    snapshot = taken(store)
    path = store.folder / ".summaries.json"
    whole = path.read_text()
    row = json.loads(whole)["snapshots"][snapshot.id]
    changes: list[dict[str, object]] = [
        {"files": "4"},
        {"files": True},
        {"reason": None},
        {"allValid": 1},
        {"stamp": [1]},
        {"stamp": "1"},
        {"skipped": {}},
        {"skipped": [{}]},
        {"kind": "odd"},
    ]
    texts = ["", "{", "[]", "5", '{"schema": 2}', whole.replace('"schema": 1', '"schema": 2')]
    texts += [
        json.dumps({"schema": 1, "snapshots": {snapshot.id: one}})
        for one in ({**row, **change} for change in changes)
    ]
    for text in texts:
        path.write_text(text)

        assert store.snapshots() == (snapshot,)

    (workspace / "a.txt").write_bytes(b"edited")
    second = taken(store)
    assert store.snapshots() == (snapshot, second)
    assert json.loads(path.read_text())["snapshots"].keys() == {snapshot.id, second.id}


def test_a_summary_does_not_hide_that_a_manifest_changed_or_is_gone(
    store: SnapshotStore, workspace: Path
) -> None:
    first = taken(store)
    (workspace / "a.txt").write_bytes(b"edited")
    second = taken(store)
    (store.folder / first.id / "manifest.json").unlink()
    (store.folder / second.id / "manifest.json").write_bytes(b"{")

    assert [one.damage is not None for one in store.snapshots()] == [True, True]


def test_where_there_is_nothing_to_take_no_snapshot_is_made(store: SnapshotStore) -> None:
    assert store.take([Source(["missing.txt"])], "scheduled") is None
    assert store.snapshots() == ()


def test_a_vanished_workspace_is_an_error_and_not_nothing_changed(
    store: SnapshotStore, workspace: Path
) -> None:
    workspace.rename(workspace.with_name("elsewhere"))

    with pytest.raises(EffectFailed, match=r"the workspace .* is not there"):
        store.take(ALL, "scheduled")


def test_each_snapshot_is_chained_to_the_one_before(store: SnapshotStore, workspace: Path) -> None:
    first = taken(store)
    (workspace / "a.txt").write_bytes(b"beta")
    second = taken(store)

    previous = read_manifest(store.folder, second.id).previous
    assert previous is not None
    assert previous.id == first.id
    whole = (store.folder / first.id / "manifest.json").read_bytes()
    assert previous.sha256 == hashlib.sha256(whole).hexdigest()


def test_ids_stay_unique_and_ordered_when_the_clock_is_set_back(
    store: SnapshotStore, workspace: Path, clock: SteppedClock
) -> None:
    ids = []
    for number, moment_s in enumerate([START_S, START_S, START_S - 86400, START_S - 1, START_S + 1]):
        clock.set(moment_s)
        (workspace / "a.txt").write_text(str(number))
        ids.append(taken(store).id)

    assert ids == sorted(set(ids))
    assert [snapshot.id for snapshot in store.snapshots()] == ids
    assert latest(store) == ids[-1]


def test_several_roots_go_to_folders_of_their_own(store: SnapshotStore, tmp_path: Path) -> None:
    home = tmp_path / "pm2-home"
    home.mkdir()
    (home / "dump.pm2").write_text("[]")
    both = SnapshotStore(
        store.folder, "pm2", store.clock, "host-1", store.workspace, roots={"pm2-home": home}
    )

    snapshot = taken(both, Source(["a.txt"]), Source(["dump.pm2"], "pm2-home"))

    assert (store.folder / snapshot.id / "pm2-home" / "dump.pm2").read_text() == "[]"


def test_sources_that_contradict_each_other_or_the_store_are_a_mistake(store: SnapshotStore) -> None:
    with pytest.raises(ValueError, match="two sources"):
        store.take([Source(["a.txt"]), Source(["dir"])], "by hand")
    with pytest.raises(ValueError, match="no root is known"):
        store.take([Source(["a.txt"], "elsewhere")], "by hand")


# What may become the default


def test_the_judge_sees_the_very_bytes_that_were_kept(store: SnapshotStore, workspace: Path) -> None:
    (workspace / "large").write_bytes(b"x" * (4 * 1024 * 1024 + 1))
    (workspace / "limit").write_bytes(b"x" * (4 * 1024 * 1024))
    seen: dict[str, bytes] = {}

    def judge(path: str, data: bytes) -> bool | None:
        seen[path] = data
        return {"a.txt": True, "dir/b.sh": False}.get(path)

    snapshot = taken(store, Source(["a.txt", "dir", "link", "large", "limit"], valid=judge))

    verdicts = {entry.path: entry.valid for entry in read_manifest(store.folder, snapshot.id).files}
    assert len(seen.pop("limit")) == 4 * 1024 * 1024
    assert seen == {"a.txt": b"alpha", "dir/b.sh": b"#!/bin/sh\n", "dir/inner/empty": b""}
    assert verdicts == {
        "files/a.txt": True,
        "files/dir/b.sh": False,
        "files/dir/inner/empty": None,
        "files/large": None,
        "files/limit": None,
        "files/link": None,
    }


def test_verdicts_that_are_known_already_can_be_given(store: SnapshotStore) -> None:
    snapshot = taken(store, Source(["a.txt", "dir"], valid=judged_by({"a.txt": False})))

    assert not snapshot.all_valid
    assert [entry.valid for entry in read_manifest(store.folder, snapshot.id).files] == [False, None, None]


def test_a_snapshot_with_an_invalid_file_is_kept_and_never_latest(
    store: SnapshotStore, workspace: Path
) -> None:
    first = taken(store)
    (workspace / "a.txt").write_bytes(b"")

    second = taken(store, Source(["a.txt"], valid=lambda _, data: bool(data)))

    assert [snapshot.id for snapshot in store.snapshots()] == [first.id, second.id]
    assert latest(store) == first.id


def test_with_no_snapshot_fit_for_it_there_is_no_latest(store: SnapshotStore) -> None:
    taken(store, Source(["a.txt"], valid=lambda _, __: False))

    assert latest(store) is None


def test_what_is_taken_in_an_emergency_is_kept_and_never_latest(
    store: SnapshotStore, workspace: Path
) -> None:
    first = taken(store)
    (workspace / "a.txt").write_bytes(b"on fire")
    second = taken(store, latest_allowed=False)

    assert latest(store) == first.id
    assert store.take(ALL, "again", latest_allowed=False) is None
    third = taken(store)  # the same bytes, found good after the emergency
    assert third.id > second.id
    assert latest(store) == third.id


# What cannot be taken


def test_sockets_and_pipes_are_left_out_and_said(
    store: SnapshotStore, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workspace / "dir")  # a socket's path is short
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")

        snapshot = taken(store)

    assert snapshot.skipped == (
        Problem("files/dir/pipe", "is a pipe, which no backup can hold"),
        Problem("files/dir/socket", "is a socket, which no backup can hold"),
    )
    assert snapshot.files == 4
    assert store.take(ALL, "scheduled") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_a_device_is_left_out_and_said(store: SnapshotStore, workspace: Path) -> None:
    os.mknod(workspace / "dir" / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))

    snapshot = taken(store)

    assert snapshot.skipped == (Problem("files/dir/null", "is a device, which no backup can hold"),)
    assert snapshot.files == 4
    assert store.verify(snapshot.id).ok


def test_links_to_nowhere_to_the_outside_and_in_a_circle_are_kept_as_links(
    store: SnapshotStore, workspace: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    for name, target in {"nowhere": "gone", "out": str(outside), "circle": "circle"}.items():
        (workspace / "dir" / name).symlink_to(target)

    snapshot = taken(store)

    kept = store.folder / snapshot.id / "files" / "dir"
    assert [str((kept / name).readlink()) for name in ("nowhere", "out", "circle")] == [
        "gone",
        str(outside),
        "circle",
    ]
    assert store.verify(snapshot.id).ok


def test_a_path_behind_a_link_that_leads_out_is_refused_by_name(
    store: SnapshotStore, workspace: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    (outside / "sub").mkdir(parents=True)
    (outside / "secret").write_text("secret")
    (workspace / "out").symlink_to(outside)

    snapshot = taken(store, Source(["a.txt", "out/secret", "out/sub", "../outside", "/etc/hostname"]))

    assert snapshot.files == 1
    assert {problem.path for problem in snapshot.skipped} == {
        "files/out/secret",
        "files/out/sub",
        "files/../outside",
        "files//etc/hostname",
    }


def test_where_nothing_could_be_read_that_is_an_error(store: SnapshotStore, workspace: Path) -> None:
    os.mkfifo(workspace / "pipe")

    with pytest.raises(EffectFailed, match="nothing could be backed up: files/pipe is a pipe"):
        store.take([Source(["pipe"])], "by hand")
    with pytest.raises(EffectFailed, match=r"nothing could be backed up: files/\.\./x climbs out"):
        store.take([Source(["../x"])], "by hand")
    assert [path.name for path in store.folder.iterdir()] == [".lock"]


def test_what_lies_behind_a_link_that_is_kept_itself_is_kept_once(
    store: SnapshotStore, workspace: Path
) -> None:
    (workspace / "way").symlink_to("dir")

    snapshot = taken(store, Source(["way", "way/b.sh"]))

    assert snapshot.files == 1
    assert snapshot.skipped == (Problem("files/way/b.sh", "lies behind way, which is kept as a link"),)


def test_backups_inside_what_is_backed_up_are_not_backed_up(workspace: Path, clock: SteppedClock) -> None:
    inside = SnapshotStore(workspace / "dir" / "backups" / "pm2", "pm2", clock, "host-1", workspace)
    taken(inside, Source(["dir"]))

    assert inside.take([Source(["dir"])], "scheduled") is None


def test_more_files_than_a_backup_may_have_are_refused(workspace: Path) -> None:
    assert len(list(scan(workspace, ["a.txt", "dir"], files_cap=3))) == 3
    with pytest.raises(EffectFailed, match="more than 2 files in a backup; name fewer"):
        list(scan(workspace, ["a.txt", "dir"], files_cap=2))


def test_what_a_killed_restore_left_in_the_workspace_is_not_backed_up(
    store: SnapshotStore, workspace: Path
) -> None:
    (workspace / "dir" / ".restore-pm2.tmp").touch()

    assert taken(store).files == 4


def test_a_path_too_long_for_a_copy_is_left_out_and_said(store: SnapshotStore, workspace: Path) -> None:
    left = (
        4090 - len(f"{workspace}/") - len("/file")
    )  # a copy's path is longer, and more than the 4095 allowed
    names = ["d" * 199] * (left // 200) + ["d" * (left % 200 or 1)]
    descriptor = os.open(workspace, os.O_RDONLY)
    try:
        for name in names:
            os.mkdir(name, dir_fd=descriptor)
            inner = os.open(name, os.O_RDONLY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        os.close(os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=descriptor))
    finally:
        os.close(descriptor)
    path = "/".join([*names, "file"])

    snapshot = taken(store, Source(["a.txt", path]))

    assert snapshot.files == 1
    assert snapshot.skipped == (Problem(f"files/{path}", "has a path too long for a copy of it"),)


def test_a_name_with_newlines_stray_bytes_or_255_characters_comes_through(
    store: SnapshotStore, workspace: Path
) -> None:
    for name in (b"new\nline", b"stray\xff\xfebytes", b"x" * 255, b"\xc3\xa9", b"-rf", b" "):
        Path(os.fsdecode(os.fsencode(workspace / "dir") + b"/" + name)).write_bytes(name)

    snapshot = taken(store)

    assert snapshot.files == 10
    assert store.verify(snapshot.id).ok
    assert store.take(ALL, "scheduled") is None
