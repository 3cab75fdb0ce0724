"""Changing a file that another program writes in place: nothing that anybody wrote is lost."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from automation.core.errors import EffectFailed
from automation.ports import rewriting
from automation.ports.rewriting import open_it, put, rewrite, write_beside


def no_wait(_: float) -> None:
    """Wait for nothing."""


def adds(text: bytes) -> Callable[[bytes], bytes]:
    return lambda data: data if text in data else data + text


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "dump"
    path.write_bytes(b"old ")
    path.chmod(0o640)
    return path


def left(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def test_the_content_is_changed_and_the_mode_stays(file: Path) -> None:
    assert rewrite(file, adds(b"new"), no_wait)
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"old new", 0o640)
    assert left(file.parent) == ["dump"]


def test_what_needs_no_change_is_not_written(file: Path) -> None:
    before = file.stat()

    assert not rewrite(file, lambda data: data, no_wait)
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_link_stays_a_link(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(file)

    assert rewrite(link, adds(b"new"), no_wait)
    assert (link.is_symlink(), file.read_bytes()) == (True, b"old new")


def test_a_change_that_is_refused_leaves_everything(file: Path) -> None:
    def refuses(_: bytes) -> bytes:
        raise EffectFailed("no")

    with pytest.raises(EffectFailed, match="no"):
        rewrite(file, refuses, no_wait)
    assert (file.read_bytes(), left(file.parent)) == (b"old ", ["dump"])


def test_what_somebody_writes_before_the_replace_is_changed_instead(file: Path) -> None:
    written = iter([b"a person's ", b""])

    def change(data: bytes) -> bytes:
        words = next(written, b"")
        if words:
            file.write_bytes(words)
        return adds(b"new")(data)

    assert rewrite(file, change, no_wait)
    assert file.read_bytes() == b"a person's new"
    assert left(file.parent) == ["dump"]


def test_what_somebody_puts_in_its_place_before_the_replace_is_changed_instead(file: Path) -> None:
    times: list[int] = []

    def change(data: bytes) -> bytes:
        times.append(1)
        if len(times) == 1:
            beside = file.with_name("theirs")
            beside.write_bytes(b"old ")  # the same bytes, and another file
            os.utime(beside, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
            beside.replace(file)
        return adds(b"new")(data)

    assert rewrite(file, change, no_wait)
    assert (file.read_bytes(), len(times)) == (b"old new", 2)


def test_who_writes_again_and_again_is_given_way_to(file: Path) -> None:
    numbers = iter(range(100))

    def change(data: bytes) -> bytes:
        file.write_bytes(b"%d" % next(numbers))
        return data + b"new"

    with pytest.raises(EffectFailed, match="another program writes to it again and again"):
        rewrite(file, change, no_wait)
    assert b"new" not in file.read_bytes()
    assert left(file.parent) == ["dump"]


@contextmanager
def replaced_under_a_writer(file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[float], None]]:
    """Let somebody open the file between the last comparison and the rename, and write when we wait."""
    pieces = iter([b"their ", b"their words ", b""])
    with file.open("r+b", buffering=0) as writer:

        def opens(opened: rewriting.Opened) -> bool:
            monkeypatch.undo()
            assert opened.data
            writer.truncate(0)
            return True

        def writes(_: float) -> None:
            piece = next(pieces, b"")
            if piece:
                os.pwrite(writer.fileno(), piece, 0)

        monkeypatch.setattr(rewriting, "_is_there_as_opened", opens)
        yield writes


def test_what_somebody_was_writing_while_it_was_replaced_is_not_lost(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with replaced_under_a_writer(file, monkeypatch) as wait:
        assert rewrite(file, adds(b"new"), wait)

    assert file.read_bytes() == b"their words new"
    assert file.stat().st_mode & 0o777 == 0o640
    assert left(file.parent) == ["dump"]


def test_who_opened_it_and_never_wrote_leaves_what_was_there(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_it(file)
    with replaced_under_a_writer(file, monkeypatch):
        newest = put(opened, write_beside(opened, b"new"), no_wait)
    os.close(opened.descriptor)

    assert newest == b"old "


def test_a_missing_or_too_large_file_is_said(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EffectFailed, match=r"cannot read .*nowhere: No such file"):
        rewrite(file.with_name("nowhere"), adds(b"new"), no_wait)
    monkeypatch.setattr(rewriting, "CAP_BYTES", 3)
    with pytest.raises(EffectFailed, match="larger than the 3 bytes"):
        rewrite(file, adds(b"new"), no_wait)


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_leaves_the_old_content_and_nothing_beside_it(file: Path) -> None:
    with pytest.raises(EffectFailed, match=r"cannot write .*dump"):
        rewrite(file, lambda _: b"x" * 100_000, no_wait)

    assert (file.read_bytes(), left(file.parent)) == (b"old ", ["dump"])


@pytest.fixture
def full_disk() -> Iterator[None]:
    """Let no file grow beyond 4 KiB."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_folder_that_is_taken_away_while_replacing_is_said(file: Path, tmp_path: Path) -> None:
    opened = open_it(file)
    beside = write_beside(opened, b"new")
    file.parent.rename(tmp_path.with_name("elsewhere"))

    with pytest.raises(EffectFailed, match=r"cannot write"):
        put(opened, beside, no_wait)
    os.close(opened.descriptor)
