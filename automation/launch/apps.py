"""The suite's own apps, one row each; the ecosystem file holds the same table for PM2."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class App:
    """One app: its name in PM2, its entry script in automation/, and its files in logs/."""

    name: str
    script: str
    report: str
    log_stem: str


TABLE = (
    App("enhanced-pm2-redundancy", "enhanced_pm2_redundancy.py", "pm2-health-report.json", "enhanced-pm2"),
    App(
        "enhanced-github-actions-redundancy",
        "enhanced_github_actions_redundancy.py",
        "github-actions-health-report.json",
        "enhanced-github",
    ),
    App(
        "enhanced-netlify-functions-redundancy",
        "enhanced_netlify_functions_redundancy.py",
        "netlify-functions-health-report.json",
        "enhanced-netlify",
    ),
    App(
        "master-redundancy-orchestrator",
        "master_redundancy_orchestrator.py",
        "master-redundancy-report.json",
        "master-orchestrator",
    ),
)


def offered(suite: Path) -> tuple[App, ...]:
    """Return the apps whose entry script is there: what does not exist is not offered."""
    return tuple(app for app in TABLE if (suite / "automation" / app.script).is_file())
