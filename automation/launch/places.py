"""Where everything is, and with which programs: found once, at the start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from automation.launch.apps import App
from automation.ports.supervisor_home import supervisor_home
from automation.stores import installation
from automation.systems.pm2.daemon.starting import OF_PM2

# Settings that the apps read, beside all REDUNDANCY_*; nothing else of a shell is passed on (safety S19).
PASSED_ON = (
    "PM2_CHECK_INTERVAL",
    "PM2_MAX_RESTARTS",
    "PM2_BACKUP_INTERVAL",
    *OF_PM2,
    "GITHUB_CHECK_INTERVAL",
    "GITHUB_MAX_FAILURES",
    "GITHUB_BACKUP_INTERVAL",
    "GITHUB_TOKEN",
    "GITHUB_TOKEN_FILE",
    "GITHUB_REPOSITORY",
    "GITHUB_API_URL",
    "NETLIFY_CHECK_INTERVAL",
    "NETLIFY_MAX_FAILURES",
    "NETLIFY_BACKUP_INTERVAL",
    "NETLIFY_AUTH_TOKEN",
    "NETLIFY_AUTH_TOKEN_FILE",
    "NETLIFY_SITE_ID",
    "NETLIFY_API_URL",
)
# The ecosystem file stamps these; one that a shell has inherited would be a lie.
_STAMPED = frozenset({"REDUNDANCY_STARTED_AT", "REDUNDANCY_DEFAULTS", "REDUNDANCY_KEEP_SHUTDOWN"})


@dataclass(frozen=True, slots=True)
class Places:
    """The folders and programs of one installation; all paths are absolute."""

    suite: Path
    workspace: Path
    logs: Path
    pm2_home: Path
    node: str
    pm2: str

    @property
    def config(self) -> Path:
        """The ecosystem file, by the name that PM2 takes for one."""
        return self.suite / "ecosystem.enhanced-redundancy.config.cjs"

    @property
    def daemon_lock(self) -> Path:
        """The lock of whatever may start or end PM2's daemon."""
        return self.pm2_home / "redundancy" / "daemon.lock"

    @property
    def shutdown(self) -> Path:
        """The record of a shutdown; a start ends it."""
        return self.logs / "state" / "shutdown.json"

    def report(self, app: App) -> Path:
        """Return the report of an app."""
        return self.logs / app.report

    def error_log(self, app: App) -> Path:
        """Return where an app says why it cannot run."""
        return self.logs / f"{app.log_stem}-error.log"


def locate(suite: Path, environment: Mapping[str, str], node: str, pm2: str) -> Places:
    """Find the folders: what the environment says, then what the installation recorded.

    Raises:
        RecordDamaged: The installation's record cannot be used.
    """
    workspace = (suite / environment.get("REDUNDANCY_WORKSPACE", "")).resolve()
    logs = (workspace / (environment.get("REDUNDANCY_LOGS_DIR") or "logs")).resolve()
    home = supervisor_home(environment)
    if not environment.get("PM2_HOME"):
        recorded = installation.read(installation.workspace_path(logs))
        home = Path(recorded.pm2_home) if recorded is not None else home
    return Places(suite, workspace, logs, home.absolute(), node, pm2)


def environment_for_pm2(
    places: Places, environment: Mapping[str, str], *, keep_shutdown: bool
) -> dict[str, str]:
    """Return what PM2's command gets on top of the short list: the settings, and where its node is."""
    kept = {
        name: value
        for name, value in environment.items()
        if value and (name in PASSED_ON or name.startswith("REDUNDANCY_")) and name not in _STAMPED
    }
    kept["PM2_HOME"] = str(places.pm2_home)
    kept["PATH"] = ":".join([str(Path(places.node).parent), environment.get("PATH", "/usr/bin:/bin")])
    if keep_shutdown:
        kept["REDUNDANCY_KEEP_SHUTDOWN"] = "1"
    return kept
