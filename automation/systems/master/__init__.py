"""The master: sees the reports of all, scores the whole, and runs the emergency."""

from __future__ import annotations

from automation.engine.system import Command, Option, System
from automation.engine.vocabulary import JSON, SCHEDULED

_HERE = "automation.systems.master"

SYSTEM = System(
    name="master",
    title="The master",
    app="master-redundancy-orchestrator",
    report="master-redundancy-report.json",
    log_stem="master-orchestrator",
    settings=f"{_HERE}.settings:SETTINGS",
    twins=("enhanced.masterOrchestrator",),
    observer=f"{_HERE}.observer:connect",
    ladders=f"{_HERE}.ladders:ladders",
    steps={
        "restart-guard": f"{_HERE}.steps:restart_guard",
        "begin-emergency": f"{_HERE}.steps:begin_emergency",
        "free-guards": f"{_HERE}.steps:free_guards",
    },
    doctor=f"{_HERE}.doctor:doctor",
    # Its backup takes one of every system.
    also_reads=(
        *("PM2_HOME", "PM2_DAEMON_RPC_PORT", "PM2_DAEMON_PUB_PORT"),
        *("PM2_DUMP_FILE_PATH", "PM2_DUMP_BACKUP_FILE_PATH", "PM2_MODULE_CONF_FILE"),
        *("GITHUB_REPOSITORY", "GITHUB_API_URL", "NETLIFY_SITE_ID", "NETLIFY_API_URL"),
    ),
    script="master_redundancy_orchestrator.py",
    backup=f"{_HERE}.backed_up:backed_up",
    commands=(
        Command(
            "report",
            "Print the whole report: each finding, each system, and the story of the last emergency.",
            "report",
            f"{_HERE}.reporting:report",
            (JSON,),
            reads_only=True,
        ),
        Command(
            "backup",
            "Take a snapshot of every system, as one set that can be restored together.",
            "backup",
            f"{_HERE}.everything:backup",
            (
                Option(("--reason",), "why, for the list", takes="TEXT"),
                Option(("--emergency",), "keep it, but never take it for the latest good one"),
                Option(("--prune",), "apply the retention policy afterwards"),
                SCHEDULED,
                JSON,
            ),
        ),
        Command(
            "restore",
            "Put back every system as one set has it; without ID the newest whole one of valid files.",
            "restore --dry-run",
            f"{_HERE}.restoring:restore",
            (
                Option(
                    ("id",), "the master's snapshot that names the set, or the beginning of it", takes="ID"
                ),
                Option(
                    ("--path",), "only this file or folder; may stand several times", takes="P", many=True
                ),
                Option(("--dry-run",), "show what would change; change nothing"),
                Option(("--yes",), "do not ask"),
                JSON,
            ),
        ),
        Command(
            "recovery",
            "Let every guard climb its ladder for what is wrong now.",
            "recovery --dry-run",
            f"{_HERE}.everything:recovery",
            (
                Option(("--dry-run",), "print the steps that would be taken; take none"),
                Option(("--subject",), "only this one, as the findings name it", takes="NAME"),
            ),
        ),
        Command(
            "emergency",
            "Run the four steps: guards pause, everything is backed up, recovered, and freed again.",
            "emergency",
            f"{_HERE}.emergency:emergency",
            (
                Option(("--system",), "only this system; may stand several times", takes="NAME", many=True),
                Option(("--wanted",), "only the systems that the monitoring loop has asked for"),
                Option(("--dry-run",), "print the four steps; take none"),
            ),
        ),
        Command(
            "shutdown",
            "Stop the suite's own apps, in an order that loses nothing, and only them.",
            "shutdown",
            f"{_HERE}.shutdown:shutdown",
        ),
    ),
)
