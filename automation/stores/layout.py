"""Where everything lies: the one place that knows the paths of one system's files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

LOGS_VARIABLE = "REDUNDANCY_LOGS_DIR"
HOME_FOLDER = "redundancy"  # inside the process manager's home


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one system.

    `own` is the folder of what must be unique for what is guarded (lifetime lock, budgets): inside
    logs/state, or in the guarded thing's own home; `own_variable` says where that is.
    """

    workspace: Path
    logs: Path
    backups: Path
    system: str
    report_file: str
    log_stem: str
    own: Path
    backups_name: str = ""
    own_variable: str = LOGS_VARIABLE

    @property
    def state(self) -> Path:
        """The private folder of this system, 0700."""
        return self.logs / "state" / self.system

    @property
    def report(self) -> Path:
        """The report that others read."""
        return self.logs / self.report_file

    @property
    def report_lock(self) -> Path:
        """Held by whoever reads the report to change it."""
        return self.logs / f"{self.report_file}.lock"

    @property
    def guard_lock(self) -> Path:
        """Held by the monitoring loop for life."""
        return self.own / "guard.lock"

    @property
    def action_lock(self) -> Path:
        """Held while acting."""
        return self.state / "action.lock"

    @property
    def history(self) -> Path:
        """How far each ladder was climbed."""
        return self.own / "history.json"

    @property
    def outcomes(self) -> Path:
        """What commands did by hand, for the loop to take into its report."""
        return self.state / "outcomes.jsonl"

    @property
    def pause(self) -> Path:
        """The maintenance window, while there is one."""
        return self.state / "pause.json"

    @property
    def snapshots(self) -> Path:
        """The snapshots of this system."""
        return self.backups / self.backups_name

    @property
    def backup_outcome(self) -> Path:
        """What was last done about backups."""
        return self.state / "backup.json"

    @property
    def outbox(self) -> Path:
        """What a human must still be told."""
        return self.state / "outbox.json"

    @property
    def lease(self) -> Path:
        """Which systems an emergency has taken from their guards, and until when."""
        return self.logs / "state" / "lease.json"

    @property
    def shutdown(self) -> Path:
        """That the suite was shut down, while it is."""
        return self.logs / "state" / "shutdown.json"

    @property
    def audit(self) -> Path:
        """Every act of every system, one line before and one after."""
        return self.logs / "audit.jsonl"

    @property
    def out_log(self) -> Path:
        """The log, one JSON object a line."""
        return self.logs / f"{self.log_stem}-out.log"

    @property
    def error_log(self) -> Path:
        """What went to stderr: crashes."""
        return self.logs / f"{self.log_stem}-error.log"

    @property
    def orphan_log(self) -> Path:
        """Where the log goes on when nobody reads our output any more."""
        return self.logs / f"{self.log_stem}-orphan.log"


def logs_folder(workspace: Path, environment: Mapping[str, str]) -> Path:
    """Return the folder of logs and reports: REDUNDANCY_LOGS_DIR, else logs/ in the workspace."""
    return workspace / (environment.get(LOGS_VARIABLE) or "logs")


def backups_folder(workspace: Path, environment: Mapping[str, str]) -> Path:
    """Return the folder of snapshots: REDUNDANCY_BACKUPS_DIR, else backups/ in the workspace."""
    return workspace / (environment.get("REDUNDANCY_BACKUPS_DIR") or "backups")
