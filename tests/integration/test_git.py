"""Reading real repositories, in every state in which somebody may leave one."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from automation.core.errors import CommandFailed, EffectFailed, LookFailed
from automation.ports import git as git_port
from automation.ports.commands import Ran, SystemCommands
from automation.ports.git import SystemGit

ODD_NAMES = ("über ✓.yml", 'quo"te.yml', "[a]*.yml", "-n.yml", "new\nline.yml", ":(top)x.yml")
AUTHOR = ("-c", "user.name=Author", "-c", "user.email=author@example.com", "-c", "commit.gpgsign=false")


def run_git(folder: Path, *argv: str, may_fail: bool = False) -> str:
    ran = subprocess.run(
        ["git", *AUTHOR, *argv], cwd=folder, capture_output=True, text=True, check=False, timeout=15
    )
    assert may_fail or ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A repository with one commit of one file, `ci.yml`."""
    folder = tmp_path / "work"
    folder.mkdir()
    run_git(folder, "init", "-q", "-b", "main")
    commit(folder, "ci.yml", b"on: push\n")
    return folder


def commit(folder: Path, name: str, data: bytes) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    run_git(folder, "add", "--", f":(literal){name}")
    run_git(folder, "commit", "-qm", "a change")


def reader(folder: Path) -> SystemGit:
    return SystemGit(SystemCommands(), folder)


def conflict(work: Path) -> None:
    """Leave a branch `other` that changes the same line as `main` does."""
    run_git(work, "checkout", "-qb", "other")
    commit(work, "ci.yml", b"on: other\n")
    run_git(work, "checkout", "-q", "main")
    commit(work, "ci.yml", b"on: main\n")


def test_without_git_there_is_nothing_and_nothing_is_run(tmp_path: Path) -> None:
    found = reader(tmp_path)

    assert not found.is_repository()
    assert found.remote_url() is None
    assert found.head() is None
    assert found.blob("x") is None
    assert not found.staged("x")
    assert not found.left_out("x")
    assert found.index_changed_at_s() is None
    assert found.head_changed_at_s() is None
    assert found.operation_under_way() is None
    assert found.tracked("x") == ()


def test_an_empty_git_folder_is_no_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()

    assert not reader(tmp_path).is_repository()


def test_a_new_repository_without_a_commit_has_no_head(tmp_path: Path) -> None:
    run_git(tmp_path, "init", "-q")
    (tmp_path / "a").write_text("x")
    run_git(tmp_path, "add", "a")
    found = reader(tmp_path)

    assert found.is_repository()
    assert found.head() is None
    assert found.blob("a") is None
    assert found.staged("a")
    assert not found.staged("b")
    assert found.remote_url() is None
    assert found.head_changed_at_s() is not None


def test_head_blob_and_remote_are_read(work: Path) -> None:
    run_git(work, "remote", "add", "origin", "git@github.com:octo-org/octo-repo.git")
    found = reader(work)

    assert found.head() == run_git(work, "rev-parse", "HEAD")
    assert found.blob("ci.yml") == b"on: push\n"
    assert found.blob("gone.yml") is None
    assert found.remote_url() == "git@github.com:octo-org/octo-repo.git"


@pytest.mark.parametrize(
    "data", [b"", b"no newline", b"\xff\xfe\0binary\r\n", bytes(range(256)) * 4096], ids=["0", "1", "b", "1M"]
)
def test_a_blob_comes_byte_for_byte(work: Path, data: bytes) -> None:
    commit(work, "file", data)
    (work / "file").unlink()

    assert reader(work).blob("file") == data


def test_neither_line_ends_nor_filters_nor_attributes_change_a_blob(work: Path) -> None:
    commit(work, "file.txt", b"one\ntwo $Id$\n")
    attributes = "* text eol=crlf ident filter=never working-tree-encoding=UTF-16\n"
    (work / ".gitattributes").write_text(attributes)
    run_git(work, "config", "filter.never.smudge", f"touch {work / 'was-run'}")

    assert reader(work).blob("file.txt") == b"one\ntwo $Id$\n"
    assert not (work / "was-run").exists()


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_are_read_as_they_are(work: Path, name: str) -> None:
    commit(work, f".github/{name}", b"x")
    (work / ".github" / name).write_bytes(b"y")
    found = reader(work)

    assert found.tracked(".github") == (f".github/{name}",)
    assert found.blob(f".github/{name}") == b"x"
    assert not found.staged(f".github/{name}")
    run_git(work, "add", "-A")
    assert found.staged(f".github/{name}")
    assert not found.staged("ci.yml")


def test_a_folder_and_a_link_have_no_blob(work: Path) -> None:
    commit(work, "folder/file", b"x")
    (work / "link").symlink_to("ci.yml")
    run_git(work, "add", "link")
    run_git(work, "commit", "-qm", "a link")
    found = reader(work)

    assert found.blob("folder") is None
    assert found.blob("link") is None


def test_a_deletion_is_staged_only_after_git_rm(work: Path) -> None:
    (work / "ci.yml").unlink()
    assert not reader(work).staged("ci.yml")
    assert reader(work).tracked("") == ("ci.yml",)

    run_git(work, "rm", "-q", "ci.yml")

    assert reader(work).staged("ci.yml")
    assert reader(work).tracked("ci.yml") == ()


def test_a_subfolder_reads_paths_from_where_it_is(work: Path) -> None:
    commit(work, "deep/down/ci.yml", b"deep\n")
    found = reader(work / "deep")

    assert found.is_repository()
    assert found.blob("down/ci.yml") == b"deep\n"
    assert found.blob("ci.yml") is None
    assert found.tracked("down") == ("down/ci.yml",)
    (work / "deep/down/ci.yml").write_bytes(b"new\n")
    run_git(work, "add", "-A")
    assert found.staged("down/ci.yml")


def test_a_worktree_has_a_head_an_index_and_operations_of_its_own(work: Path, tmp_path: Path) -> None:
    conflict(work)
    tree = tmp_path / "tree"
    run_git(work, "worktree", "add", "-q", str(tree), "other")
    found = reader(tree)

    assert found.is_repository()
    assert found.blob("ci.yml") == b"on: other\n"
    run_git(tree, "merge", "main", may_fail=True)
    assert found.operation_under_way() == "merge"
    assert reader(work).operation_under_way() is None
    assert found.index_changed_at_s() is not None
    assert found.head_changed_at_s() is not None


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (("merge", "other"), "merge"),
        (("rebase", "other"), "rebase"),
        (("rebase", "--apply", "other"), "rebase"),
        (("cherry-pick", "other"), "cherry-pick"),
        (("revert", "HEAD~1"), "revert"),
        (("bisect", "start"), "bisect"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_an_operation_is_named_while_it_waits(work: Path, argv: tuple[str, ...], name: str) -> None:
    conflict(work)
    commit(work, "ci.yml", b"on: again\n")
    assert reader(work).operation_under_way() is None

    run_git(work, *argv, may_fail=True)

    assert reader(work).operation_under_way() == name


def test_a_file_in_conflict_is_listed_once_and_staged(work: Path) -> None:
    conflict(work)
    run_git(work, "merge", "other", may_fail=True)

    assert reader(work).tracked("") == ("ci.yml",)
    assert reader(work).staged("ci.yml")


def test_a_running_git_command_is_an_operation(work: Path) -> None:
    (work / ".git" / "index.lock").touch()

    assert reader(work).operation_under_way() == "git command"


def test_what_a_sparse_checkout_leaves_out_is_known(work: Path) -> None:
    commit(work, "kept/a", b"a")
    commit(work, "left/b", b"b")
    run_git(work, "sparse-checkout", "set", "kept")
    found = reader(work)

    assert not (work / "left" / "b").exists()
    assert found.left_out("left/b")
    assert not found.left_out("kept/a")
    assert not found.left_out("nowhere")


def test_a_commit_and_an_add_move_their_moments(work: Path) -> None:
    past_s = time.time() - 1000
    for path in (".git/HEAD", ".git/index", ".git/logs/HEAD", ".git/refs/heads/main"):
        os.utime(work / path, (past_s, past_s))
    found = reader(work)
    assert found.head_changed_at_s() == pytest.approx(past_s, abs=0.01)
    assert found.index_changed_at_s() == pytest.approx(past_s, abs=0.01)

    (work / "new").touch()
    run_git(work, "add", "new")
    index_s = found.index_changed_at_s()
    assert index_s is not None
    assert index_s > past_s + 500
    assert found.head_changed_at_s() == pytest.approx(past_s, abs=0.01)

    run_git(work, "commit", "-qm", "new")
    head_s = found.head_changed_at_s()
    assert head_s is not None
    assert head_s > past_s + 500


def test_a_detached_head_has_moments_too(work: Path) -> None:
    run_git(work, "checkout", "-q", "--detach")
    found = reader(work)

    assert found.head() is not None
    assert found.head_changed_at_s() is not None


def test_a_missing_index_has_no_moment_and_everything_is_staged(work: Path) -> None:
    (work / ".git" / "index").unlink()
    found = reader(work)

    assert found.index_changed_at_s() is None
    assert found.staged("ci.yml")


def test_reading_changes_nothing_in_the_git_folder(work: Path) -> None:
    (work / "ci.yml").touch()  # makes the index stale, so that git would like to refresh it
    before = snapshot(work / ".git")
    found = reader(work)

    found.head()
    found.blob("ci.yml")
    found.staged("ci.yml")
    found.left_out("ci.yml")
    found.tracked("")
    found.head_changed_at_s()
    found.operation_under_way()

    assert snapshot(work / ".git") == before
    assert [path.name for path in work.iterdir()] in ([".git", "ci.yml"], ["ci.yml", ".git"])


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_repository_of_somebody_else_is_read_and_its_programs_are_not_run(work: Path) -> None:
    hook = work / "was-run"
    run_git(work, "config", "core.fsmonitor", f"touch {hook};")
    for path in (work, *work.rglob("*")):
        os.lchown(path, 65534, 65534)
    found = reader(work)

    assert found.blob("ci.yml") == b"on: push\n"
    assert not found.staged("ci.yml")
    assert found.tracked("") == ("ci.yml",)
    assert not hook.exists()


def test_a_damaged_repository_is_not_taken_for_none(work: Path) -> None:
    (work / ".git" / "config").write_text("[core\n")

    with pytest.raises(LookFailed, match="git cannot read the repository of"):
        reader(work).head()


def test_a_lost_object_is_not_taken_for_a_missing_file(work: Path) -> None:
    blob = run_git(work, "rev-parse", "HEAD:ci.yml")
    (work / ".git" / "objects" / blob[:2] / blob[2:]).unlink()

    with pytest.raises(LookFailed):
        reader(work).blob("ci.yml")


def test_a_blob_over_the_cap_is_refused(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_port, "BLOB_CAP", 8)

    with pytest.raises(EffectFailed, match="9 bytes, of at most 8") as raised:
        reader(work).blob("ci.yml")

    assert not raised.value.retryable


class LosingCommands(SystemCommands):
    """Runs programs, and loses the file that one of them wrote: what a full disk does."""

    def run(
        self,
        *argv: str,
        timeout_s: float,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
    ) -> Ran:
        """Run a program (see SystemCommands.run)."""
        ran = super().run(*argv, timeout_s=timeout_s, cwd=cwd, env=env, stdin=stdin)
        if "unpack-file" in argv and cwd is not None:
            (cwd / ran.stdout.strip()).write_bytes(b"on:")
        return ran


def test_half_a_blob_is_no_blob(work: Path) -> None:
    with pytest.raises(LookFailed, match="whole"):
        SystemGit(LosingCommands(), work).blob("ci.yml")


def test_a_list_of_files_is_capped(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(work, "a", b"")
    monkeypatch.setattr(git_port, "TRACKED_CAP", 1)

    assert reader(work).tracked("") == ("a",)


def test_a_repository_without_the_git_program_is_not_taken_for_none(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")

    with pytest.raises(CommandFailed, match="git is not installed"):
        reader(work).head()


def test_a_folder_that_cannot_be_looked_into_holds_no_repository(tmp_path: Path) -> None:
    assert not reader(tmp_path / ("x" * 300)).is_repository()
