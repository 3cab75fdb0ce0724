"""Whether a guarded file is what its kind should be, from its bytes alone."""

from __future__ import annotations

import contextlib
import hashlib
import json
import posixpath
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from automation.core.errors import EffectFailed
from automation.ports.commands import Commands
from automation.ports.files import read_whole
from automation.systems.netlify import manifest, settings_file, syntax
from automation.systems.netlify.guarded import GUARDED

_JSON = frozenset({manifest.FILE_NAME, "package.json", "package-lock.json", "npm-shrinkwrap.json"})
_NOTHING = b"\0 \t\r\n"


def cheap(path: str, data: bytes) -> bool | None:
    """Say what can be said without starting a program; None where that is nothing."""
    name = posixpath.basename(path)
    if name == settings_file.FILE_NAME:
        return bool(data) and not isinstance(settings_file.parse(data, file=path), settings_file.Damaged)
    if name in _JSON:
        return _is_json(data)
    return False if name.endswith(GUARDED) and not data.strip(_NOTHING) else None


class LoopJudge:
    """The judge of a loop: it starts a program only where a restore depends on the answer."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._asks_programs = False

    def __call__(self, path: str, data: bytes) -> bool | None:
        """Judge one file's bytes."""
        verdict = cheap(path, data)
        if verdict is not None or not self._asks_programs or not is_source(path):
            return verdict
        with tempfile.TemporaryDirectory(prefix="redundancy-source-") as folder:
            name = f"source{posixpath.splitext(path)[1]}"
            Path(folder, name).write_bytes(data)
            return _said(syntax.judge(Path(folder), [name], self._commands)[name])

    @contextlib.contextmanager
    def asking_programs(self) -> Iterator[None]:
        """Judge sources too, for a while."""
        self._asks_programs = True
        try:
            yield
        finally:
            self._asks_programs = False


class SnapshotJudge:
    """The judge of a backup: all sources are judged at once, when the first one is asked about."""

    def __init__(self, workspace: Path, sources: Sequence[str], commands: Commands) -> None:
        self._workspace = workspace
        self._sources = sources
        self._commands = commands
        self._known: dict[str, tuple[str, bool | None]] | None = None

    def __call__(self, path: str, data: bytes) -> bool | None:
        """Judge one file's bytes; a source that changed since all were judged is unknown."""
        verdict = cheap(path, data)
        if verdict is not None or path not in self._sources:
            return verdict
        if self._known is None:
            self._known = self._judge_all()
        digest, verdict = self._known[path]
        return verdict if digest == _digest(data) else None

    def _judge_all(self) -> dict[str, tuple[str, bool | None]]:
        digests = {path: self._digest_of(path) for path in self._sources}
        verdicts = syntax.judge(self._workspace, self._sources, self._commands)
        return {path: (digests[path], _said(verdicts[path])) for path in self._sources}

    def _digest_of(self, path: str) -> str:
        try:
            return _digest(read_whole(self._workspace / path, cap=syntax.SOURCE_CAP_BYTES) or b"")
        except EffectFailed:
            return ""


def is_source(path: str) -> bool:
    """Tell whether a file's syntax can be judged."""
    return posixpath.splitext(path)[1] in syntax.EXTENSIONS


def _said(judged: syntax.Judged) -> bool | None:
    return None if judged.verdict is syntax.Verdict.UNKNOWN else judged.verdict is syntax.Verdict.VALID


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True
