"""What every command starts from: the workspace, its files, the settings, and who may change anything."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from automation.core.errors import EffectFailed, NotAllowed, SettingsInvalid, UsageInvalid
from automation.core.settings import Settings, SettingsFile, Unused, parse_file, resolve
from automation.engine.section_settings import known_settings
from automation.engine.shared_settings import DROPPED, IGNORED, UNBUILT
from automation.engine.system import System
from automation.engine.whereabouts import layout_of
from automation.ports.clock import Clock
from automation.ports.files import make_folder, read_whole, refuse_remote
from automation.ports.process import owns
from automation.stores.layout import Layout
from automation.stores.report_access import access_of

SETTINGS_FILE = "automation/redundancy-config.json"


@dataclass(frozen=True, slots=True)
class Context:
    """What a guard works with; `by_hand` says that a person asked for it to act, now."""

    system: System
    layout: Layout
    settings: Settings
    environment: Mapping[str, str]
    clock: Clock
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("redundancy"))
    by_hand: bool = False


def build(system: System, workspace: Path, environment: Mapping[str, str], clock: Clock) -> Context:
    """Read the settings and lay out the files; nothing is written.

    Raises:
        SettingsInvalid: A setting is wrong; the line says where.
        NotAllowed: Reports are to go to a group that this user is not in.
    """
    file = read_settings_file(workspace)
    settings = effective(system, environment, file)
    access_of(environment)
    return Context(system, layout_of(system, workspace, environment), settings, environment, clock)


def effective(system: System, environment: Mapping[str, str], file: SettingsFile) -> Settings:
    """Return a system's settings as they hold now.

    Raises:
        SettingsInvalid: A setting is wrong; the line says where.
    """
    return resolve(known_settings(system), chosen(environment), file, {}, unused_by(system))


def unused_by(system: System) -> Unused:
    """Return the keys of the settings file that this system accepts without effect."""
    return Unused({**IGNORED, **system.ignored_keys}, DROPPED, UNBUILT)


def chosen(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without what only the ecosystem file's own defaults put there.

    It names them in REDUNDANCY_DEFAULTS (`NAME=value …`): nobody chose them: the settings file comes first.
    """
    defaults = dict(
        one.partition("=")[::2] for one in environment.get("REDUNDANCY_DEFAULTS", "").split() if "=" in one
    )
    return {name: value for name, value in environment.items() if defaults.get(name) != value}


def read_settings_file(workspace: Path) -> SettingsFile:
    """Read the settings file of a workspace; an absent one holds nothing.

    Raises:
        SettingsInvalid: It cannot be read, or is no JSON object.
    """
    try:
        data = read_whole(workspace / SETTINGS_FILE, cap=1024 * 1024)
    except EffectFailed as error:
        raise SettingsInvalid(str(error)) from error
    if data is None:
        return SettingsFile(SETTINGS_FILE)
    try:
        return parse_file(data.decode("utf-8-sig"), SETTINGS_FILE)
    except UnicodeDecodeError as error:
        raise SettingsInvalid(f"{SETTINGS_FILE}: not UTF-8 text (byte {error.start})") from error


def prepare_folders(layout: Layout) -> None:
    """Make the folders that a command which changes anything needs, private ones 0700.

    Raises:
        UsageInvalid: There is no such workspace.
        NotAllowed: Our user owns neither the guarded home nor the workspace (safety S18), or there is no
            home.
        EffectFailed: The disk said no, or the folder is on a network file system (safety S24).
    """
    if not layout.workspace.is_dir():
        raise UsageInvalid(f"workspace {layout.workspace}: no such folder; see --workspace")
    if not owns(layout.own) and not owns(layout.workspace):
        raise NotAllowed(
            f"this user owns neither {layout.own.parent} nor {layout.workspace}: run it as the one who does"
        )
    if layout.own != layout.state and not layout.own.parent.exists():  # a home is never made, only entered
        raise NotAllowed(f"{layout.own.parent}: no such folder: what is guarded was never here")
    make_folder(layout.logs)
    keep_out_of_git(layout.logs)
    make_folder(layout.logs / "state", mode=0o700)
    make_folder(layout.state, mode=0o700)
    make_folder(layout.own, mode=0o700)
    refuse_remote(layout.state)
    refuse_remote(layout.own, layout.own_variable)


def keep_out_of_git(folder: Path) -> None:
    """Put a `.gitignore` of `*` into a folder that must never leave by accident (safety S23)."""
    ignore = folder / ".gitignore"
    if not ignore.exists():
        try:
            ignore.write_text("*\n!.gitignore\n", "utf-8")
        except OSError as error:
            raise EffectFailed(f"cannot write {ignore}: {error.strerror}") from error
