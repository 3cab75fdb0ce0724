"""What the PM2 guard backs up: ecosystem files, the scripts in automation/, the settings, and PM2's dump."""

from __future__ import annotations

import json
from pathlib import Path

from automation.core.errors import EffectFailed, SettingsInvalid
from automation.core.settings import Settings
from automation.engine.context import SETTINGS_FILE, Context
from automation.engine.kept_files import matching_files
from automation.engine.snapshots import BackedUp
from automation.ports.commands import Commands, SystemCommands
from automation.stores.backups.entry_path import problem_with
from automation.stores.backups.store import Source
from automation.systems.pm2.home import pm2_home

ECOSYSTEM_FILES = ("ecosystem*.js", "ecosystem*.cjs", "ecosystem*.mjs", "ecosystem*.json", "ecosystem*.y*ml")
SCRIPTS = ("automation/*.py", "automation/*.sh", "automation/*.js", "automation/*.cjs", "automation/*.mjs")
OF_PM2 = ("dump.pm2", "dump.pm2.bak", "module_conf.json")
CHECK_LIMIT_S = 10.0
JAVASCRIPT = (".js", ".cjs")
ES_MODULE = ("outside a module", "Unexpected token 'export'", "import.meta")


def backed_up(context: Context) -> BackedUp:
    """Return the sources of this system's snapshots."""
    workspace = context.layout.workspace
    return BackedUp(
        sources=(
            Source(
                matching_files(workspace, (*guarded_files(context.settings), *SCRIPTS, SETTINGS_FILE)),
                valid=judge,
            ),
            Source(
                [name for name in OF_PM2 if (home(context) / name).exists()], prefix="pm2-home", valid=judge
            ),
        ),
        roots={"pm2-home": home(context)},
    )


def guarded_files(settings: Settings) -> tuple[str, ...]:
    """Return the globs of what is put back when nothing is left of it: ecosystem files, and what is added.

    Raises:
        SettingsInvalid: One of those leads out of the workspace.
    """
    added = tuple(one.removeprefix("./") for one in settings.names("ecosystem_files"))
    for one in added:
        problem = "has a **, which would look through every folder" if "**" in one else problem_with(one)
        if problem:
            raise SettingsInvalid(f"{settings.origins['ecosystem_files']}: {one[:80]!r} {problem}")
    return (*ECOSYSTEM_FILES, *added)


def home(context: Context) -> Path:
    """Return PM2's home."""
    return pm2_home(context.environment)


def wiped(_path: str, data: bytes) -> bool | None:
    """Say only whether nothing is left of a file: what a loop may ask without starting a program."""
    return None if data.strip(b"\0 \t\r\n") else False


def judge(path: str, data: bytes) -> bool | None:
    """Say whether a file is what its kind should be; None where nobody can tell without running it.

    PM2's dump is parsed as JSON, never evaluated: PM2 itself would run whatever it holds.
    """
    if not data.strip(b"\0 \t\r\n"):
        return False
    if path.rpartition("/")[2] in OF_PM2 or path.endswith(".json"):
        return _is_json(data)
    return _parses(data, SystemCommands()) if path.endswith(JAVASCRIPT) else None


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def _parses(data: bytes, commands: Commands) -> bool | None:
    """Let node parse a script without running it."""
    try:
        text = data.decode("utf-8")
        ran = commands.run("node", "--check", "-", timeout_s=CHECK_LIMIT_S, stdin=text)
    except UnicodeDecodeError:
        return False
    except EffectFailed:
        return None
    if ran.status == 0:
        return True
    # An ES module is not judged: what it is allowed to say depends on a package.json that may lie elsewhere.
    es_module = any(words in ran.stderr for words in ES_MODULE)
    return None if es_module or "SyntaxError" not in ran.stderr else False
