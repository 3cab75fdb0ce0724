"""The guards that the master sees: by name and by file, never by their code."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Peer:
    """One guard: its system's name, its app, its entry script, its report, and its folder of snapshots.

    `token` is the variable of the token without which it cannot ask its service; empty where it needs none.
    """

    name: str
    app: str
    script: str
    report: str
    backups: str
    token: str = ""


PM2_GUARD = Peer(
    "pm2",
    "enhanced-pm2-redundancy",
    "enhanced_pm2_redundancy.py",
    "pm2-health-report.json",
    "pm2",
)
PEERS = (
    PM2_GUARD,
    Peer(
        "github",
        "enhanced-github-actions-redundancy",
        "enhanced_github_actions_redundancy.py",
        "github-actions-health-report.json",
        "github-actions",
        token="GITHUB_TOKEN",  # noqa: S106  # a variable's name
    ),
    Peer(
        "netlify",
        "enhanced-netlify-functions-redundancy",
        "enhanced_netlify_functions_redundancy.py",
        "netlify-functions-health-report.json",
        "netlify-functions",
        token="NETLIFY_AUTH_TOKEN",  # noqa: S106  # a variable's name
    ),
)
MASTER_APP = "master-redundancy-orchestrator"


def peer_named(name: str) -> Peer | None:
    """Return the peer of a system's name, or None."""
    return next((peer for peer in PEERS if peer.name == name), None)
