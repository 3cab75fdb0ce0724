"""Reading a git repository: what HEAD holds, what is staged, what is under way. It is never written to."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Protocol

from automation.core.errors import EffectFailed, LookFailed
from automation.ports.commands import Commands, Ran
from automation.ports.files import read_whole
from automation.ports.scratch import scratch_folder

TIMEOUT_S = 20.0
BLOB_CAP = 16 * 1024 * 1024
TRACKED_CAP = 20_000

# A repository that belongs to somebody else is read all the same, and nothing that its own settings name
# (a monitor, hooks, a pager) is started for it.
SETTINGS = (
    "core.quotepath=off",
    "safe.directory=*",
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.pager=cat",
)
ENVIRONMENT = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "LC_ALL": "C",
}

# What lies in the git folder while an operation waits for a person, or while a git command runs.
UNDER_WAY = (
    ("MERGE_HEAD", "merge"),
    ("rebase-merge", "rebase"),
    ("rebase-apply", "rebase"),
    ("BISECT_LOG", "bisect"),
    ("CHERRY_PICK_HEAD", "cherry-pick"),
    ("REVERT_HEAD", "revert"),
    ("index.lock", "git command"),
)

_REGULAR_MODES = ("100644", "100755")


class Git(Protocol):
    """Answers questions about the repository that holds the workspace.

    Paths are relative to the workspace. Where there is no repository, the answers are None, False and ().
    Each method raises EffectFailed where there is a repository that cannot be read.
    """

    def is_repository(self) -> bool:
        """Tell whether the workspace lies in a repository."""
        ...

    def remote_url(self) -> str | None:
        """Return the address of `origin`; it may hold a credential."""
        ...

    def default_branch(self) -> str | None:
        """Return the branch that `origin` is cloned to; None where git was not told."""
        ...

    def head(self) -> str | None:
        """Return the id of the commit that is checked out; None before the first commit."""
        ...

    def blob(self, path: str) -> bytes | None:
        """Return the bytes of a regular file as HEAD holds it; None for anything else."""
        ...

    def staged(self, path: str) -> bool:
        """Tell whether the index differs from HEAD for this path."""
        ...

    def left_out(self, path: str) -> bool:
        """Tell whether a sparse checkout leaves this path out, so that its absence is wanted."""
        ...

    def index_changed_at_s(self) -> float | None:
        """Return when the index was last written; None where there is none."""
        ...

    def head_changed_at_s(self) -> float | None:
        """Return when HEAD last moved: by a commit, checkout, reset, merge or pull."""
        ...

    def operation_under_way(self) -> str | None:
        """Name what waits to be finished: merge, rebase, bisect, cherry-pick, revert, or `git command`."""
        ...

    def tracked(self, prefix: str) -> tuple[str, ...]:
        """Return the paths in the index under a folder (empty: all), or that file; TRACKED_CAP at most."""
        ...


class SystemGit:
    """Asks the `git` program."""

    def __init__(self, commands: Commands, workspace: Path) -> None:
        self._commands = commands
        self._workspace = workspace

    def is_repository(self) -> bool:
        """Tell whether the workspace lies in a repository; asks no program."""
        workspace = self._workspace.absolute()
        return any(_holds_repository(folder) for folder in (workspace, *workspace.parents))

    def remote_url(self) -> str | None:
        """Return the address of `origin`; it may hold a credential."""
        if not self.is_repository():
            return None
        ran = self._run("config", "--get", "remote.origin.url")
        return _line(ran) if self._knows(ran, missing=1) else None

    def default_branch(self) -> str | None:
        """Return the branch that `origin` is cloned to; None where git was not told."""
        if not self.is_repository():
            return None
        ran = self._run("symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD")
        return _line(ran).removeprefix("origin/") if self._knows(ran, missing=1) else None

    def head(self) -> str | None:
        """Return the id of the commit that is checked out."""
        if not self.is_repository():
            return None
        ran = self._run("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        return _line(ran) if self._knows(ran, missing=1) else None

    def blob(self, path: str) -> bytes | None:
        """Return the bytes of a regular file as HEAD holds it, whatever they are."""
        if self.head() is None:
            return None
        listed = self._output("ls-tree", "-z", "HEAD", "--", path)
        mode, _, rest = listed.partition(" ")
        if mode not in _REGULAR_MODES:
            return None
        return self._bytes_of(rest.split()[1])

    def staged(self, path: str) -> bool:
        """Tell whether the index differs from HEAD for this path."""
        if not self.is_repository():
            return False
        if self.head() is None:
            return bool(self.tracked(path))
        ran = self._run("diff-index", "--cached", "--quiet", "HEAD", "--", path)
        return not self._knows(ran, missing=1)

    def left_out(self, path: str) -> bool:
        """Tell whether a sparse checkout leaves this path out."""
        return self.is_repository() and self._output("ls-files", "-t", "-z", "--", path).startswith("S ")

    def index_changed_at_s(self) -> float | None:
        """Return when the index was last written."""
        return _changed_at_s([self._folder() / "index"]) if self.is_repository() else None

    def head_changed_at_s(self) -> float | None:
        """Return when HEAD last moved: the newest of HEAD, its log, its branch and the reference table."""
        if not self.is_repository():
            return None
        folder = self._folder()
        branch = self._run("symbolic-ref", "--quiet", "HEAD")
        places = [folder / "HEAD", folder / "logs" / "HEAD", folder / "reftable" / "tables.list"]
        if self._knows(branch, missing=1):
            places.append(self._folder("--git-common-dir") / _line(branch))
        return _changed_at_s(places)

    def operation_under_way(self) -> str | None:
        """Name what waits to be finished."""
        if not self.is_repository():
            return None
        folder = self._folder()
        return next((name for entry, name in UNDER_WAY if (folder / entry).exists()), None)

    def tracked(self, prefix: str) -> tuple[str, ...]:
        """Return the paths in the index under a folder, or that one file."""
        if not self.is_repository():
            return ()
        listed = self._output("ls-files", "-z", "--cached", "--", prefix or ".")
        # Of a list that was cut off, what follows the last NUL is half a name. A file in conflict stands
        # there once for each side.
        return tuple(dict.fromkeys(listed.split("\0")[:-1]))[:TRACKED_CAP]

    def _bytes_of(self, blob: str) -> bytes:
        """Return a blob's bytes: git writes them into a folder of ours, since output is read as text."""
        size = int(_line(self._ended_well(self._run("cat-file", "-s", blob))))
        if size > BLOB_CAP:
            raise EffectFailed(
                f"git: HEAD's file has {size} bytes, of at most {BLOB_CAP} that are read", retryable=False
            )
        git_folder = self._folder()
        with scratch_folder("redundancy-git-") as folder:
            ran = self._run(
                f"--git-dir={git_folder}", f"--work-tree={folder}", "unpack-file", blob, cwd=folder
            )
            data = read_whole(folder / _line(self._ended_well(ran)), cap=BLOB_CAP)
        if data is None or len(data) != size:
            raise LookFailed(f"git did not hand out object {blob} whole")
        return data

    def _folder(self, which: str = "--absolute-git-dir") -> Path:
        """Return the folder that holds HEAD and index; the common one holds what worktrees share."""
        return self._workspace / self._output("rev-parse", which).rstrip("\n")

    def _output(self, *argv: str) -> str:
        return self._ended_well(self._run(*argv)).stdout

    def _run(self, *argv: str, cwd: Path | None = None) -> Ran:
        settings = [part for setting in SETTINGS for part in ("-c", setting)]
        return self._commands.run(
            "git",
            "--literal-pathspecs",
            *settings,
            *argv,
            timeout_s=TIMEOUT_S,
            cwd=cwd or self._workspace,
            env=ENVIRONMENT,
        )

    def _knows(self, ran: Ran, *, missing: int) -> bool:
        """Tell found (status 0) from not there; any other status is a repository that cannot be read."""
        if ran.status == missing:
            return False
        self._ended_well(ran)
        return True

    def _ended_well(self, ran: Ran) -> Ran:
        if ran.status != 0:
            said = (ran.stderr.strip().splitlines() or [f"exited with status {ran.status}"])[-1][:300]
            raise LookFailed(f"git cannot read the repository of {self._workspace}: {said}")
        return ran


def _holds_repository(folder: Path) -> bool:
    """Tell whether git takes `.git` here for a repository: a file that points to one, or one with HEAD."""
    entry = folder / ".git"
    try:
        return entry.is_file() or (entry / "HEAD").is_file()
    except OSError:
        return False


def _changed_at_s(places: list[Path]) -> float | None:
    """Return when the newest of these files was written; None if there is none of them."""
    moments = []
    for place in places:
        with suppress(OSError):
            moments.append(place.stat().st_mtime)
    return max(moments, default=None)


def _line(ran: Ran) -> str:
    return ran.stdout.rstrip("\n")
