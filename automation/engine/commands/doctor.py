"""`doctor`: the effective settings and their origin, versions, permissions, what is missing; no secret."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from automation import __version__
from automation.core import redact
from automation.core.errors import AutomationError
from automation.core.settings import Kind, Row, Setting
from automation.engine.calling import Call
from automation.engine.context import Context, build
from automation.engine.loading import load
from automation.engine.section_settings import known_settings
from automation.engine.terminal import coloured, safe, say, say_json
from automation.ports.files import REMOTE_FILE_SYSTEMS, file_system
from automation.ports.locks import describe_holder, is_locked
from automation.ports.process import owns

PACKAGES = ("psutil", "PyYAML", "requests", "python-json-logger", "filelock", "rich")

Line = tuple[str, str, bool]  # what, how it is, whether that is well


def doctor(call: Call) -> int:
    """Print everything that a person would ask first; 1 when something needs attention."""
    context = build(call.system, call.workspace, call.environment, call.clock)
    lines = [*_versions(), *_folders(context), *_guard(context)]
    if context.system.doctor:
        more: Callable[[Context], list[Line]] = load(context.system.doctor)
        lines += more(context)
    lines += [("setting", warning, False) for warning in context.settings.warnings]
    lines += [("setting", line, True) for line in context.settings.without_effect]
    known = known_settings(context.system)
    if call.flag("json"):
        say_json({"checks": [_record(line) for line in lines], "settings": _settings(context, known)})
    else:
        _show(lines, _settings(context, known))
    return 0 if all(well for _, _, well in lines) else 1


def _versions() -> list[Line]:
    lines: list[Line] = [
        ("suite", __version__, True),
        ("python", f"{platform.python_version()} at {sys.executable}", sys.version_info >= (3, 11)),
    ]
    for name in PACKAGES:
        try:
            lines.append((name, version(name), True))
        except PackageNotFoundError:
            lines.append((name, "not installed; run ./automation/start-enhanced-redundancy.sh", False))
    return lines


def _folders(context: Context) -> list[Line]:
    layout = context.layout
    lines: list[Line] = []
    for name, path in (("workspace", layout.workspace), ("logs", layout.logs), ("own state", layout.own)):
        lines.append((name, *_folder(path)))
    may_change = owns(layout.own) or owns(layout.workspace)
    lines.append(
        ("user", "may change things" if may_change else "owns neither workspace nor state", may_change)
    )
    return lines


def _folder(path: Path) -> tuple[str, bool]:
    try:
        mode = path.stat().st_mode & 0o777
    except FileNotFoundError:
        return f"{path}: not there yet", True
    except OSError as error:
        return f"{path}: {error.strerror}", False
    kind = file_system(path)
    return f"{path} (mode {mode:03o}, {kind or 'unknown file system'})", kind not in REMOTE_FILE_SYSTEMS


def _guard(context: Context) -> list[Line]:
    path = context.layout.guard_lock
    try:
        running = is_locked(path)
    except AutomationError as error:
        return [("guard", str(error), False)]
    return [("guard", describe_holder(path) if running else "not running", running)]


def _record(line: Line) -> dict[str, object]:
    return {"what": line[0], "detail": line[1], "ok": line[2]}


def _settings(context: Context, known: tuple[Setting, ...]) -> list[dict[str, object]]:
    return [
        {
            "name": one.name,
            "value": _printable(one, context),
            "origin": context.settings.origins[one.name],
            "env": one.env,
            "key": one.key,
            "about": one.about,
        }
        for one in known
    ]


def _printable(setting: Setting, context: Context) -> object:
    value = context.settings.values[setting.name]
    if setting.secret:
        return redact.MASK if value else ""
    if setting.kind is Kind.TABLE:
        return {row.glob: _row(row, setting) for row in context.settings.rows(setting.name)}
    if isinstance(value, tuple):
        return [redact.text(str(one)) for one in value]
    return redact.text(value) if isinstance(value, str) else value


def _row(row: Row, table: Setting) -> dict[str, object]:
    """Return what one row of a table says, by the columns' keys."""
    said = ((column.key, row.values.get(column.name, row)) for column in table.columns)
    return {
        key: redact.text(value) if isinstance(value, str) else value
        for key, value in said
        if value is not row
    }


def _show(lines: list[Line], settings: list[dict[str, object]]) -> None:
    width = max(len(what) for what, _, _ in lines)
    for what, detail, well in lines:
        mark = coloured("ok  ", "healthy") if well else coloured("look", "warning")
        say(f"{mark}  {what:<{width}}  {safe(detail)}")
    say()
    say("settings (value, where it comes from, how to set it):")
    for one in settings:
        how = " or ".join(str(place) for place in (one["env"], one["key"]) if place)
        value = (
            one["value"] if isinstance(one["value"], str) else json.dumps(one["value"], ensure_ascii=False)
        )
        say(f"  {one['name']} = {safe(value)}  ({safe(str(one['origin']))}; {how})")
