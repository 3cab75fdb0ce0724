"""netlify.toml: what it says of folders and schedules, and where the functions lie.

Of two files, the one in the `base` folder is used, as Netlify does. What a file cannot say is a value
(`Damaged`), since a person's typing error is nothing exceptional.
"""

from __future__ import annotations

import posixpath
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from automation.core.errors import EffectFailed
from automation.ports.files import read_whole

FILE_NAME = "netlify.toml"
SIZE_CAP_BYTES = 256 * 1024
SCHEDULES_CAP = 2000

# Where functions lie when nothing says so, if the folder exists; the first that does.
DEFAULT_FOLDERS = (("netlify/functions", "default"), ("netlify-automatic-functions", "default-v1"))

_AT = re.compile(r"\s*\(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$")
_Table = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Damaged:
    """Why a settings file cannot be used; line and column count from 1."""

    file: str
    line: int
    column: int
    reason: str

    def __str__(self) -> str:
        """Return it as editors and CI read it."""
        return f"{self.file}:{self.line}:{self.column}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a site's file says, for production; paths are relative to the workspace, `.` is itself.

    `functions` is None where the file is silent; `origin` is then empty, otherwise `config` or `config-v1`.
    `schedules` are pairs of function-name pattern and cron expression, the most general first.
    """

    file: str | None = None
    base: str = "."
    publish: str = "."
    functions: str | None = None
    origin: str = ""
    schedules: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Folder:
    """Where the functions lie, and who says so: config, config-v1, ui, default or default-v1."""

    path: str
    origin: str


def read_settings(workspace: Path) -> Settings | Damaged:
    """Read the workspace's netlify.toml, or that of its `base` folder; no file is an empty one.

    Raises:
        EffectFailed: A file is there, and cannot be read.
    """
    data = _read(workspace / FILE_NAME)
    first = Settings() if data is None else parse(data)
    if isinstance(first, Damaged) or first.base == ".":
        return first
    inner_name = f"{first.base}/{FILE_NAME}"
    inner = _read(workspace / inner_name)
    return first if inner is None else parse(inner, file=inner_name, base=first.base)


def read_functions_folder(
    workspace: Path, settings: Settings, ui_folder: str | None = None
) -> Folder | Damaged | None:
    """Find the functions folder (see functions_folder), looking at the disk for the default ones."""
    existing = frozenset(path for path, _ in _default_folders(settings) if (workspace / path).is_dir())
    return functions_folder(settings, existing, ui_folder)


def functions_folder(
    settings: Settings, existing: frozenset[str], ui_folder: str | None = None
) -> Folder | Damaged | None:
    """Return where the functions lie; None where the site has none.

    Args:
        settings: What the file says; it counts more than the setting of the site.
        existing: Those of the default folders that exist, relative to the workspace.
        ui_folder: What the site's own settings say (`Site.functions_folder`).
    """
    if settings.functions is not None:
        return Folder(settings.functions, settings.origin)
    if ui_folder:
        path = _inside(settings.base, ui_folder)
        if path is None:
            return Damaged(
                "site settings", 1, 1, f"functions folder {ui_folder!r} lies outside the repository"
            )
        return Folder(path, "ui")
    for path, origin in _default_folders(settings):
        if path in existing:
            return Folder(path, origin)
    return None


def schedule_of(settings: Settings, name: str) -> str | None:
    """Return the cron expression that the file gives a function; the most special pattern counts."""
    found = [cron for pattern, cron in settings.schedules if fnmatchcase(name, pattern)]
    return found[-1] if found else None


def parse(data: bytes, *, file: str = FILE_NAME, base: str | None = None) -> Settings | Damaged:
    """Read a settings file's bytes.

    Args:
        data: The whole file.
        file: Its name, for messages.
        base: The folder that the outer file named; its own `base` is then ignored.
    """
    if len(data) > SIZE_CAP_BYTES:
        return Damaged(file, 1, 1, f"larger than the {SIZE_CAP_BYTES} bytes that are expected at most")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line_start = before.rfind(b"\n") + 1
        return Damaged(file, before.count(b"\n") + 1, error.start - line_start + 1, "not UTF-8")
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return _syntax_damage(file, text, str(error))
    except RecursionError:
        return Damaged(file, 1, 1, "nested too deep")
    try:
        return replace(_settings(tree, base), file=file)
    except _Refused as refused:
        return Damaged(file, _line_of(text, refused.key), 1, refused.reason)


class _Refused(Exception):
    """A value that Netlify refuses; `key` is its dotted name."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(reason)
        self.key = key
        self.reason = f"{key} {reason}"


def _settings(tree: _Table, outer_base: str | None) -> Settings:
    context = _table(_table(tree, "context"), "production", "context.production")
    build = dict(_table(tree, "build")) | _context_build(context)
    functions = _table(tree, "functions")
    special = context.get("functions")
    special = special if isinstance(special, Mapping) else {}
    base = outer_base or _path(build, "base", "build.base", ".") or "."
    directory = _directory(special)
    directory = _directory(functions) if directory is None else directory
    v1_functions = _path(build, "functions", "build.functions", base)
    # An empty `directory` is one: it hides the older key, and then counts as not given.
    newer = directory is not None
    chosen = _resolved(directory, "functions.directory", base) if newer else v1_functions
    origin = "config" if newer else "config-v1"
    return Settings(
        base=base,
        publish=_path(build, "publish", "build.publish", base) or base,
        functions=chosen,
        origin=origin if chosen else "",
        schedules=_schedules(_schedules_of(functions) | _schedules_of(special)),
    )


def _context_build(context: _Table) -> dict[str, object]:
    """Return what [context.production] says of the build: in a table of its own, or directly."""
    direct = {
        key: context[key]
        for key in ("base", "publish", "functions")
        if key in context and not isinstance(context[key], Mapping)
    }
    return direct | dict(_table(context, "build", "context.production.build"))


def _directory(functions: _Table) -> str | None:
    """Return `directory` of [functions."*"] or [functions]; a table of that name is a function's."""
    value = _table(functions, "*", 'functions."*"').get("directory")
    if value is None:
        value = functions.get("directory")
        if isinstance(value, Mapping):
            return None
    if value is not None and not isinstance(value, str):
        raise _Refused("functions.directory", "must be text")
    return value


def _schedules_of(functions: _Table) -> dict[str, str]:
    """Return function-name pattern → cron; one directly in [functions] is for all."""
    found: dict[str, str] = {}
    common = functions.get("schedule")
    if isinstance(common, str):
        found["*"] = common
    for pattern, value in functions.items():
        if isinstance(value, Mapping) and isinstance(value.get("schedule"), str):
            found[pattern] = str(value["schedule"])
    return found


def _schedules(found: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Order patterns from the most general to the name itself."""
    ordered = sorted(found.items(), key=lambda item: (not _is_pattern(item[0]), len(item[0]), item[0]))
    return tuple(ordered[:SCHEDULES_CAP])


def _is_pattern(text: str) -> bool:
    return any(sign in text for sign in "*?[")


def _table(tree: _Table, key: str, name: str | None = None) -> _Table:
    value = tree.get(key, {})
    if not isinstance(value, Mapping):
        raise _Refused(name or key, "must be a table")
    return value


def _path(tree: _Table, key: str, name: str, base: str) -> str | None:
    value = tree.get(key)
    if value is not None and not isinstance(value, str):
        raise _Refused(name, "must be text")
    return _resolved(value, name, base)


def _resolved(value: str | None, name: str, base: str) -> str | None:
    if not value:
        return None
    path = _inside(base, value)
    if path is None:
        raise _Refused(name, f'"{value}" must lie inside the repository')
    return path


def _inside(base: str, path: str) -> str | None:
    """Return a path relative to the workspace; None if it climbs out. A leading slash means nothing."""
    whole = posixpath.normpath(posixpath.join(base, path.lstrip("/")))
    return None if whole == ".." or whole.startswith("../") or "\0" in whole else whole


def _default_folders(settings: Settings) -> tuple[tuple[str, str], ...]:
    return tuple(
        (posixpath.normpath(posixpath.join(settings.base, path)), origin) for path, origin in DEFAULT_FOLDERS
    )


def _syntax_damage(file: str, text: str, said: str) -> Damaged:
    """Take line and column out of the parser's words; "end of document" is the last line."""
    found = _AT.search(said)
    reason = _AT.sub("", said)
    if found and found["line"]:
        return Damaged(file, int(found["line"]), int(found["column"]), reason)
    lines = text.splitlines() or [""]
    return Damaged(file, len(lines), len(lines[-1]) + 1, f"{reason} at the end of the file")


def _line_of(text: str, key: str) -> int:
    """Return the first line that sets the last word of a dotted key; 1 where none does."""
    word = re.escape(key.rpartition(".")[2].strip('"'))
    pattern = re.compile(rf"""^[ \t]*\[*(?:[\w."' *-]*[."' \t])?{word}["']?[ \t]*[=\].]""", re.MULTILINE)
    found = pattern.search(text)
    return text.count("\n", 0, found.start()) + 1 if found else 1


def _read(path: Path) -> bytes | None:
    try:
        return read_whole(path, cap=SIZE_CAP_BYTES + 1)
    except EffectFailed as error:
        if error.retryable:
            raise
        return b" " * (SIZE_CAP_BYTES + 1)  # too large: parse says so, with its name
