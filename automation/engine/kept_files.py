"""Files that a system guards: read only when they changed, put back when nothing is left of them (S20)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from automation.core.errors import AutomationError, EffectFailed, StepRefused
from automation.core.finding import Finding, Severity
from automation.core.ladder import Ladder, Rung
from automation.core.restoring import Candidate, FileState, GitState, Leave, Restore, decide_restore
from automation.core.settings import Settings
from automation.engine.context import Context
from automation.engine.pacing import pace_of, tries
from automation.engine.snapshots import Judge, backed_up, prepare_backups, store_of
from automation.ports.commands import SystemCommands
from automation.ports.files import cannot, make_folder, read_whole, write_whole
from automation.ports.git import Git, SystemGit
from automation.stores.backups.entry_path import WORKSPACE
from automation.stores.backups.listing import readable_manifests
from automation.stores.backups.planning import Copy

GRACE_S = 60.0
TRIES = 3
LOCK_WAIT_S = 0.8  # a loop blocks for less than a second; a backup under way is waited for by the next try
FILE_CAP = 4 * 1024 * 1024
MOST_FILES = 5000

Stamp = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class KeptFile:
    """One guarded file as a look found it: what is wrong with it, and whether nothing is left of it."""

    path: str
    problem: str = ""
    wiped: bool = False


class KeepsFiles(Protocol):
    """An observer that guards files."""

    files: KeptFiles


def kept_file_findings(files: Iterable[KeptFile]) -> Iterator[Finding]:
    """Report files that are gone or emptied; what is merely wrong in them is their system's business."""
    for file in files:
        if file.wiped:
            yield Finding(
                "file-wiped",
                file.path,
                Severity.CRITICAL,
                f"it is {file.problem}",
                f"`restore --path {file.path}` puts it back; commit its deletion if that was meant",
            )


def kept_file_ladder(settings: Settings) -> Ladder:
    """Return the ladder for a wiped file: it is put back, after a snapshot of what is there.

    A try within the grace is refused, so the next one comes when it is over.
    """
    return Ladder(
        "file-wiped", (Rung("restore-file", tries(settings, TRIES)),), pace_of(settings, first_s=GRACE_S)
    )


class KeptFiles:
    """Watches a system's files, and puts back those of which nothing is left."""

    def __init__(
        self,
        context: Context,
        present: Callable[[], Sequence[str]],
        judge: Judge,
        *,
        auto_restore: bool = False,
    ) -> None:
        """Begin with the files of the snapshots that are there.

        Args:
            context: The system's context.
            present: Lists the files that are there now, relative to the workspace.
            judge: Says of a path and its bytes whether they are what this kind of file should be.
            auto_restore: Whether a file that is merely wrong may be put back too.
        """
        self._context = context
        self._present = present
        self._judge = judge
        self._auto_restore = auto_restore
        self._git: Git = SystemGit(SystemCommands(), context.layout.workspace)
        self._stamps: dict[str, tuple[Stamp, KeptFile]] = {}
        self._known: set[str] = set(self._in_snapshots())

    def look(self) -> tuple[KeptFile, ...]:
        """Return the files as they are; only changed ones are read."""
        self._known.update(self._present()[:MOST_FILES])
        looked = [self._look_at(path) for path in sorted(self._known)]
        deleted = {one.path for one in looked if one.problem == "missing" and self._meant(one.path)}
        self._known -= deleted
        return tuple(one for one in looked if one.path not in deleted)

    def restore(self, path: str) -> str:
        """Put one file back, if the rules allow it, and say what was done.

        Raises:
            StepRefused: A rule leaves the file to a person; the message names it.
            EffectFailed: The disk said no.
        """
        decision = self.decision(path)
        if isinstance(decision, Leave):
            raise StepRefused(f"{path} is left alone: {decision.detail}")
        return self._from_git(path) if decision.source == "git" else self._from_snapshot(path, decision)

    def decision(self, path: str) -> Restore | Leave:
        """Return what the rules say of one file as it is now.

        Raises:
            EffectFailed: The file or the repository cannot be read.
        """
        return decide_restore(self._state(path), grace_s=GRACE_S)

    def overwrite(self, path: str, data: bytes) -> None:
        """Replace one file, after a snapshot of what is there.

        Raises:
            LockBusy: Another process works on the snapshots; nothing was written.
            EffectFailed: The disk said no.
        """
        full = self._context.layout.workspace / path
        status = full.stat() if full.exists() else None
        if status is not None and status.st_size > 0:
            prepare_backups(self._context)
            store = store_of(self._context, lock_wait_s=LOCK_WAIT_S)
            sources = backed_up(self._context).sources
            store.take(sources, f"before {path} is overwritten", latest_allowed=False)
        make_folder(full.parent)
        write_whole(full, data, mode=0o644 if status is None else status.st_mode & 0o777)

    def _in_snapshots(self) -> Iterator[str]:
        """Yield the files of the newest snapshot: what was there when nobody was looking."""
        prefix = f"{WORKSPACE}/"
        for manifest in readable_manifests(self._context.layout.snapshots):
            if manifest.kind == "regular":
                paths = (entry.path for entry in manifest.files)
                yield from (path.removeprefix(prefix) for path in paths if path.startswith(prefix))
                return

    def _look_at(self, path: str) -> KeptFile:
        full = self._context.layout.workspace / path
        try:
            status = full.stat()
        except (FileNotFoundError, NotADirectoryError):
            return KeptFile(path, "missing", wiped=True)
        except OSError as error:  # could not look is not gone (safety S2)
            return KeptFile(path, str(cannot("read", full, error)))
        stamp = (status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns)
        known = self._stamps.get(path)
        if known is None or known[0] != stamp:
            known = (stamp, self._read(path))
            self._stamps[path] = known
        return known[1]

    def _read(self, path: str) -> KeptFile:
        try:
            data = read_whole(self._context.layout.workspace / path, cap=FILE_CAP)
        except EffectFailed as error:
            return KeptFile(path, str(error))
        if not data:
            return KeptFile(path, "empty", wiped=True)
        if not data.strip(b"\0"):
            return KeptFile(path, "filled with NUL bytes", wiped=True)
        return KeptFile(path, "" if self._judge(path, data) is not False else "not valid")

    def _meant(self, path: str) -> bool:
        """Tell whether a missing file was deleted on purpose: git's last commit does not hold it."""
        try:
            return self._git.is_repository() and self._git.blob(path) is None
        except AutomationError:
            return False

    def _state(self, path: str) -> FileState:
        full = self._context.layout.workspace / path
        data = read_whole(full, cap=FILE_CAP)
        now_s = self._context.clock.now_s()
        written_at_s = _written_at_s(full)
        return FileState(
            path=path,
            exists=data is not None,
            size_bytes=len(data or b""),
            is_nul_filled=bool(data) and not (data or b"").strip(b"\0"),
            git=self._git_state(path, data, now_s) if self._git.is_repository() else None,
            candidates=tuple(self._candidates(path)),
            auto_restore=self._auto_restore,
            is_valid=bool(data) and self._judge(path, data or b"") is True,
            age_s=None if data is None or written_at_s is None else now_s - written_at_s,
        )

    def _git_state(self, path: str, data: bytes | None, now_s: float) -> GitState:
        blob = self._git.blob(path)
        head_s, index_s = self._git.head_changed_at_s(), self._git.index_changed_at_s()
        return GitState(
            in_head=blob is not None,
            bytes_equal_head=blob is not None and blob == data,
            head_is_valid=bool(blob) and self._judge(path, blob or b"") is not False,
            staged=self._git.staged(path),
            head_age_s=None if head_s is None else now_s - head_s,
            index_age_s=None if index_s is None else now_s - index_s,
            operation=self._git.operation_under_way(),
            left_out=self._git.left_out(path),
        )

    def _candidates(self, path: str) -> Iterator[Candidate]:
        """Yield the copies in the snapshots, in the order in which a restore prefers them (safety S21).

        One that nobody could judge counts as valid, where none was found to be.
        """
        copies = [
            Copy(manifest.id, entry, manifest.kind == "regular")
            for manifest in readable_manifests(self._context.layout.snapshots)
            for entry in manifest.files
            if entry.path == f"{WORKSPACE}/{path}"
        ]
        for copy in sorted(copies, key=lambda one: one.rank, reverse=True):
            yield Candidate(copy.snapshot_id, copy.entry.valid is not False and copy.entry.size > 0)

    def _from_git(self, path: str) -> str:
        blob = self._git.blob(path)
        if not blob:
            raise StepRefused(f"git's last commit does not hold {path} any more")
        self.overwrite(path, blob)
        return f"put back {path} as git's last commit holds it"

    def _from_snapshot(self, path: str, decision: Restore) -> str:
        store = store_of(self._context, lock_wait_s=LOCK_WAIT_S)
        restored = store.restore(store.plan_restore(decision.id, [path]))
        if restored.failed:
            raise EffectFailed(f"{path}: {restored.failed[0].reason}")
        undo = f"; what was there is in {restored.saved_as}" if restored.saved_as else ""
        return f"put back {path} from snapshot {decision.id}{undo}"


def _written_at_s(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def matching_files(workspace: Path, patterns: Sequence[str]) -> tuple[str, ...]:
    """Return the regular files that match one of the glob patterns, relative to the workspace, in order."""
    found = {
        str(path.relative_to(workspace))
        for pattern in patterns
        for path in workspace.glob(pattern)
        if path.is_file() and not path.is_symlink()
    }
    return tuple(sorted(found))


def restore_file(observer: KeepsFiles, subject: str) -> str:
    """Put a wiped file back: the step that systems with guarded files share (see KeptFiles.restore)."""
    return observer.files.restore(subject)
