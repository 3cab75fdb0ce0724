"""What the disk says of the site: its settings, functions and manifest; only what changed is read again."""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from automation.core.errors import AutomationError, EffectFailed, LookFailed
from automation.engine.context import Context
from automation.engine.kept_files import KeptFile, KeptFiles
from automation.ports.commands import Commands
from automation.ports.files import read_whole
from automation.ports.git import Git
from automation.systems.netlify import manifest, syntax
from automation.systems.netlify.discovery import Discovery
from automation.systems.netlify.facts import Local, ManifestLook
from automation.systems.netlify.functions_folder import read_discovery
from automation.systems.netlify.guarded import (
    files_below,
    function_of,
    is_chosen,
    is_guarded,
    manifest_path,
)
from automation.systems.netlify.judging import LoopJudge
from automation.systems.netlify.memory import Memory
from automation.systems.netlify.settings_file import (
    DEFAULT_FOLDERS,
    FILE_NAME,
    Damaged,
    Settings,
    read_functions_folder,
    read_settings,
)

EMPTY = "empty"
ENTRIES_CAP = 6000

Stamp = tuple[int, int, int, int]
Listing = tuple[tuple[str, Stamp | None], ...]


class SiteFiles:
    """Looks at the files of one workspace, and remembers what it saw."""

    def __init__(self, context: Context, git: Git, commands: Commands, memory: Memory) -> None:
        self.memory = memory
        self.judge = LoopJudge(commands)
        self._context = context
        self._workspace = context.layout.workspace
        self._own_folders = (context.layout.logs, context.layout.backups)
        self._git = git
        self._commands = commands
        places = memory.places()
        self._settings = Settings()  # the last sound ones
        self._folder: str | None = places.folder or None
        self._ui_folder = places.ui_folder
        self._asked_git_for: str | None = ""
        self._discovered: tuple[tuple[str, Settings, Listing], Discovery] | None = None
        self._verdicts: dict[str, tuple[Stamp | None, syntax.Judged]] = {}
        self.kept = KeptFiles(
            context, self._present, self.judge, auto_restore=context.settings.flag("auto_restore")
        )

    def look(self, ui_folder: str | None = None) -> Local:
        """Look at the files.

        Args:
            ui_folder: The functions folder by the site's own settings; None where these are not known.

        Raises:
            LookFailed: Something is there and cannot be read.
        """
        self._ui_folder = self._ui_folder if ui_folder is None else ui_folder
        files = self._files()
        damage, sound = self._read_settings(files)
        folder = self._find_folder(damage, sound=sound)
        if folder != self._folder:
            self._folder = folder
            files = self._files()
        there = folder is not None and (self._workspace / folder).is_dir()
        discovery = self._discover(folder or "") if there else Discovery()
        local = Local(
            settings=self._settings,
            damage=tuple(damage),
            folder=folder,
            folder_missing=not there,
            discovery=discovery,
            verdicts=self._judged(discovery),
            files=files,
            left_out=frozenset(one.name for one in discovery.functions if not self._chosen(one.main_file)),
        )
        steady = there and sound and not any(file.wiped for file in files)
        return replace(local, manifest=self.manifest_look(local)) if steady else local

    def manifest_look(self, local: Local) -> ManifestLook | None:
        """Compare the manifest with the functions; None where there is none, and never was one of ours."""
        path = self.manifest_file()
        data = None if path is None else read_manifest(self._workspace / path)
        if path is None or (data is None and not self.memory.wrote_manifest(path)):
            return None
        return ManifestLook(path, manifest.differences(data, local.discovery.functions))

    def manifest_file(self) -> str | None:
        """Return where the list of functions belongs; None where there is no functions folder."""
        return None if self._folder is None else manifest_path(self._context.settings, self._folder)

    @property
    def ui_folder(self) -> str:
        """The functions folder by the site's own settings; empty where they name none, or are not known."""
        return self._ui_folder

    def _files(self) -> tuple[KeptFile, ...]:
        """Return the guarded files, those included that are gone."""
        folder, own = self._folder, self.manifest_file()
        looked = self.kept.look()
        kept = [one for one in looked if is_guarded(one.path, folder, own) and self._chosen(one.path)]
        return tuple(KeptFile(one.path) if self._always_empty(one) else one for one in kept)

    def _chosen(self, path: str) -> bool:
        """Tell whether settings let a file be guarded: those of no function always."""
        name = None if path == self.manifest_file() else function_of(path, self._folder)
        return name is None or is_chosen(name, self._context.settings)

    def _always_empty(self, file: KeptFile) -> bool:
        """Tell whether an empty file is as git's last commit holds it, or is new there: nothing was lost."""
        if file.problem != EMPTY:
            return False
        try:
            return self._git.is_repository() and not self._git.blob(file.path)
        except AutomationError:
            return False

    def _present(self) -> tuple[str, ...]:
        below = () if self._folder is None else files_below(self._workspace, self._folder, self._own_folders)
        own = self.manifest_file()
        named = [FILE_NAME, f"{self._settings.base}/{FILE_NAME}", *([own] if own else [])]
        there = [path for path in named if not path.startswith("./") and (self._workspace / path).is_file()]
        found = [path for path in (*there, *below) if is_guarded(path, self._folder, own)]
        found = [path for path in found if not (self._workspace / path).is_symlink()]
        if self._asked_git_for != self._folder:  # what was deleted while nobody looked
            self._asked_git_for = self._folder
            found += self._gone(frozenset(found))
        return tuple(dict.fromkeys(found))

    def _gone(self, there: frozenset[str]) -> Iterator[str]:
        """Yield what git's index holds, the disk does not, and no sparse checkout leaves out."""
        folder = self._folder
        places = [folder] if folder is not None else [path for path, _ in DEFAULT_FOLDERS]
        try:
            for place in (FILE_NAME, *places):
                for path in self._git.tracked("" if place == "." else place):
                    guarded = is_guarded(path, place, None) and path not in there
                    if guarded and not _exists(self._workspace / path) and not self._git.left_out(path):
                        yield path
        except AutomationError:
            return  # git says nothing: what the snapshots hold is known all the same

    def _read_settings(self, files: tuple[KeptFile, ...]) -> tuple[list[Damaged], bool]:
        """Read netlify.toml; tell what is wrong with it, and whether it says what its owner wants."""
        try:
            read = read_settings(self._workspace)
        except EffectFailed as error:
            raise LookFailed(str(error)) from error
        lost = any(file.wiped and file.path.endswith(FILE_NAME) for file in files)
        if isinstance(read, Damaged):
            return ([] if lost else [read]), False
        if not lost:
            self._settings = read
        return [], not lost

    def _find_folder(self, damage: list[Damaged], *, sound: bool) -> str | None:
        chosen = self._context.settings.text("functions_directory") or self._ui_folder or None
        folder = read_functions_folder(self._workspace, self._settings, chosen)
        if isinstance(folder, Damaged):
            damage.append(folder)
            return None
        if not sound and self._settings.file is None:  # never seen whole since the start
            return self._folder or (folder.path if folder else None)
        return folder.path if folder else self._lost_default()

    def _lost_default(self) -> str | None:
        """Return the default folder whose files are missed, although it is gone; None if none is."""
        lost = [one.path for one in self.kept.look() if one.wiped]
        for name, _ in DEFAULT_FOLDERS:
            place = posixpath.normpath(posixpath.join(self._settings.base, name))
            if any(is_guarded(path, place, None) and path.startswith(f"{place}/") for path in lost):
                return place
        return None

    def _discover(self, folder: str) -> Discovery:
        key = (folder, self._settings, _listing(self._workspace / folder))
        if self._discovered is None or self._discovered[0] != key:
            self._discovered = key, read_discovery(self._workspace, folder, self._settings)
        return self._discovered[1]

    def _judged(self, discovery: Discovery) -> dict[str, syntax.Judged]:
        """Return the verdict on each main file; only changed ones are judged, all in one go."""
        stamps = {one.main_file: _stamp(self._workspace / one.main_file) for one in discovery.functions}
        known = {file: self._verdicts.get(file) for file in stamps}
        changed = [file for file, stamp in stamps.items() if (known[file] or (0, None))[0] != stamp]
        if changed:
            new = syntax.judge(self._workspace, changed, self._commands)
            self._verdicts |= {file: (stamps[file], verdict) for file, verdict in new.items()}
        self._verdicts = {file: self._verdicts[file] for file in stamps}
        return {file: verdict for file, (_, verdict) in self._verdicts.items()}


def read_manifest(path: Path) -> bytes | None:
    """Return the manifest's bytes; None where there is none.

    Raises:
        LookFailed: It is there and cannot be read.
    """
    try:
        return read_whole(path, cap=manifest.SIZE_CAP_BYTES)
    except EffectFailed as error:
        raise LookFailed(str(error)) from error


def _listing(folder: Path) -> Listing:
    """Return what changes when an entry comes, goes, or becomes another; of files and folders alike."""
    names: list[str] = []
    with contextlib.suppress(OSError):  # who discovers functions says why it cannot be listed
        names = sorted(path.name for path in folder.iterdir())
    return tuple((name, _stamp(folder / name)) for name in names[:ENTRIES_CAP])


def _stamp(path: Path) -> Stamp | None:
    """Return what changes when a file does; None where there is none, or a link that leads nowhere."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns


def _exists(path: Path) -> bool:
    return path.exists() or path.is_symlink()
