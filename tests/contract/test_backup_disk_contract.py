"""What every Disk must do: the real one, and the real one on a drive that loses what was not flushed.

Each test does something and then looks at what is there: on the second after a power cut.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from automation.stores.backups.disk import Attributes, Disk, SystemDisk, Target, WrongContent
from tests.power.drive import Loss
from tests.power.recording import Recorder, lay_out
from tests.snapshot_trees import ROOM, Leaf, lay, leaf_at, link_to, look

LIKE = Attributes(0o640, os.geteuid(), os.getegid(), 1_700_000_000_123_456_789)
OLD = Leaf(b"old bytes", 0o600)
NEW = Leaf(b"new bytes, and more of them", 0o640)
SHA256 = hashlib.sha256(NEW.content).hexdigest()


@dataclass(frozen=True, slots=True)
class Ground:
    """A disk, a folder on it, and what is left of that folder when the power goes."""

    disk: Disk
    folder: Path
    left: Callable[[], Path]


@pytest.fixture(params=["real", "losing power"])
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    with tempfile.TemporaryDirectory(dir=ROOM) as name:
        folder = Path(name) / "folder"
        (folder / "inner").mkdir(parents=True)
        lay(folder, {"file": OLD, "source": NEW, "inner/kept": OLD})
        if request.param == "real":
            yield Ground(SystemDisk(), folder, lambda: folder)
            return
        recorder = Recorder(folder)

        def left() -> Path:
            picture = recorder.live.after(Loss(lambda *_: False, lambda safe, _: safe))
            lay_out(picture, Path(name) / "left")
            return Path(name) / "left"

        with recorder.on():
            yield Ground(SystemDisk(), folder, left)


@contextmanager
def opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def test_a_copy_has_the_bytes_and_the_mode_when_its_folder_was_flushed(ground: Ground) -> None:
    with opened(ground.folder / "source") as source:
        said = ground.disk.copy_file(source, ground.folder / "copy", len(NEW.content), LIKE)
    ground.disk.sync_folder(ground.folder)

    assert said == SHA256
    assert (ground.folder / "copy").stat().st_mtime_ns == LIKE.mtime_ns
    assert leaf_at(ground.left() / "copy") == NEW


def test_copies_that_were_not_flushed_one_by_one_are_there_when_all_was_flushed(ground: Ground) -> None:
    ground.disk.make_folder(ground.folder / "copies")
    with opened(ground.folder / "source") as source:
        ground.disk.copy_file(source, ground.folder / "copies" / "x", 27, LIKE, flushed=False)
    ground.disk.copy_link("to", ground.folder / "copies" / "link", LIKE)
    ground.disk.flush_all(ground.folder)

    assert look(ground.left() / "copies") == {"x": NEW, "link": link_to("to")}


def test_a_folder_is_as_the_other_one_and_always_open_to_its_owner(ground: Ground) -> None:
    ground.disk.make_folder(ground.folder / "private")
    ground.disk.make_folder(ground.folder / "like", Attributes(0o055, LIKE.owner, LIKE.group, 0))
    for path in (ground.folder / "private", ground.folder / "like", ground.folder):
        ground.disk.sync_folder(path)

    left = ground.left()
    assert (left / "private").stat().st_mode & 0o7777 == 0o700
    assert (left / "like").stat().st_mode & 0o7777 == 0o755


def test_a_link_between_folders_is_another_name_of_the_same_file(ground: Ground) -> None:
    with opened(ground.folder / "inner") as inner, opened(ground.folder) as folder:
        assert ground.disk.link_file(inner, folder, "kept")
    ground.disk.sync_folder(ground.folder)

    left = ground.left()
    assert leaf_at(left / "kept") == OLD
    assert (left / "kept").samefile(left / "inner" / "kept")


@pytest.mark.parametrize("name", ["file", "another"])
def test_what_is_written_whole_is_on_disk_at_once(ground: Ground, name: str) -> None:
    ground.disk.write(ground.folder / name, b"whole")
    ground.disk.write_pieces(ground.folder / "inner" / name, iter([b"pi", b"", b"eces"]))

    left = ground.left()
    assert leaf_at(left / name) == Leaf(b"whole", 0o600)
    assert leaf_at(left / "inner" / name) == Leaf(b"pieces", 0o600)


def test_pieces_that_cannot_be_made_replace_nothing(ground: Ground) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ground.disk.write_pieces(ground.folder / "file", pieces())

    assert leaf_at(ground.folder / "file") == OLD
    assert leaf_at(ground.left() / "file") == OLD
    assert sorted(path.name for path in ground.folder.iterdir()) == ["file", "inner", "source"]


def test_a_rename_is_on_disk_at_once(ground: Ground) -> None:
    ground.disk.rename(ground.folder / "inner", ground.folder / "shown")

    assert {*look(ground.left())} == {"file", "source", "shown/kept"}


@pytest.mark.parametrize("name", ["link", "file"])
def test_a_pointer_is_on_disk_at_once_whatever_was_there(ground: Ground, name: str) -> None:
    (ground.folder / "temporary").symlink_to("left by a killed one")

    ground.disk.point(ground.folder / name, "inner", ground.folder / "temporary")

    left = ground.left()
    assert leaf_at(left / name) == link_to("inner")
    assert not (left / "temporary").is_symlink()


def test_what_is_removed_is_gone_with_all_in_it_and_may_have_been_gone(ground: Ground) -> None:
    for name in ("inner", "file", "nothing"):
        ground.disk.remove(ground.folder / name)

    assert {*look(ground.folder)} == {"source"}


@pytest.mark.parametrize("name", ["file", "another"])
def test_a_file_is_placed_whole_and_on_disk_at_once(ground: Ground, name: str) -> None:
    with opened(ground.folder) as folder, opened(ground.folder / "source") as source:
        ground.disk.place_file(Target(folder, name, ".temporary"), source, SHA256, LIKE)

    left = ground.left()
    assert leaf_at(left / name) == NEW
    assert not (left / ".temporary").exists()


def test_a_file_of_another_hash_is_not_placed(ground: Ground) -> None:
    with (
        opened(ground.folder) as folder,
        opened(ground.folder / "source") as source,
        pytest.raises(WrongContent),
    ):
        ground.disk.place_file(Target(folder, "file", ".temporary"), source, "0" * 64, LIKE)

    assert leaf_at(ground.left() / "file") == OLD
    assert not (ground.folder / ".temporary").exists()


def test_staged_files_are_whole_where_they_were_moved_when_all_was_flushed_before_and_after(
    ground: Ground,
) -> None:
    ground.disk.make_folder(ground.folder / "staging")
    with opened(ground.folder / "staging") as staging, opened(ground.folder / "inner") as inner:
        with opened(ground.folder / "source") as source:
            ground.disk.stage_file(staging, "0", source, SHA256, LIKE, flushed=False)
        ground.disk.flush_all(ground.folder / "staging")
        ground.disk.move_in(staging, "0", Target(inner, "kept", "0"))
    ground.disk.flush_all(ground.folder)

    left = ground.left()
    assert leaf_at(left / "inner" / "kept") == NEW
    assert look(left / "staging") == {}


def test_a_link_is_placed_and_a_folder_made_and_a_file_removed_on_disk_at_once(ground: Ground) -> None:
    with opened(ground.folder) as folder, opened(ground.folder / "inner") as inner:
        ground.disk.place_link(Target(folder, "file", ".temporary"), "to/nowhere", LIKE)
        ground.disk.make_inner_folder(folder, "made", Attributes(0o751, LIKE.owner, LIKE.group, 0))
        ground.disk.remove_inner(inner, "kept")

    left = ground.left()
    assert leaf_at(left / "file") == link_to("to/nowhere")
    assert (left / "made").is_dir()
    assert leaf_at(left / "inner" / "kept") is None
