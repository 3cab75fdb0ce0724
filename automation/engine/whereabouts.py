"""Where the files of a system lie: known without reading any settings, so that `status` stays quick."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from automation.engine.loading import load
from automation.engine.system import System
from automation.stores.layout import LOGS_VARIABLE, Layout, backups_folder, logs_folder

INSTALLED_IN = Path(__file__).resolve().parent.parent.parent


def workspace_of(flag: str | None, environment: Mapping[str, str]) -> Path:
    """Return the workspace: the flag, else REDUNDANCY_WORKSPACE, else the folder that holds automation/."""
    return Path(flag or environment.get("REDUNDANCY_WORKSPACE") or INSTALLED_IN).absolute()


def layout_of(system: System, workspace: Path, environment: Mapping[str, str]) -> Layout:
    """Return the paths of a system."""
    logs = logs_folder(workspace, environment)
    own: Path = load(system.own_folder)(environment) if system.own_folder else logs / "state" / system.name
    return Layout(
        workspace=workspace,
        logs=logs,
        backups=backups_folder(workspace, environment),
        system=system.name,
        report_file=system.report,
        log_stem=system.log_stem,
        own=own,
        backups_name=system.backups_folder or system.name,
        own_variable=system.own_variable or LOGS_VARIABLE,
    )
