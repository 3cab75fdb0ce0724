"""Folders for a moment, and the end of folders, on a real disk."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from automation.ports import scratch


def test_a_scratch_folder_is_private_and_gone_afterwards_with_all_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with scratch.scratch_folder("some-") as folder:
        mode = stat.S_IMODE(folder.stat().st_mode)
        (folder / "deep" / "deeper").mkdir(parents=True)
        (folder / "deep" / "file").touch()

    assert (folder.parent, folder.name[:5], mode) == (tmp_path, "some-", 0o700)
    assert list(tmp_path.iterdir()) == []


def test_a_scratch_folder_goes_when_its_use_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with pytest.raises(ValueError, match="no"), scratch.scratch_folder("some-"):
        raise ValueError("no")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("named", [None, "", "not/there"])
def test_where_no_folder_is_named_or_it_takes_none_the_systems_own_is_used(
    named: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TMPDIR", raising=False)
    if named is not None:
        monkeypatch.setenv("TMPDIR", str(tmp_path / named) if named else "")
    with scratch.scratch_folder("some-") as folder:
        parent = folder.parent

    assert parent == Path("/tmp")  # noqa: S108  # what is tested
    assert not folder.exists()


def test_a_scratch_folder_that_can_be_made_nowhere_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TMPDIR", raising=False)
    monkeypatch.setattr(scratch, "_PLACES", (str(tmp_path / "a"), str(tmp_path / "b")))

    with pytest.raises(FileNotFoundError), scratch.scratch_folder("some-"):
        pass


def test_a_tree_is_removed_and_what_its_links_lead_to_stays(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("text", "utf-8")
    tree = tmp_path / "tree"
    (tree / "inner").mkdir(parents=True)
    (tree / "inner" / "folder").symlink_to(kept)
    (tree / "file").symlink_to(kept / "file")
    (tree / "nowhere").symlink_to(tmp_path / "nowhere")
    scratch.remove_tree(tree)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept"]
    assert (kept / "file").read_text("utf-8") == "text"


def test_a_tree_that_is_a_link_is_not_removed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    (tmp_path / "link").symlink_to(kept)
    with pytest.raises(OSError):  # noqa: PT011  # whichever the system says
        scratch.remove_tree(tmp_path / "link")

    assert (kept / "file").exists()


def test_a_tree_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        scratch.remove_tree(tmp_path / "nothing")
