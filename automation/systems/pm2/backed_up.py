"""What the PM2 guard backs up: ecosystem files, the scripts in automation/, the settings, and PM2's dump."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from automation.core.errors import AutomationError, EffectFailed, SettingsInvalid
from automation.core.settings import Settings
from automation.engine.context import SETTINGS_FILE, Context
from automation.engine.kept_files import matching_files
from automation.engine.snapshots import BackedUp
from automation.ports.commands import Commands, Ran, SystemCommands
from automation.ports.scratch import scratch_folder
from automation.stores.backups.entry_path import problem_with
from automation.stores.backups.store import Source
from automation.systems.pm2.dump.condition import Condition, condition_of, judge_dump
from automation.systems.pm2.dump.copies import valid_copies
from automation.systems.pm2.dump.where import BEFORE, DUMP, MODULES, PREFIX, KeptFile, files_of_pm2
from automation.systems.pm2.home import daemon_lock, own_folder_of, pm2_home
from automation.systems.pm2.intents import Intents
from automation.systems.pm2.memory import NO_DAEMON, Memory

ECOSYSTEM_FILES = ("ecosystem*.js", "ecosystem*.cjs", "ecosystem*.mjs", "ecosystem*.json", "ecosystem*.y*ml")
SCRIPTS = ("automation/*.py", "automation/*.sh", "automation/*.js", "automation/*.cjs", "automation/*.mjs")
SETTINGS_NAME = SETTINGS_FILE.rpartition("/")[2]
CHECK_LIMIT_S = 10.0
JAVASCRIPT = (".js", ".cjs", ".mjs")
ES_MODULE = ("outside a module", "Unexpected token 'export'", "import.meta")


def backed_up(context: Context) -> BackedUp:
    """Return the sources of this system's snapshots."""
    workspace, there = context.layout.workspace, home(context)
    files = files_of_pm2(there, context.environment)
    roots = {PREFIX: there} | {one.prefix: one.path.parent for one in files if one.prefix != PREFIX}
    return BackedUp(
        sources=(
            Source(
                matching_files(workspace, (*guarded_files(context.settings), *SCRIPTS, SETTINGS_FILE)),
                valid=judge,
            ),
            *_sources_of_pm2(context, there, roots),
        ),
        roots=roots,
        locks=dict.fromkeys(roots, daemon_lock(there)),
    )


def _sources_of_pm2(context: Context, there: Path, roots: Mapping[str, Path]) -> Iterator[Source]:
    """Yield a source for each folder that PM2's own files lie in, PM2's home before all others."""
    files = files_of_pm2(there, context.environment)
    for prefix in roots:
        those = [one for one in files if one.prefix == prefix]
        names = [one.path.name for one in those if one.path.exists()]
        yield Source(names, prefix=prefix, valid=HomeJudge(context, there, those))


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


class HomeJudge:
    """The judge of PM2's own files: of the dump it also knows which apps no hand has deleted."""

    def __init__(self, context: Context, there: Path, files: Sequence[KeptFile]) -> None:
        self._context = context
        self._home = there
        self._files = {one.path.name: one for one in files}

    def __call__(self, path: str, data: bytes) -> bool | None:
        """Judge one file's bytes."""
        file = self._files[path]
        return self._judge_dump(file, data) if file.standard == DUMP else judge(file.standard, data)

    def _judge_dump(self, file: KeptFile, data: bytes) -> bool:
        before = next(valid_copies(self._context.layout.snapshots, file.entry), None)
        try:
            written_at_s = file.path.stat().st_mtime
            intents = Memory(own_folder_of(self._home)).load_intents()
        except (OSError, AutomationError):
            written_at_s, intents = None, Intents(NO_DAEMON, {})
        return judge_dump(
            data,
            b"" if before is None else before.data,
            intents,
            written_at_s=written_at_s,
            now_s=self._context.clock.now_s(),
        )


def home(context: Context) -> Path:
    """Return PM2's home."""
    return pm2_home(context.environment)


def wiped(_path: str, data: bytes) -> bool | None:
    """Say only whether nothing is left of a file: what a loop may ask without starting a program."""
    return None if data.strip(b"\0 \t\r\n") else False


def judge(path: str, data: bytes) -> bool | None:
    """Say whether a file is what its kind should be; None where nobody can tell without running it."""
    if not data.strip(b"\0 \t\r\n"):
        return False
    name = path.rpartition("/")[2]
    if name in (DUMP, BEFORE):
        return condition_of(data)[0] in {Condition.WHOLE, Condition.HOLDS_NOTHING}
    if name in {MODULES, SETTINGS_NAME}:
        return _is_json(data)
    if path.endswith(".json"):  # PM2 takes an ecosystem file's JSON for JavaScript: comments are fine
        return _is_json(data) or _parses(b"(" + data + b"\n)", ".js", SystemCommands())
    extension = next((one for one in JAVASCRIPT if path.endswith(one)), None)
    return None if extension is None else _parses(data, extension, SystemCommands())


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def _parses(data: bytes, extension: str, commands: Commands) -> bool | None:
    """Let node parse a script without running it."""
    try:
        text = data.decode("utf-8")
        ran = _check_module(data, commands) if extension == ".mjs" else _check_script(text, commands)
    except UnicodeDecodeError:
        return False
    except (EffectFailed, OSError):
        return None
    if ran.status == 0:
        return True
    # An ES module under .js is not judged: what it may say depends on a package.json that may lie elsewhere.
    es_module = extension != ".mjs" and any(words in ran.stderr for words in ES_MODULE)
    return None if es_module or "SyntaxError" not in ran.stderr else False


def _check_script(text: str, commands: Commands) -> Ran:
    return commands.run("node", "--check", "-", timeout_s=CHECK_LIMIT_S, stdin=text)


def _check_module(data: bytes, commands: Commands) -> Ran:
    """Check an ES module: node tells one by the name of its file."""
    with scratch_folder("redundancy-script-") as folder:
        script = folder / "script.mjs"
        script.write_bytes(data)
        return commands.run("node", "--check", str(script), timeout_s=CHECK_LIMIT_S)
